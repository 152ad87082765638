import ReplicaState
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

extension BypassTests {
    @Suite struct BypassSyncTests {
        @Test func `a local fsync syncs the target and waits for nobody`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            stack.clearRecords()
            try await stack.fsync(fd)
            #expect(stack.recording[0].fops == [.fsync] && stack.recording[1].fops == [])
            #expect(stack.observer.events == [])
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `what went through replicate is synced there too`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            stack.observer.canJournal = false
            try await stack.write("a", to: fd)
            stack.clearRecords()
            try await stack.fsync(fd)
            #expect(stack.recording[1].fops.contains(.fsync))
            stack.observer.canJournal = true
            stack.clock.advance(by: .seconds(2))
            try await stack.write("b", to: fd)
            stack.clearRecords()
            try await stack.fsync(fd)
            #expect(!stack.recording[1].fops.contains(.fsync))
            try await stack.close(fd)
            await stack.stop()
        }

        @Test(arguments: ["all", "quorum"])
        func `fsync rolls, asks for a heal, and returns when enough replicas hold it`(strength: String) async throws {
            let stack = try await BypassStack(3, bypass: "option fsync \(strength)")
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            let done = Done()
            let sync = Task {
                try await stack.fsync(fd)
                done.set()
            }
            #expect(await eventually { stack.observer.events.contains(.wanted(1)) })
            #expect(stack.observer.events.contains(.closed(1, records: 1, isExact: true)))
            #expect(stack.observer.events.contains(.opened(2)))
            stack.heal("file", on: 2, epochs: 1)
            stack.bypass.confirmed(gfid: fd.inode.gfid, generation: 1, replica: 2)
            if strength == "quorum" {
                #expect(await eventually { done.isSet })
            } else {
                // The confirmation of the other gets lost: its xattrs tell.
                for _ in 0..<5 { stack.clock.advance(by: .milliseconds(100)) }
                #expect(!done.isSet)
                stack.heal("file", on: 1, epochs: 1)
                #expect(await stack.pass(.milliseconds(100)) { done.isSet })
            }
            try await sync.value
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a confirmation is a hint: what is not healed is not held`() async throws {
            let stack = try await BypassStack(bypass: "option fsync all\n option fsync-timeout 1")
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            let sync = Task { try await stack.fsync(fd) }
            #expect(await eventually { stack.observer.events.contains(.wanted(1)) })
            stack.bypass.confirmed(gfid: fd.inode.gfid, generation: 1, replica: 1)
            stack.clock.advance(by: .milliseconds(500))
            stack.bypass.confirmed(gfid: fd.inode.gfid, generation: 1, replica: 1)
            #expect(await stack.pass(.milliseconds(100)) { stack.bypass.status.fsyncsFailed == 1 })
            await #expect(throws: FopError.io) { try await sync.value }
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `fsync of what nobody has written since the heal returns at once`() async throws {
            let stack = try await BypassStack(bypass: "option fsync all")
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            #expect(await stack.passIdle(fd))
            stack.heal("file", on: 1)
            try await stack.fsync(fd)
            try await stack.fsync(fd)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `fsync waits for what an earlier open of the file left unhealed`() async throws {
            let stack = try await BypassStack(bypass: "option fsync all\n option fsync-timeout 1")
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            try await stack.close(fd)
            let again = try await stack.open("file")
            let sync = Task { try await stack.fsync(again) }
            #expect(await eventually { stack.observer.events.contains(.wanted(1)) })
            stack.heal("file", on: 1)
            #expect(await stack.pass(.milliseconds(100)) { stack.bypass.status.backlogFiles == 0 })
            try await sync.value
            try await stack.close(again)
            await stack.stop()
        }

        @Test func `with a replica down fsync of what is not healed is EIO at once, and writes are replicated`()
            async throws
        {
            let stack = try await BypassStack(3, bypass: "option fsync quorum")
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            let sync = Task { try await stack.fsync(fd) }
            #expect(await eventually { stack.observer.events.contains(.wanted(1)) })
            await stack.links[2].cut()
            await #expect(throws: FopError.io) { try await sync.value }
            #expect(await eventually { stack.phase(fd) == .closed })
            try await stack.write("b", to: fd, at: 1)
            #expect(stack.text(1, "file") == "\0b")
            #expect(stack.bypass.status.heldBack == "degraded")
            // Back again: bypassed again.
            stack.links[2].mend()
            stack.clock.advance(by: .seconds(2))
            stack.accuse(1, 2, .zero, "file")
            try await stack.write("c", to: fd, at: 2)
            #expect(stack.bypass.status.heldBack == nil)
            try await stack.close(fd)
            await stack.stop()
        }

        /// fsync in the mount `stack`: EIO after its second unless a healer comes; then it returns.
        private func expectWaits(_ stack: BypassStack, _ fd: Fd, heal: () -> Void) async throws {
            let sync = Task { await failure { try await stack.fsync(fd) } }
            #expect(await stack.pass(.milliseconds(100)) { stack.bypass.status.fsyncsFailed == 1 })
            #expect(await sync.value == .io)
            let done = Done()
            let again = Task {
                try await stack.fsync(fd)
                done.set()
            }
            #expect(await eventually { stack.bypass.status.fsyncsWaited == 2 })
            #expect(!done.isSet)
            heal()
            #expect(await stack.pass(.milliseconds(100)) { done.isSet })
            try await again.value
        }
        private static let all = "option fsync all\n option fsync-timeout 1"

        @Test(arguments: [true, false])
        func `fsync all waits for what another mount wrote, which has ended or has not`(hasEnded: Bool) async throws {
            let other = try await BypassStack()
            let written = try await other.create("file")
            try await other.write("a", to: written)
            #expect(await other.passIdle(written))
            if hasEnded {
                try await other.close(written)
                await other.stop()
            }
            let stack = try await BypassStack(bypass: Self.all, at: other)
            let fd = try await stack.open("file")
            try await expectWaits(stack, fd) { stack.heal("file", on: 1) }
            try await stack.close(fd)
            await stack.stop()
            if !hasEnded { await other.stop() }
        }

        @Test(arguments: [true, false])
        func `fsync all waits for a replica that missed what went through replicate`(failsSync: Bool) async throws {
            let stack = try await BypassStack(bypass: Self.all)
            let fd = try await stack.create("file")
            stack.observer.canJournal = false
            stack.faulty[1].fail(failsSync ? .fsync : .writev, with: .noSpace, times: 1)
            try await stack.write("a", to: fd)
            if failsSync { stack.faulty[1].fail(.fsync, with: .io, times: 1) }
            try await expectWaits(stack, fd) {
                stack.heal("file", on: 1, epochs: 0)
                stack.accuse(0, 1, .zero, "file")
                // Who failed stays dirty until a heal.
                for replica in 0...1 {
                    XattrReading.set(
                        PendingCounts.dirtyKey, to: PendingCounts.zero.xattr, at: stack.path(replica, "file"))
                }
            }
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `fsync all waits for a transaction that was left half-way`() async throws {
            let stack = try await BypassStack(bypass: Self.all)
            let fd = try await stack.create("file")
            func dirty(_ count: Int32) {
                XattrReading.set(
                    PendingCounts.dirtyKey, to: PendingCounts(data: count).xattr, at: stack.path(1, "file"))
            }
            dirty(1)
            try await expectWaits(stack, fd) { dirty(0) }
            try await stack.close(fd)
            await stack.stop()
        }

        @Test(arguments: [false, true])
        func `fsync all needs no pause of a mount that writes through replicate`(isBusy: Bool) async throws {
            let other = try await BypassStack()
            let written = try await other.create("file")
            let stack = try await BypassStack(bypass: Self.all, at: other)
            let fd = try await stack.open("file")
            other.observer.canJournal = false
            try await other.write("a", to: written)
            #expect(other.dirty(0, "file").data != 0)
            let done = Done()
            let writing = Task { while isBusy, !done.isSet { try await other.write("b", to: written) } }
            let sync = Task {
                defer { done.set() }
                return await failure { try await stack.fsync(fd) }
            }
            // The clock stands still: no delay of its own ends what the other began, and no look comes after the first.
            #expect(await eventually { done.isSet })
            if !done.isSet { _ = await stack.pass(.milliseconds(100)) { done.isSet } }
            #expect(await sync.value == nil)
            try await writing.value
            try await stack.close(fd)
            try await other.close(written)
            await stack.stop()
            await other.stop()
        }

        @Test(arguments: ["all", "quorum"])
        func `with a replica down fsync of what was replicated is as many copies as there are`(
            strength: String
        ) async throws {
            let stack = try await BypassStack(3, bypass: "option fsync \(strength)")
            let fd = try await stack.create("file")
            await stack.links[strength == "all" ? 2 : 0].cut()
            try await stack.write("a", to: fd)
            #expect(await failure { try await stack.fsync(fd) } == (strength == "all" ? .io : nil))
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a write with O_DSYNC is held by as many as an fsync`() async throws {
            let stack = try await BypassStack(bypass: Self.all)
            let fd = try await stack.create("file")
            let write = WriteRequest(fd: fd, offset: 0, payload: stack.payload([97]), flags: .dsync)
            let done = Done()
            let writing = Task {
                _ = try await stack.bypass.writev(write, in: stack.frame)
                done.set()
            }
            #expect(await eventually { stack.observer.events.contains(.wanted(1)) })
            #expect(!done.isSet)
            stack.heal("file", on: 1, epochs: 1)
            #expect(await stack.pass(.milliseconds(100)) { done.isSet })
            try await writing.value
            try await stack.close(fd)
            await stack.stop()
        }

        @Test(arguments: [("close", false), ("unlock", false), ("unlock", true)])
        func `fsync-at: a close, or an unlock, waits for the heal and lets the lock go all the same`(
            moment: String, unlocks: Bool
        ) async throws {
            let stack = try await BypassStack(
                bypass: "option fsync all\n option fsync-timeout 1\n option fsync-at \(moment)")
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            func end() async throws(FopError) {
                if unlocks {
                    let lock = PosixLock(kind: .unlock, range: .whole, pid: 7)
                    _ = try await stack.bypass.lk(LkRequest(fd: fd, command: .set, lock: lock), in: stack.frame)
                } else {
                    _ = try await stack.bypass.flush(FlushRequest(fd: fd), in: stack.frame)
                }
            }
            let vain = Task { await failure { try await end() } }
            #expect(await stack.pass(.milliseconds(100)) { stack.bypass.status.fsyncsFailed == 1 })
            #expect(await vain.value == .io)
            #expect(stack.recording[0].fops.contains(unlocks ? .lk : .flush), "the brick hears of it")
            let done = Done()
            let again = Task {
                try await end()
                done.set()
            }
            #expect(await eventually { stack.bypass.status.fsyncsWaited == 2 })
            #expect(!done.isSet)
            stack.heal("file", on: 1)
            #expect(await stack.pass(.milliseconds(100)) { done.isSet })
            try await again.value
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `without fsync-at a close waits for nobody`() async throws {
            let stack = try await BypassStack(bypass: "option fsync all")
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            _ = try await stack.bypass.flush(FlushRequest(fd: fd), in: stack.frame)
            #expect(stack.bypass.status.fsyncsWaited == 0)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a file without a name counts as held`() async throws {
            let stack = try await BypassStack(bypass: "option fsync all")
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            _ = try await stack.bypass.unlink(UnlinkRequest(parent: stack.root, name: "file"), in: stack.frame)
            try await stack.fsync(fd)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `an interrupted fsync ends, and the inode works on`() async throws {
            let stack = try await BypassStack(bypass: "option fsync all")
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            let sync = Task { try await stack.fsync(fd) }
            #expect(await eventually { stack.observer.events.contains(.wanted(1)) })
            sync.cancel()
            await #expect(throws: FopError.interrupted) { try await sync.value }
            try await stack.write("b", to: fd, at: 1)
            try await stack.close(fd)
            #expect(stack.observer.closed.values.reduce(0, +) == 2)
            await stack.stop()
        }
    }
}

/// A flag that a task sets.
final class Done: Sendable {
    private let flag = Atomic<Bool>(false)
    var isSet: Bool { flag.load(ordering: .acquiring) }
    func set() { flag.store(true, ordering: .releasing) }
}
