import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

extension BypassTests {
    @Suite struct BypassLeaseTests {
        /// The counts of one detour.
        private func detours(_ stack: BypassStack, _ reason: Detour) -> UInt64 {
            stack.bypass.status.detours.first { $0.reason == reason.name }!.count
        }

        @Test func `of two mounts that write one file only the first bypasses`() async throws {
            let first = try await BypassStack()
            let second = try await BypassStack(target: 1, at: first)
            let a = try await first.create("file")
            try await first.write("first", to: a)
            let b = try await second.open("file")
            try await second.write("second", to: b)
            #expect(second.observer.events.isEmpty)
            #expect(detours(second, .leaseRefused) == 1)
            // It went through replicate, which had the first one's epoch closed.
            #expect(first.text(0, "file") == "second" && first.text(1, "file") == "second")
            #expect(first.observer.closed[1] == 1)
            #expect(first.counts(1, about: 0, "file").isZero)
            try await first.close(a)
            // The lease is free: the second mount still may not, because its target is accused.
            second.clock.advance(by: .seconds(2))
            try await second.write("third", to: b)
            #expect(detours(second, .targetAccused) == 1)
            #expect(first.text(0, "file") == "thirdd" && first.text(1, "file") == "thirdd")
            try await second.close(b)
            await second.stop()
            await first.stop()
        }

        @Test func `the lease is tried again after one to two seconds, and at once by a new open`() async throws {
            let first = try await BypassStack()
            let second = try await BypassStack(at: first)
            let a = try await first.create("file")
            try await first.write("a", to: a)
            let b = try await second.open("file")
            try await second.write("b", to: b)
            try await first.close(a)
            first.heal("file", on: 1)
            // Free, but it was refused a moment ago.
            second.clock.advance(by: .milliseconds(900))
            try await second.write("c", to: b)
            #expect(second.bypass.status.writesLocal == 0)
            second.clock.advance(by: .milliseconds(1_100))
            try await second.write("d", to: b)
            #expect(second.bypass.status.writesLocal == 1)
            try await second.close(b)

            let c = try await second.open("file"), d = try await first.open("file")
            try await second.write("e", to: c)
            try await first.write("f", to: d)
            #expect(detours(first, .leaseRefused) == 1)
            try await second.close(c)
            second.heal("file", on: 1)
            let another = try await first.open("file")
            try await first.write("g", to: d)
            #expect(first.bypass.status.writesLocal == 2)
            for fd in [d, another] { try await first.close(fd) }
            await second.stop()
            await first.stop()
        }

