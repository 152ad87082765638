import ReplicaState
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

extension BypassTests {
    /// Marks that nobody heard of, and copies that a mount knows to be old: both found by seeds of HealSimulationTests.
    @Suite struct BypassDoubtTests {
        @Test func `an epoch that may be marked is remembered while the file is closed`() async throws {
            // Goal: no split-brain. Method: the mark is set, its reply and all readings get lost, the file is closed
            // and forgotten, the target goes down. A write to the other replica would accuse the target, which accuses
            // that one.
            let stack = try await BypassStack()
            var fd: Fd? = try await stack.create("file")
            let gfid = fd!.inode.gfid
            stack.faulty[0].fail(.xattrop, with: .io, at: .after)
            stack.faulty[0].fail(.fxattrop, with: .io, at: .after)
            await #expect(throws: FopError.io) { try await stack.write("a", to: fd!) }
            #expect(stack.epochs(0, about: 1, "file") == BypassCounts(opened: 1))
            await stack.bypass.release(fd!)
            fd = nil
            #expect(await stack.pass(.seconds(1)) { stack.graph.environment.inodes.find(gfid) == nil })

            await stack.links[0].cut()
            await #expect(throws: FopError.io) { try await stack.lookup("file") }
            let again = try await stack.open(stack.inode(gfid))
            await #expect(throws: FopError.io) { try await stack.write("b", to: again) }
            await #expect(throws: FopError.io) { try await stack.read(again) }
            #expect(stack.counts(1, about: 0, "file").isZero && stack.text(1, "file") == "")

            // When the target can be asked it goes on.
            stack.faulty[0].mend()
            stack.links[0].mend()
            stack.clock.advance(by: .seconds(2))
            try await stack.write("c", to: again)
            #expect(stack.text(0, "file") == "c" && stack.text(1, "file") == "c")
            try await stack.close(again)
            await stack.stop()
        }

        @Test func `an epoch without writes is remembered when its target goes, also while the file is closed`()
            async throws
        {
            // As above, but the mark is known to be there. Method: an epoch rolls, the one before it is healed, and the
            // target goes before anything is written in the new one.
            let stack = try await BypassStack()
            var fd: Fd? = try await stack.create("file")
            let gfid = fd!.inode.gfid
            try await stack.write("a", to: fd!)
            #expect(await stack.pass { stack.observer.events.contains(.opened(2)) })
            stack.heal("file", on: 1, epochs: 1)
            stack.bypass.confirmed(gfid: gfid, generation: 1, replica: 1)
            #expect(await stack.pass { stack.bypass.backlog.withLock { $0.waiting.files.isEmpty } })
            await stack.links[0].cut()
            #expect(await stack.passIdle(fd!))
            await stack.bypass.release(fd!)
            fd = nil
            #expect(await stack.pass(.seconds(1)) { stack.graph.environment.inodes.find(gfid) == nil })

            await #expect(throws: FopError.io) { try await stack.lookup("file") }
            let again = try await stack.open(stack.inode(gfid))
            await #expect(throws: FopError.io) { try await stack.write("b", to: again) }
            #expect(stack.counts(1, about: 0, "file").isZero && stack.text(1, "file") == "a")
            stack.links[0].mend()
            stack.clock.advance(by: .seconds(2))
            try await stack.write("c", to: again)
            try await stack.close(again)
            await stack.stop()
        }

        @Test func `a doubtful epoch that was never marked is forgotten once that was read`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            stack.faulty[0].fail(.xattrop, with: .io, times: 3, at: .before)
            try? await stack.write("a", to: fd)
            #expect(stack.epochs(0, about: 1, "file") == BypassCounts())
            // Nobody has to tell: the sweep looks.
            #expect(await stack.pass(.seconds(1)) { stack.bypass.backlog.withLock { $0.doubtful.isEmpty } })
            await stack.links[0].cut()
            try await stack.write("b", to: fd)
            #expect(stack.text(1, "file") == "b")
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a write that waits for its lock does not go to old copies alone when the target goes down`()
            async throws
        {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            #expect(await stack.passIdle(fd))
            // The next one goes through replicate, and somebody holds the other replica's lock.
            stack.observer.canJournal = false
            stack.clearRecords()
            let frame = Frame(caller: .root)
            func lock(_ command: LockCommand) async throws {
                _ = try await stack.links[1].inodelk(
                    InodelkRequest(.inode(fd.inode), domain: "v-replicate-0", command: command, range: .whole),
                    in: frame)
            }
            try await lock(.acquire)
            let write = Task { try await stack.write("b", to: fd, at: 1) }
            #expect(
                await eventually {
                    stack.recording[1].steps.contains { $0.ended == nil && $0.arguments.contains("command=acquire") }
                })
            await stack.links[0].cut()
            try await lock(.release)
            await #expect(throws: FopError.io) { _ = try await write.value }
            #expect(stack.text(1, "file") == "" && stack.counts(1, about: 0, "file").isZero)
            stack.links[0].mend()
            try? await stack.close(fd)
            await stack.stop()
        }
    }
}
