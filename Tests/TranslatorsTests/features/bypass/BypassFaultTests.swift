import ReplicaState
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

extension BypassTests {
    @Suite struct BypassFaultTests {
        private func detours(_ stack: BypassStack, _ reason: Detour) -> UInt64 {
            stack.bypass.status.detours.first { $0.reason == reason.name }!.count
        }
        private func bypassLocks(_ stack: BypassStack) -> [String] {
            stack.links.flatMap(\.heldLocks).filter { $0.contains("bypass") }
        }

        @Test func `when the xattrop's reply is lost nothing is written under the epoch that it may have opened`()
            async throws
        {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            // Nor can the counters be read afterwards.
            stack.faulty[0].fail(.xattrop, with: .io, times: 2, at: .after)
            try await stack.write("a", to: fd)
            #expect(stack.observer.events == [.opening, .closed(1, records: 0, isExact: false)])
            #expect(stack.epochs(0, about: 1, "file") == BypassCounts(opened: 1))
            #expect(stack.text(0, "file") == "a" && stack.text(1, "file") == "a")
            #expect(bypassLocks(stack).isEmpty)
            // The next one counts on.
            stack.clock.advance(by: .seconds(2))
            try await stack.write("b", to: fd)
            #expect(stack.observer.events.contains(.opened(2)))
            #expect(stack.epochs(0, about: 1, "file") == BypassCounts(opened: 2))
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `when the xattrop was not done, and that can be seen, no epoch is closed`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            stack.faulty[0].fail(.xattrop, with: .noSpace, times: 1, at: .before)
            try await stack.write("a", to: fd)
            #expect(stack.observer.events == [.opening])
            #expect(stack.epochs(0, about: 1, "file") == BypassCounts())
            #expect(detours(stack, .noRoom) == 1 && stack.text(1, "file") == "a")
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a mark that cannot be synced is not written under`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            stack.lengthen("file", to: 1)
            stack.faulty[0].fail(.fsync, with: .io, times: 1)
            try await stack.write("a", to: fd)
            #expect(stack.observer.events == [.opening, .closed(1, records: 0, isExact: false)])
            #expect(stack.text(1, "file") == "a")
            #expect(stack.bypass.status.epochsInexact == 1)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test(arguments: [FaultyTranslator.Moment.before, .after])
        func `when a roll fails the old epoch is closed with its count, and writes are replicated for a while`(
            moment: FaultyTranslator.Moment
        ) async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            stack.faulty[0].fail(.xattrop, with: .io, times: 1, at: moment)
            #expect(await stack.pass { stack.phase(fd) == .closed })
            var expected: [RecordingObserver.Event] = [.closed(1, records: 1, isExact: true)]
            if moment == .after { expected.append(.closed(2, records: 0, isExact: false)) }
            #expect(
                Set(expected) == Set(stack.observer.events.filter { if case .closed = $0 { true } else { false } }))
            #expect(bypassLocks(stack).isEmpty)
            try await stack.write("b", to: fd, at: 1)
            #expect(detours(stack, .failed) == 1 && stack.text(1, "file") == "\0b")
            stack.clock.advance(by: .seconds(2))
            try await stack.write("c", to: fd, at: 2)
            #expect(stack.phase(fd) == .open)
            #expect(stack.epochs(0, about: 1, "file").opened == (moment == .after ? 3 : 2))
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a write that goes on while a roll fails is counted in the old epoch`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            let gate = stack.faulty[0].hold(.xattrop)
            stack.faulty[0].fail(.xattrop, with: .io, times: 1, at: .before)
            #expect(await stack.pass { gate.heldCount == 1 })
            try await stack.write("b", to: fd, at: 1)
            gate.open()
            #expect(await eventually { stack.observer.closed[1] == 2 })
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `when a sink goes down the epoch is closed as it is, and another opens under a new lease`()
            async throws
        {
            let stack = try await BypassStack(3)
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            await stack.links[2].cut()
            #expect(await eventually { stack.phase(fd) == .closed })
            #expect(stack.observer.events.last == .closed(1, records: 1, isExact: true))
            try await stack.write("b", to: fd, at: 1)
            #expect(stack.observer.events.contains(.opened(2)))
            #expect(stack.counts(0, about: 2, "file").data == 2 * 65_536)
            // Back again: the lease has to be taken there too.
            stack.links[2].mend()
            #expect(await eventually { stack.phase(fd) == .closed })
            try await stack.write("c", to: fd, at: 2)
            #expect(stack.links[2].heldLocks == ["v-replicate-0:bypass"])
            try await stack.close(fd)
            #expect(stack.links.allSatisfy { $0.heldLocks.isEmpty })
            await stack.stop()
        }

        @Test func `without a quorum there is no lease`() async throws {
            let stack = try await BypassStack(3, replicate: "option quorum-type auto")
            let fd = try await stack.create("file")
            await stack.links[1].cut()
            await stack.links[2].cut()
            await #expect(throws: (any Error).self) { try await stack.write("a", to: fd) }
            #expect(stack.observer.events.isEmpty && stack.text(0, "file") == "")
            #expect(stack.links[0].heldLocks.allSatisfy { !$0.contains("bypass") })
            stack.links[1].mend()
            stack.clock.advance(by: .seconds(2))
            try await stack.write("a", to: fd)
            #expect(stack.observer.events.contains(.opened(1)))
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `when the target goes down its epochs are not exact, and nobody reads or writes old copies`()
            async throws
        {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            let gate = stack.faulty[0].hold(.writev)
            let flying = Task { try await stack.write("b", to: fd, at: 1) }
            #expect(await gate.holds())
            await stack.links[0].cut()
            #expect(stack.phase(fd) == .draining)
            #expect(stack.observer.closed.isEmpty)
            gate.open()
            // Its connection is gone, and the other replica is known to be old.
            await #expect(throws: FopError.io) { try await flying.value }
            #expect(stack.observer.events.last == .closed(1, records: 2, isExact: false))
            await #expect(throws: FopError.io) { try await stack.read(fd) }
            await #expect(throws: FopError.io) { try await stack.write("c", to: fd, at: 2) }
            #expect(stack.text(1, "file") == "")
            stack.links[0].mend()
            stack.clock.advance(by: .seconds(2))
            #expect(try await stack.read(fd) == "a")
            try await stack.write("d", to: fd, at: 1)
            #expect(stack.observer.events.contains(.opened(2)))
            #expect(stack.text(0, "file") == "ad")
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `with the target down and nothing unhealed a write in flight takes the other way`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            stack.observer.canJournal = false
            await stack.links[0].cut()
            try await stack.write("a", to: fd)
            #expect(stack.text(1, "file") == "a" && detours(stack, .noJournal) == 1)
            stack.observer.canJournal = true
            stack.clock.advance(by: .seconds(2))
            try await stack.write("b", to: fd)
            #expect(detours(stack, .unreachable) == 1)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a replica that goes down while an epoch is being opened ends it before anything is written`()
            async throws
        {
            let stack = try await BypassStack(3)
            let fd = try await stack.create("file")
            let gate = stack.faulty[0].hold(.xattrop)
            async let write = stack.write("a", to: fd)
            #expect(await gate.holds())
            await stack.links[2].cut()
            gate.open()
            _ = try await write
            #expect(stack.observer.events.contains(.closed(1, records: 0, isExact: true)))
            #expect(stack.observer.events.contains(.began(2, offset: 0, bytes: 1)))
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a replica that does not have the file keeps it from being bypassed`() async throws {
            let stack = try await BypassStack(3)
            let fd = try await stack.create("file")
            stack.faulty[1].fail(.lookup, with: .noEntry)
            try await stack.write("a", to: fd)
            #expect(detours(stack, .unreachable) == 1 && stack.text(2, "file") == "a")
            stack.faulty[1].mend()
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a file is written on under its mark after its name is gone`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            _ = try await stack.bypass.unlink(UnlinkRequest(parent: stack.root, name: "file"), in: stack.frame)
            try await stack.write("b", to: fd, at: 1)
            #expect(try await stack.read(fd) == "ab")
            #expect(try await stack.stat(fd).nlink == 0)
            // It rolls too, by its descriptor.
            #expect(await stack.pass { stack.observer.events.contains(.opened(2)) || stack.phase(fd) == .closed })
            try await stack.write("c", to: fd, at: 2)
            #expect(try await stack.read(fd) == "abc")
            try await stack.close(fd)
            #expect(stack.links.allSatisfy { $0.heldLocks.isEmpty })
            #expect(stack.bypass.active.count == 0)
            await stack.stop()
        }

        @Test func `a file that another is renamed over keeps its epoch`() async throws {
            let stack = try await BypassStack()
            let old = try await stack.create("old"), new = try await stack.create("new")
            try await stack.write("old", to: old)
            try await stack.write("new", to: new)
            _ = try await stack.bypass.rename(
                RenameRequest(oldParent: stack.root, oldName: "new", newParent: stack.root, newName: "old"),
                in: stack.frame)
            try await stack.write("!", to: old, at: 3)
            try await stack.write("!", to: new, at: 3)
            #expect(try await stack.read(old) == "old!")
            #expect(stack.text(0, "old") == "new!")
            for fd in [old, new] { try await stack.close(fd) }
            await stack.stop()
        }

        @Test func `writes that are cancelled while they wait leave no count behind`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            let gate = stack.faulty[0].hold(.xattrop)
            let tasks = (0..<5).map { number in Task { try await stack.write("x", to: fd, at: UInt64(number)) } }
            #expect(await gate.holds())
            tasks.prefix(3).forEach { $0.cancel() }
            for task in tasks.prefix(3) { await #expect(throws: FopError.interrupted) { try await task.value } }
            gate.open()
            for task in tasks.suffix(2) { _ = try await task.value }
            try await stack.close(fd)
            #expect(stack.observer.closed == [1: 2])
            await stack.stop()
        }

        @Test func `an append that is cancelled while it waits for its turn lets others pass`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file"), appending = try await stack.open(fd.inode, [.writeOnly, .append])
            try await stack.write("a", to: fd)
            let gate = stack.faulty[0].hold(.writev)
            async let slow = stack.write("b", to: fd, at: 1)
            #expect(await gate.holds())
            let append = Task { try await stack.write("c", to: appending) }
            func exclusives() -> Int {
                stack.bypass.context(fd.inode)!.guarded.withLock { $0.state.exclusiveTickets.count }
            }
            #expect(await eventually { exclusives() == 1 })
            // Behind the append in line.
            async let later = stack.write("d", to: fd, at: 2)
            append.cancel()
            await #expect(throws: FopError.interrupted) { try await append.value }
            #expect(await gate.holds(2))
            gate.open()
            _ = try await (slow, later)
            #expect(stack.text(0, "file") == "abd" && exclusives() == 0)
            for fd in [fd, appending] { try await stack.close(fd) }
            await stack.stop()
        }
    }
}