        @Test func `whatever is locked for a lease or an epoch, no brick makes a removal wait for it`() async throws {
            // Goal: files that a bypass writer has open can be removed. Method: a brick lets removals pass the locks of
            // internal clients, whose pid is negative; every lock of the first write is one.
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            let locks = RecordingTranslator.together(stack.recording).filter {
                ($0.fop == .inodelk || $0.fop == .finodelk) && $0.ended == nil
            }
            #expect(locks.count >= 4, "lease on both, epoch mark, epoch lock")
            for lock in locks { #expect(lock.caller == .onOwnAccount, "\(lock.arguments)") }
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `with on-contention busy a refused write is EBUSY`() async throws {
            let first = try await BypassStack()
            let second = try await BypassStack(bypass: "option on-contention busy", at: first)
            let a = try await first.create("file")
            try await first.write("a", to: a)
            let b = try await second.open("file")
            await #expect(throws: FopError.busy) { try await second.write("b", to: b) }
            #expect(second.bypass.status.writesBusy == 1)
            #expect(first.text(0, "file") == "a")
            try await first.close(a)
            try await second.close(b)
            await second.stop()
            await first.stop()
        }

        @Test func `a lease that one replica refuses is given back on all others`() async throws {
            let stack = try await BypassStack(3)
            let fd = try await stack.create("file")
            let other = Frame(caller: .root)
            let lock = InodelkRequest(
                .inode(fd.inode), domain: "v-replicate-0:bypass", command: .acquire, range: .whole)
            _ = try await stack.replicate.replicas[2].subvolumes[0].inodelk(lock, in: other)
            try await stack.write("a", to: fd)
            #expect(stack.text(2, "file") == "a")
            #expect(stack.links[0].heldLocks.allSatisfy { !$0.contains("bypass") })
            #expect(stack.links[1].heldLocks.allSatisfy { !$0.contains("bypass") })
            try await stack.close(fd)
            await stack.stop()
        }

        @Test(arguments: [1, 2]) func `an accused target is not written to alone`(accuser: Int) async throws {
            let stack = try await BypassStack(3)
            let fd = try await stack.create("file")
            stack.accuse(accuser, 0, PendingCounts(data: 1), "file")
            try await stack.write("a", to: fd)
            #expect((0..<3).allSatisfy { stack.text($0, "file") == "a" })
            #expect(stack.observer.events.isEmpty)
            #expect(stack.epochs(0, about: 1, "file") == BypassCounts())
            // Healed: it is bypassed again, after a while.
            stack.accuse(accuser, 0, .zero, "file")
            stack.clock.advance(by: .seconds(2))
            try await stack.write("b", to: fd)
            #expect(stack.text(0, "file") == "b" && stack.text(1, "file") == "a")
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a count of names or attributes against the target does not matter`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            stack.accuse(1, 0, PendingCounts(metadata: 1), "file")
            try await stack.write("a", to: fd)
            #expect(stack.bypass.status.writesLocal == 1)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test(arguments: [0, 1]) func `a transaction left half-way on any replica keeps epochs closed`(dirty: Int)
            async throws
        {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            XattrReading.set(PendingCounts.dirtyKey, to: PendingCounts(data: 1).xattr, at: stack.path(dirty, "file"))
            try await stack.write("a", to: fd)
            #expect(stack.text(1, "file") == "a")
            #expect(stack.observer.events.isEmpty)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `while a healer works on a file that the target does not lead, no epoch opens`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            let healer = Frame(caller: .selfHeal)
            func selfHeal(_ command: LockCommand) async throws {
                _ = try await stack.links[0].inodelk(
                    InodelkRequest(
                        .inode(fd.inode), domain: "v-replicate-0:self-heal", command: command, range: .whole),
                    in: healer)
            }
            try await selfHeal(.acquire)
            try await stack.write("a", to: fd)
            #expect(detours(stack, .healing) == 1 && stack.text(1, "file") == "a")
            // Where the target accuses all others the heal comes from it: no reason to wait.
            stack.accuse(0, 1, PendingCounts(data: 65_536), "file")
            XattrReading.set(
                BypassCounts.key(for: stack.keys[1]), to: BypassCounts(opened: 1).xattr, at: stack.path(0, "file"))
            stack.clock.advance(by: .seconds(2))
            try await stack.write("b", to: fd)
            #expect(stack.observer.events.contains(.opened(2)))
            try await selfHeal(.release)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `the self-heal lock is let go once the mark is made`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            #expect(
                stack.links[0].heldLocks == ["v-replicate-0", "v-replicate-0:bypass", "v-replicate-0:bypass-epoch"])
            #expect(stack.links[1].heldLocks == ["v-replicate-0:bypass"])
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `each lock has an owner of its own`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            stack.clearRecords()
            try await stack.write("a", to: fd)
            // The root's, by which the mount says that it is ahead, is another.
            let locks = stack.recording[0].steps.filter {
                [.inodelk, .finodelk].contains($0.fop) && $0.ended == nil && $0.gfid != .root
            }
            let owners = Dictionary(grouping: locks, by: \.lockOwner)
            // Lease, mark and epoch lock were taken; the self-heal lock taken and let go.
            #expect(owners.count == 4 && locks.count == 5)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `without an observer, or without its journal, nothing is bypassed`() async throws {
            let without = try await BypassStack(hasObserver: false)
            let fd = try await without.create("file")
            try await without.write("a", to: fd)
            #expect(without.text(1, "file") == "a")
            #expect(without.bypass.status.heldBack == "no-journal")
            try await without.close(fd)
            await without.stop()

            let stack = try await BypassStack()
            stack.observer.canJournal = false
            let other = try await stack.create("file")
            try await stack.write("a", to: other)
            stack.observer.canJournal = true
            stack.observer.refusesOpening = true
            stack.clock.advance(by: .seconds(2))
            try await stack.write("b", to: other)
            #expect(stack.text(1, "file") == "b")
            #expect(detours(stack, .noJournal) == 2)
            // The xattrop was never sent.
            #expect(stack.epochs(0, about: 1, "file") == BypassCounts())
            #expect(stack.links[0].heldLocks == ["v-replicate-0"])
            try await stack.close(other)
            await stack.stop()
        }

        @Test func `what replicate holds itself is settled before an epoch opens`() async throws {
            let stack = try await BypassStack()
            stack.observer.canJournal = false
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            #expect(stack.replicate.openLeaseCount == 1)
            stack.observer.canJournal = true
            stack.clock.advance(by: .milliseconds(10))
            let again = try await stack.open(fd.inode)
            try await stack.write("b", to: fd)
            #expect(stack.text(0, "file") == "b" && stack.text(1, "file") == "a")
            #expect(stack.replicate.openLeaseCount == 0 && stack.dirty(0, "file").isZero)
            for fd in [fd, again] { try await stack.close(fd) }
            await stack.stop()
        }

        @Test func `an interrupted wait for the epoch lock leaves nothing behind`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            let other = Frame(caller: .root)
            let lock = InodelkRequest(.inode(fd.inode), domain: "v-replicate-0", command: .acquire, range: .whole)
            _ = try await stack.links[0].inodelk(lock, in: other)
            let write = Task { try await stack.write("a", to: fd) }
            #expect(await eventually { stack.links[0].heldLocks.contains("v-replicate-0:bypass-epoch") })
            write.cancel()
            await #expect(throws: FopError.interrupted) { try await write.value }
            // The last close ends the wait for the lock, though its holder never lets go.
            await stack.bypass.release(fd)
            #expect(stack.links[0].heldLocks == ["v-replicate-0"] && stack.links[1].heldLocks.isEmpty)
            #expect(stack.epochs(0, about: 1, "file") == BypassCounts())
            let release = InodelkRequest(.inode(fd.inode), domain: "v-replicate-0", command: .release, range: .whole)
            _ = try await stack.links[0].inodelk(release, in: other)
            await stack.stop()
        }
    }
}
