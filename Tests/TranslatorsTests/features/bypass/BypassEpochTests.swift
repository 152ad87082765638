import ReplicaState
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

extension BypassTests {
    @Suite struct BypassEpochTests {
        @Test func `an epoch with a record rolls after epoch-duration, and closes idle without a successor`()
            async throws
        {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            #expect(await stack.pass { stack.observer.events.contains(.opened(2)) })
            #expect(stack.observer.events.contains(.closed(1, records: 1, isExact: true)))
            #expect(stack.counts(0, about: 1, "file").data == 2 * 65_536)
            #expect(stack.epochs(0, about: 1, "file") == BypassCounts(opened: 2))
            // The second has no records: it does not roll, it runs idle.
            #expect(await stack.passIdle(fd))
            #expect(stack.observer.events.last == .closed(2, records: 0, isExact: true))
            #expect(stack.epochs(0, about: 1, "file") == BypassCounts(opened: 2))
            #expect(stack.bypass.status.closes.first { $0.reason == "idle" }?.count == 1)
            // The lease stays, the epoch's two locks are gone.
            #expect(stack.links[0].heldLocks == ["v-replicate-0:bypass"])
            try await stack.write("b", to: fd)
            #expect(stack.observer.events.contains(.opened(3)))
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a roll does not hold up writes`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            let gate = stack.faulty[0].hold(.fxattrop)
            #expect(await stack.pass { gate.heldCount == 1 })
            // Epoch 2 is being marked: writes go on in epoch 1.
            try await stack.write("b", to: fd, at: 1)
            #expect(stack.observer.events.contains(.ended(1, offset: 1, bytes: 1)))
            #expect(!stack.observer.events.contains(.opened(2)))
            gate.open()
            #expect(await eventually { stack.observer.events.contains(.closed(1, records: 2, isExact: true)) })
            try await stack.write("c", to: fd, at: 2)
            #expect(stack.observer.events.contains(.ended(2, offset: 2, bytes: 1)))
            #expect(stack.text(0, "file") == "abc")
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `an epoch is not closed, and no third one opened, before its writes have landed`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            let gate = stack.faulty[0].hold(.writev)
            async let slow = stack.write("b", to: fd, at: 1)
            #expect(await gate.holds())
            #expect(await stack.pass { stack.observer.events.contains(.opened(2)) })
            // Only the first write of epoch 2 has landed, the second of epoch 1 has not.
            async let next = stack.write("c", to: fd, at: 2)
            #expect(await gate.holds(2))
            for _ in 0..<5 { stack.clock.advance(by: .milliseconds(100)) }
            #expect(!stack.observer.events.contains(.opened(3)))
            #expect(stack.observer.closed.isEmpty)
            gate.open()
            _ = try await (slow, next)
            #expect(await eventually { stack.observer.closed[1] == 2 })
            #expect(await stack.pass { stack.observer.events.contains(.opened(3)) })
            try await stack.close(fd)
            #expect(stack.observer.closed == [1: 2, 2: 1, 3: 0])
            await stack.stop()
        }

        @Test func `a file that was made has its epoch before the first write, and one never written is explained`()
            async throws
        {
            let stack = try await BypassStack()
            let written = try await stack.create("written")
            await stack.bypass.anticipate(written)
            #expect(stack.phase(written) == .open)
            try await stack.write("a", to: written)
            try await stack.close(written)
            #expect(stack.observer.closed == [1: 1])
            let untouched = try await stack.create("untouched")
            await stack.bypass.anticipate(untouched)
            try await stack.close(untouched)
            // After its end a hint comes too late, and changes nothing.
            await stack.bypass.anticipate(untouched)
            #expect(stack.observer.events.filter { $0 == .opened(1) }.count == 2)
            #expect(stack.bypass.backlog.withLock { $0.waiting.files.count } == 2)
            #expect(stack.links.allSatisfy { $0.heldLocks.isEmpty })
            await stack.stop()
        }

        @Test func `the last close waits for writes in flight and gives everything back`() async throws {
            let stack = try await BypassStack()
            let first = try await stack.create("file")
            let second = try await stack.open(first.inode)
            try await stack.write("a", to: first)
            try await stack.close(first)
            #expect(stack.phase(second) == .open)
            let gate = stack.faulty[0].hold(.writev)
            async let slow = stack.write("b", to: second, at: 1)
            #expect(await gate.holds())
            async let closed: Void = stack.close(second)
            #expect(await eventually { stack.phase(second) == .draining })
            #expect(stack.observer.closed.isEmpty)
            gate.open()
            _ = try await (slow, closed)
            #expect(stack.observer.closed == [1: 2])
            #expect(stack.links.allSatisfy { $0.heldLocks.isEmpty })
            // The task that gave them back takes its inode off the list last.
            #expect(await eventually { stack.bypass.active.count == 0 })
            await stack.stop()
        }

        @Test func `who wants the whole file gets it, and until then nobody's write is lost`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            let other = Frame(caller: .root)
            let lock = InodelkRequest(.inode(fd.inode), domain: "v-replicate-0", command: .acquire, range: .whole)
            _ = try await stack.links[0].inodelk(lock, in: other)
            #expect(stack.observer.closed[1] == 1)
            #expect(stack.bypass.status.closes.first { $0.reason == "contention" }?.count == 1)
            // Meanwhile writes take the ordinary way, which waits for that lock.
            async let write = stack.write("b", to: fd, at: 1)
            let release = InodelkRequest(.inode(fd.inode), domain: "v-replicate-0", command: .release, range: .whole)
            #expect(await eventually { stack.bypass.status.writesReplicated == 1 })
            _ = try await stack.links[0].inodelk(release, in: other)
            _ = try await write
            #expect(stack.text(1, "file") == "\0b" && stack.text(0, "file") == "ab")
            let isBack = try await stack.pass(.milliseconds(500)) {
                try await stack.write("c", to: fd, at: 2)
                return stack.phase(fd) == .open
            }
            #expect(isBack)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `contention for the lease or the epoch mark is nobody's business`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            for domain in ["v-replicate-0:bypass", "v-replicate-0:bypass-epoch"] {
                let lock = InodelkRequest(.inode(fd.inode), domain: domain, command: .tryAcquire, range: .whole)
                await #expect(throws: FopError.tryAgain) {
                    try await stack.links[0].inodelk(lock, in: Frame(caller: .root))
                }
            }
            // A heal window passes the epoch.
            let window = InodelkRequest(
                .inode(fd.inode), domain: "v-replicate-0", command: .tryAcquire,
                range: LockRange(start: 0, length: 131_072))
            _ = try await stack.links[0].inodelk(window, in: Frame(caller: .root))
            #expect(stack.phase(fd) == .open)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a notice that comes before the answer that the lock is granted is not lost`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            let gate = stack.faulty[0].hold(.inodelk)
            async let write = stack.write("a", to: fd)
            #expect(await gate.holds())
            stack.bypass.notify(
                .inodelkContention(fd.inode.gfid, domain: "v-replicate-0", range: ReplicaLocks.epochLock),
                from: stack.replicate)
            gate.open()
            _ = try await write
            #expect(stack.bypass.status.closes.first { $0.reason == "contention" }?.count == 1)
            #expect(stack.text(1, "file") == "a")
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a late notice about a lock that replicate held before ends no epoch`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            stack.bypass.notify(
                .inodelkContention(fd.inode.gfid, domain: "v-replicate-0", range: .whole), from: stack.replicate)
            #expect(stack.phase(fd) == .open)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `contention that is only to be seen in the brick's locks closes at the next roll`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            // Another process: its own graph on the same bricks.
            let other = try await BypassStack(at: stack)
            let inode = other.graph.environment.inodes.inode(fd.inode.gfid, type: .regular)
            let lock = InodelkRequest(.inode(inode), domain: "v-replicate-0", command: .acquire, range: .whole)
            let frame = Frame(caller: .root)
            async let granted = other.links[0].inodelk(lock, in: frame)
            #expect(await stack.pass { stack.observer.closed[1] == 1 })
            _ = try await granted
            let release = InodelkRequest(.inode(inode), domain: "v-replicate-0", command: .release, range: .whole)
            _ = try await other.links[0].inodelk(release, in: frame)
            try await stack.close(fd)
            await other.stop()
            await stack.stop()
        }

        @Test func `at 2^14 epochs not healed the file is replicated until it is healed`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            let path = stack.path(0, "file")
            XattrReading.set(
                BypassCounts.key(for: stack.keys[1]), to: BypassCounts(opened: 16_383, healed: 0).xattr, at: path)
            stack.accuse(0, 1, PendingCounts(data: 16_383 * 65_536), "file")
            try await stack.write("a", to: fd)
            // The epoch that was opened is the last: there is no roll.
            #expect(stack.observer.events.contains(.opened(16_384)))
            #expect(await stack.pass { stack.phase(fd) != .open })
            #expect(!stack.observer.events.contains(.opened(16_385)))
            try await stack.write("b", to: fd, at: 1)
            #expect(stack.text(1, "file") == "\0b")
            #expect(stack.bypass.status.detours.contains { $0.reason == "too-many-epochs" && $0.count == 1 })
            stack.heal("file", on: 1)
            let isBack = try await stack.pass(.milliseconds(500)) {
                try await stack.write("c", to: fd, at: 2)
                return stack.observer.events.contains(.began(16_385, offset: 2, bytes: 1))
            }
            #expect(isBack)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a replica that was added later is levelled before the first epoch`() async throws {
            let stack = try await BypassStack(3)
            let fd = try await stack.create("file")
            XattrReading.set(
                BypassCounts.key(for: stack.keys[1]), to: BypassCounts(opened: 7, healed: 5).xattr,
                at: stack.path(0, "file"))
            stack.accuse(0, 1, PendingCounts(data: 2 * 65_536), "file")
            try await stack.write("a", to: fd)
            #expect(stack.observer.events.contains(.opened(8)))
            #expect(stack.epochs(0, about: 1, "file") == BypassCounts(opened: 8, healed: 5))
            #expect(stack.epochs(0, about: 2, "file") == BypassCounts(opened: 8, healed: 7))
            #expect(stack.counts(0, about: 1, "file").data == 3 * 65_536)
            #expect(stack.counts(0, about: 2, "file").data == 65_536)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `only the first mark is synced, before the data: while an epoch is open an older one is on disk`()
            async throws
        {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            stack.lengthen("file", to: 1)
            try await stack.write("a", to: fd)
            #expect(stack.recording[0].fops.firstIndex(of: .fsync)! < stack.recording[0].fops.firstIndex(of: .writev)!)
            #expect(await stack.pass { stack.observer.events.contains(.opened(2)) })
            try await stack.write("b", to: fd)
            #expect(await stack.pass { stack.observer.events.contains(.opened(3)) })
            #expect(stack.faulty[0].callCount(of: .fsync) == 1)
            #expect(await stack.passIdle(fd))
            try await stack.write("c", to: fd)
            #expect(stack.faulty[0].callCount(of: .fsync) == 2)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `with ensure-durability off the mark is not synced`() async throws {
            for (value, syncs) in [("on", 1), ("off", 0)] {
                let stack = try await BypassStack(replicate: "option ensure-durability \(value)")
                let fd = try await stack.create("file")
                stack.lengthen("file", to: 1)
                try await stack.write("a", to: fd)
                #expect(stack.faulty[0].callCount(of: .fsync) == syncs)
                try await stack.close(fd)
                await stack.stop()
            }
        }

        @Test func `the mark of an empty file is left to the journal of a file system that keeps the order`()
            async throws
        {
            let stack = try await BypassStack()
            let isOrdered = try #require(stack.bypass.target.localBrick).ordersMetadata
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            #expect(stack.faulty[0].callCount(of: .fsync) == (isOrdered ? 0 : 1))
            #expect(await stack.passIdle(fd))
            // Something is pending now, and the file has blocks that are written in place.
            try await stack.write("b", to: fd)
            #expect(stack.faulty[0].callCount(of: .fsync) == (isOrdered ? 1 : 2))
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `rolls come later the more epochs are not healed`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            XattrReading.set(
                BypassCounts.key(for: stack.keys[1]), to: BypassCounts(opened: 127, healed: 0).xattr,
                at: stack.path(0, "file"))
            stack.accuse(0, 1, PendingCounts(data: 127 * 65_536), "file")
            let start = stack.clock.now()
            try await stack.write("a", to: fd)
            // 128 missing: three times 50 ms.
            #expect(await stack.pass { stack.observer.events.contains(.opened(129)) })
            #expect(stack.clock.now() - start >= .milliseconds(150))
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `stop closes every epoch and leaves no lock and no task`() async throws {
            let stack = try await BypassStack()
            let fds = [try await stack.create("one"), try await stack.create("two")]
            for fd in fds { try await stack.write("a", to: fd) }
            await stack.bypass.stop()
            #expect(stack.observer.events.count { $0 == .closed(1, records: 1, isExact: true) } == 2)
            #expect(stack.links.allSatisfy { $0.heldLocks.isEmpty })
            await stack.replicate.stop()
        }
    }
}
