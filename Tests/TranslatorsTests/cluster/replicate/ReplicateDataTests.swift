import CPosix
import Glibc
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting
import Translators

/// gluster-disk-format.md §3, row "data": who is locked, what is marked when, and what a failure at each step leaves.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct ReplicateDataTests {
    @Test func `a write reaches all replicas, and is marked dirty only while the lock is held`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        try await stack.write("hello", to: fd)
        #expect(stack.text(0, "f") == "hello")
        #expect(stack.text(1, "f") == "hello")
        for replica in 0..<2 { #expect(stack.dirty(replica, "f") == PendingCounts(data: 1)) }
        #expect(stack.isIndexed(1, fd.inode.gfid, in: "dirty"))
        #expect(await stack.passPostOpDelay())
        #expect(stack.isClean("f"))
        #expect(!stack.isIndexed(1, fd.inode.gfid, in: "dirty"))
        await stack.stop()
    }

    @Test func `a burst of writes has one lock, one mark before, one fsync and one mark after`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        stack.clearRecords()
        for number in 0..<20 { try await stack.write("x", to: fd, at: UInt64(number)) }
        #expect(await stack.passPostOpDelay())
        let expected =
            ["inodelk tryAcquire whole", "xattrop dirty=1,0,0"] + Array(repeating: "writev", count: 20)
            + ["fsync", "xattrop dirty=-1,0,0", "inodelk release whole"]
        for replica in 0..<2 { #expect(stack.trace(replica) == expected) }
        for keys in stack.keysOfXattrops { #expect(keys == Set(stack.keys + [PendingCounts.dirtyKey])) }
        await stack.stop()
    }

    @Test func `all locks on one inode's data have one owner, other than the writer's`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        stack.clearRecords()
        try await stack.write("x", to: fd)
        try await stack.flush(fd)
        try await stack.write("y", to: fd)
        try await stack.flush(fd)
        let steps = stack.recording[0].steps.filter { $0.ended == nil }
        let owners = Set(steps.filter { [.inodelk, .xattrop].contains($0.fop.byInode) }.map(\.lockOwner))
        #expect(owners.count == 1)
        #expect(!owners.contains(stack.frame.lockOwner))
        await stack.stop()
    }

    @Test func `writes that were durable need no fsync, and without ensure-durability none do`() async throws {
        let durable = try await ReplicaStack()
        let synced = try await durable.create("f", flags: [.readWrite, .dsync])
        try await durable.write("x", to: synced)
        try await durable.flush(synced)
        #expect(!durable.fops(0).contains(.fsync))
        await durable.stop()
        let careless = try await ReplicaStack(2, "    option ensure-durability off")
        let fd = try await careless.create("f")
        try await careless.write("x", to: fd)
        try await careless.flush(fd)
        #expect(!careless.fops(0).contains(.fsync))
        #expect(careless.isClean("f"))
        await careless.stop()
    }

    @Test func `flush and fsync return with nothing marked and nothing locked`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        try await stack.write("a", to: fd)
        try await stack.flush(fd)
        #expect(stack.isClean("f"))
        #expect(stack.replicate.openLeaseCount == 0)
        try await stack.write("b", to: fd)
        _ = try await stack.replicate.fsync(FsyncRequest(fd: fd, dataOnly: true), in: stack.frame)
        #expect(stack.isClean("f"))
        // The application's own fsync covered the write: closing needs no second one.
        #expect(stack.fops(0).count { $0 == .fsync } == 2)
        await stack.stop()
    }

    @Test func `with a replica down the write counts there before it returns, once`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        stack.faulty[1].goDown()
        stack.clearRecords()
        try await stack.write("one", to: fd)
        #expect(stack.counts(0, about: 1, "f") == PendingCounts(data: 1))
        try await stack.write("two", to: fd, at: 3)
        #expect(await stack.passPostOpDelay())
        #expect(stack.counts(0, about: 1, "f") == PendingCounts(data: 1))
        #expect(stack.dirty(0, "f").isZero)
        #expect(stack.isIndexed(0, fd.inode.gfid))
        #expect(stack.text(0, "f") == "onetwo")
        #expect(stack.text(1, "f") == "")
        #expect(
            stack.trace(0) == [
                "inodelk tryAcquire whole", "xattrop dirty=1,0,0", "writev", "xattrop 1=1,0,0", "writev", "fsync",
                "xattrop dirty=-1,0,0", "inodelk release whole",
            ])
        await stack.stop()
    }

    @Test func `a second burst while a replica is down counts again`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        stack.faulty[1].goDown()
        for round in 1...3 {
            try await stack.write("x", to: fd)
            try await stack.flush(fd)
            #expect(stack.counts(0, about: 1, "f") == PendingCounts(data: Int32(round)))
        }
        await stack.stop()
    }

    @Test(arguments: [FopError.noSpace, .io, .notConnected], [FaultyTranslator.Moment.before, .after])
    func `a replica that fails in the write is blamed by the others before it returns, and stays dirty`(
        error: FopError, moment: FaultyTranslator.Moment
    ) async throws {
        let stack = try await ReplicaStack(3)
        let fd = try await stack.create("f")
        stack.faulty[1].fail(.writev, with: error, times: 1, at: moment)
        #expect(try await stack.write("hello", to: fd) == 5)
        for good in [0, 2] {
            #expect(stack.counts(good, about: 1, "f") == PendingCounts(data: 1))
            #expect(stack.dirty(good, "f").isZero)
            #expect(stack.text(good, "f") == "hello")
        }
        #expect(stack.dirty(1, "f") == PendingCounts(data: 1))
        #expect(stack.counts(1, about: 0, "f").isZero && stack.counts(1, about: 2, "f").isZero)
        await stack.stop()
    }

    @Test func `a replica that cannot be locked is not written, and blamed`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        stack.faulty[1].fail(.inodelk, with: .stale)
        stack.clearRecords()
        try await stack.write("hello", to: fd)
        #expect(stack.counts(0, about: 1, "f") == PendingCounts(data: 1))
        #expect(!stack.fops(1).contains(.writev))
        #expect(stack.dirty(1, "f").isZero)
        await stack.stop()
    }

    @Test func `a replica that cannot be marked is not written, and blamed`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        stack.faulty[1].fail(.xattrop, with: .io, times: 1)
        stack.clearRecords()
        try await stack.write("hello", to: fd)
        try await stack.flush(fd)
        #expect(stack.counts(0, about: 1, "f") == PendingCounts(data: 1))
        #expect(stack.dirty(0, "f").isZero)
        #expect(!stack.fops(1).contains(.writev))
        #expect(stack.trace(1).last { $0.hasPrefix("inodelk") } == "inodelk release whole")
        await stack.stop()
    }

    @Test func `a replica whose mark does not come off stays dirty, nobody else`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        try await stack.write("hello", to: fd)
        stack.faulty[1].fail(.xattrop, with: .io)
        try await stack.flush(fd)
        #expect(stack.dirty(0, "f").isZero)
        #expect(stack.dirty(1, "f") == PendingCounts(data: 1))
        await stack.stop()
    }

    @Test func `a replica that fails the fsync of its data is blamed`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        try await stack.write("hello", to: fd)
        stack.faulty[1].fail(.fsync, with: .io)
        try await stack.flush(fd)
        #expect(stack.counts(0, about: 1, "f") == PendingCounts(data: 1))
        #expect(stack.dirty(1, "f") == PendingCounts(data: 1))
        await stack.stop()
    }

    @Test func `an application's fsync that one replica fails blames that replica`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        try await stack.write("hello", to: fd)
        try await stack.flush(fd)
        stack.faulty[1].fail(.fsync, with: .io)
        _ = try await stack.replicate.fsync(FsyncRequest(fd: fd, dataOnly: false), in: stack.frame)
        #expect(stack.counts(0, about: 1, "f") == PendingCounts(data: 1))
        await stack.stop()
    }

    @Test func `an error that all replicas share is the caller's, and marks nothing`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        for faulty in stack.faulty { faulty.fail(.writev, with: .fileTooLarge) }
        await #expect(throws: FopError.fileTooLarge) { try await stack.write("hello", to: fd) }
        try await stack.flush(fd)
        #expect(stack.isClean("f"))
        await stack.stop()
    }

    @Test func `a refusal by all that are up does not blame the one that is down`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        stack.faulty[1].goDown()
        stack.faulty[0].fail(.writev, with: .fileTooLarge)
        await #expect(throws: FopError.fileTooLarge) { try await stack.write("hello", to: fd) }
        try await stack.flush(fd)
        #expect(stack.isClean("f"))
        await stack.stop()
    }

    @Test func `where all fail for different reasons all stay dirty and nobody is blamed`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        stack.faulty[0].fail(.writev, with: .noSpace)
        stack.faulty[1].fail(.writev, with: .io)
        await #expect(throws: FopError.noSpace) { try await stack.write("hello", to: fd) }
        try await stack.flush(fd)
        for replica in 0..<2 {
            #expect(stack.dirty(replica, "f") == PendingCounts(data: 1))
            #expect(stack.counts(replica, about: 1 - replica, "f").isZero)
        }
        await stack.stop()
    }

    @Test func `after a failure the next write takes a new lock, on all replicas that are up`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        stack.faulty[1].fail(.writev, with: .noSpace, times: 1)
        try await stack.write("one", to: fd)
        try await stack.write("two", to: fd)
        try await stack.flush(fd)
        #expect(stack.text(1, "f") == "two")
        #expect(stack.counts(0, about: 1, "f") == PendingCounts(data: 1), "what it missed stays counted until healed")
        await stack.stop()
    }

    @Test func `a replica that comes back in the middle of a burst is written again soon`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        stack.faulty[1].goDown()
        try await stack.write("one", to: fd)
        stack.faulty[1].comeUp()
        #expect(await eventually { stack.replicate.openLeaseCount == 0 })
        try await stack.write("two", to: fd)
        #expect(stack.text(1, "f") == "two")
        await stack.stop()
    }

    @Test func `a replica that was away for a moment has lost its lock, so it is not written under it`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        try await stack.write("one", to: fd)
        // Down and up between two writes: nobody could know what others did there meanwhile.
        let gate = stack.faulty[0].hold(.writev)
        async let second = stack.write("two", to: fd)
        #expect(await gate.holds())
        stack.faulty[1].goDown()
        stack.faulty[1].comeUp()
        gate.open()
        _ = try await second
        #expect(stack.counts(0, about: 1, "f") == PendingCounts(data: 1))
        #expect(stack.text(0, "f") == "two" && stack.text(1, "f") == "one")
        try await stack.flush(fd)
        await stack.stop()
    }

    @Test func `a client that dies in a burst leaves dirty on all, and nothing else`() async throws {
        // Method: look at the bricks in the middle of a burst, as they would be after a kill.
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        try await stack.write("hello", to: fd)
        for replica in 0..<2 {
            #expect(stack.dirty(replica, "f") == PendingCounts(data: 1))
            #expect(stack.counts(replica, about: 0, "f").isZero && stack.counts(replica, about: 1, "f").isZero)
            #expect(stack.isIndexed(replica, fd.inode.gfid, in: "dirty"))
        }
        await stack.stop()
    }

    @Test func `stopping the graph lets every lock go and takes every mark off`() async throws {
        let stack = try await ReplicaStack()
        for name in ["a", "b", "c"] { try await stack.write("x", to: try await stack.create(EntryName(name))) }
        await stack.stop()
        for name in ["a", "b", "c"] { #expect(stack.isClean(name)) }
    }

    @Test func `every kind of change does the same on all replicas and is marked the same way`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f"), other = try await stack.create("g")
        try await stack.write(Array(repeating: 7, count: 20_000), to: fd)
        try await stack.flush(fd)
        let (replicate, frame) = (stack.replicate, stack.frame)
        let changes: [(Fop, () async throws -> Void)] = [
            (.truncate, { _ = try await replicate.truncate(TruncateRequest(.fd(fd), size: 15_000), in: frame) }),
            (
                .truncate,
                { _ = try await replicate.truncate(TruncateRequest(.inode(fd.inode), size: 14_000), in: frame) }
            ),
            (
                .fallocate,
                {
                    _ = try await replicate.fallocate(
                        FallocateRequest(fd: fd, offset: 0, bytes: 30_000, keepsSize: false), in: frame)
                }
            ),
            (
                .discard,
                { _ = try await replicate.discard(DiscardRequest(fd: fd, offset: 4096, bytes: 4096), in: frame) }
            ),
            (
                .zerofill,
                { _ = try await replicate.zerofill(ZerofillRequest(fd: fd, offset: 100, bytes: 50), in: frame) }
            ),
            (
                .copyFileRange,
                {
                    let request = CopyFileRangeRequest(
                        source: other, sourceOffset: 0, sink: fd, sinkOffset: 200, bytes: 3)
                    let copied = try await replicate.copyFileRange(request, in: frame)
                    #expect(copied.bytes == 3)
                }
            ),
        ]
        try await stack.write("abc", to: other)
        try await stack.flush(other)
        for (fop, change) in changes {
            stack.clearRecords()
            try await change()
            #expect(stack.dirty(1, "f") == PendingCounts(data: 1), "\(fop)")
            try await stack.flush(fd)
            try await stack.flush(other)
            let trace = stack.trace(1).filter { !["lookup", "stat", "fsync", "flush", "open"].contains($0) }
            #expect(trace.contains(fop.name), "\(fop)")
            #expect(trace.first == "inodelk tryAcquire whole", "\(fop)")
            #expect(stack.isClean("f") && stack.isClean("g"), "\(fop)")
            #expect(stack.content(0, "f") == stack.content(1, "f"), "\(fop)")
        }
        #expect(stack.status(0, "f").st_size == 30_000)
        await stack.stop()
    }

    @Test func `a copy's source is kept still, but not marked`() async throws {
        let stack = try await ReplicaStack()
        let source = try await stack.create("s"), sink = try await stack.create("t")
        try await stack.write("abc", to: source)
        try await stack.flush(source)
        let request = CopyFileRangeRequest(source: source, sourceOffset: 0, sink: sink, sinkOffset: 0, bytes: 3)
        _ = try await stack.replicate.copyFileRange(request, in: stack.frame)
        #expect(stack.dirty(0, "s").isZero)
        #expect(stack.dirty(0, "t") == PendingCounts(data: 1))
        #expect(stack.replicate.openLeaseCount == 2)
        await stack.stop()
    }

    @Test func `a replica whose copy of the source is behind does not copy from it`() async throws {
        let stack = try await ReplicaStack()
        let source = try await stack.create("s"), sink = try await stack.create("t")
        stack.faulty[1].goDown()
        try await stack.write("abc", to: source)
        try await stack.flush(source)
        stack.faulty[1].comeUp()
        let request = CopyFileRangeRequest(source: source, sourceOffset: 0, sink: sink, sinkOffset: 0, bytes: 3)
        _ = try await stack.replicate.copyFileRange(request, in: stack.frame)
        try await stack.flush(sink)
        #expect(stack.text(0, "t") == "abc")
        #expect(stack.counts(0, about: 1, "t") == PendingCounts(data: 1))
        await stack.stop()
    }

    @Test func `O_TRUNC is a transaction on all replicas`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        try await stack.write("hello", to: fd)
        try await stack.close(fd)
        stack.faulty[1].fail(.truncate, with: .io)
        let again = try await stack.open(fd.inode, [.readWrite, .truncate])
        #expect(stack.text(0, "f") == "" && stack.text(1, "f") == "hello")
        #expect(stack.counts(0, about: 1, "f") == PendingCounts(data: 1))
        try await stack.close(again)
        await stack.stop()
    }

    @Test func `a file that is in split-brain refuses to change, and is not left dirty`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        stack.accuse(0, 1, PendingCounts(data: 1), "f")
        stack.accuse(1, 0, PendingCounts(data: 1), "f")
        await #expect(throws: FopError.io) { try await stack.write("hello", to: fd) }
        try await stack.flush(fd)
        #expect(stack.dirty(0, "f").isZero && stack.dirty(1, "f").isZero)
        #expect(stack.text(0, "f") == "")
        await stack.stop()
    }

    @Test func `an unlinked file is written, marked and closed like any other`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        try await stack.unlink("f")
        #expect(try await stack.write("hello", to: fd) == 5)
        #expect(try await stack.read(fd) == "hello")
        stack.clock.advance(by: .seconds(2))
        #expect(try await stack.read(fd) == "hello")
        try await stack.close(fd)
        for replica in 0..<2 { #expect(stack.trace(replica).filter { $0.hasPrefix("xattrop") }.count == 2) }
        await stack.stop()
    }
}
