import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// What a caller sees of writes that are answered before they are done. Method: the writes below are held.
@Suite struct WriteBehindTests {
    @Test func `a write is answered before it is done, and read back as if it were`() async throws {
        let stack = try await WriteBehindStack()
        let fd = try await stack.create("file")
        let gate = stack.faulty.hold(.writev)
        #expect(try await stack.write("hello", to: fd) == 5)
        #expect(await gate.holds())
        #expect(try stack.bytes().isEmpty)
        let reading = Task.immediate { try await stack.read(fd) }
        gate.open()
        #expect(try await reading.value == "hello")
        await stack.stop()
    }

    @Test func `writes that overlap go down in the order they came, others side by side`() async throws {
        let stack = try await WriteBehindStack()
        let fd = try await stack.create("file")
        let gate = stack.faulty.hold(.writev)
        try await stack.write("aaaa", to: fd)
        try await stack.write("bbbb", to: fd, at: 2)
        try await stack.write("cccc", to: fd, at: 8)
        try await stack.write("dd", to: fd, at: 100)
        #expect(await gate.holds(2), "the first, and that which overlaps nothing")
        gate.open()
        try await stack.fsync(fd)
        #expect(try stack.content().hasPrefix("aabbbb\0\0cccc"))
        let sent = stack.sent
        let (first, second) = (sent.firstIndex(of: "0+4"), sent.firstIndex(of: "2+4"))
        #expect(try #require(first) < #require(second), "\(sent)")
        await stack.stop()
    }

    @Test func `neighbours become one write while another is under way, up to the aggregate size`() async throws {
        let stack = try await WriteBehindStack(["aggregate-size 8KB"])
        let fd = try await stack.create("file")
        let gate = stack.faulty.hold(.writev)
        let block = [UInt8](repeating: 7, count: 4096)
        for number in 0..<6 { try await stack.write(block, to: fd, at: UInt64(number) * 4096) }
        #expect(await gate.holds())
        gate.open()
        try await stack.fsync(fd)
        #expect(stack.sent.contains { $0.hasSuffix("+8192") } && stack.sent.count < 6, "\(stack.sent)")
        #expect(try stack.bytes() == [UInt8](repeating: 7, count: 6 * 4096))
        await stack.stop()
    }

    @Test func `without trickling a small write waits until somebody needs it`() async throws {
        let stack = try await WriteBehindStack(["trickling-writes off"])
        let fd = try await stack.create("file")
        for (offset, text) in ["a", "b", "c"].enumerated() { try await stack.write(text, to: fd, at: UInt64(offset)) }
        #expect(stack.sent.isEmpty)
        #expect(try await stack.size(fd) == 3)
        #expect(stack.sent == ["0+3"])
        await stack.stop()
    }

    @Test func `a full window makes writers wait, and no byte is taken beyond it`() async throws {
        let stack = try await WriteBehindStack(["cache-size 512KB", "aggregate-size 0"])
        let fd = try await stack.create("file")
        let gate = stack.faulty.hold(.writev)
        let block = [UInt8](repeating: 1, count: 128 << 10)
        for number in 0..<4 { try await stack.write(block, to: fd, at: UInt64(number * block.count)) }
        let fifth = Task.immediate { try await stack.write(block, to: fd, at: UInt64(4 * block.count)) }
        #expect(stack.behind.counters.waitedForRoom.value == 1)
        #expect(stack.behind.charged.load(ordering: .relaxed) == 512 << 10)
        #expect(stack.behind.counters.taken.value == 4)
        gate.open()
        #expect(try await fifth.value == block.count)
        try await stack.fsync(fd)
        #expect(try stack.bytes().count == 5 * block.count)
        #expect(stack.behind.charged.load(ordering: .relaxed) == 0)
        await stack.stop()
    }

    /// What must not overtake a write of before.
    enum Dependent: CaseIterable {
        case fsync, flush, stat, truncate, unlock, downgrade, inodeUnlock, setattr, fallocate, discard, seek, link
        case rename, setxattr, copyFileRange, openTruncating, release, rchecksum

        var fop: Fop? {
            switch self {
            case .fsync: .fsync
            case .flush: .flush
            case .stat: .fstat
            case .truncate: .ftruncate
            case .unlock, .downgrade: .lk
            case .inodeUnlock: .finodelk
            case .setattr: .fsetattr
            case .fallocate: .fallocate
            case .discard: .discard
            case .seek: .seek
            case .link: .link
            case .rename: .rename
            case .setxattr: .fsetxattr
            case .copyFileRange: .copyFileRange
            case .openTruncating: .open
            case .rchecksum: .rchecksum
            case .release: nil
            }
        }

        func run(_ stack: WriteBehindStack, _ fd: Fd) async throws {
            let (top, frame) = (stack.top, stack.frame)
            func lk(_ kind: PosixLock.Kind) async throws {
                let lock = PosixLock(kind: kind, range: .whole, pid: 7)
                _ = try await top.lk(LkRequest(fd: fd, command: .set, lock: lock), in: frame)
            }
            switch self {
            case .fsync: try await stack.fsync(fd)
            case .flush: try await stack.flush(fd)
            case .stat: #expect(try await stack.size(fd) == 4)
            case .truncate: _ = try await top.truncate(TruncateRequest(.fd(fd), size: 2), in: frame)
            case .unlock: try await lk(.unlock)
            case .downgrade: try await lk(.read)
            case .inodeUnlock:
                let request = InodelkRequest(.fd(fd), domain: "d", command: .release, range: .whole)
                _ = try await top.inodelk(request, in: frame)
            case .setattr:
                var iatt = Iatt()
                iatt.mtime = Timestamp(seconds: 5, nanoseconds: 0)
                _ = try await top.setattr(SetattrRequest(.fd(fd), iatt: iatt, valid: .mtime), in: frame)
            case .fallocate:
                let request = FallocateRequest(fd: fd, offset: 0, bytes: 8, keepsSize: false)
                _ = try await top.fallocate(request, in: frame)
            case .discard: _ = try await top.discard(DiscardRequest(fd: fd, offset: 0, bytes: 2), in: frame)
            case .seek:
                #expect(try await top.seek(SeekRequest(fd: fd, offset: 0, what: .data), in: frame) == 0)
            case .link:
                let request = LinkRequest(inode: fd.inode, parent: stack.root, name: "other")
                #expect(try await top.link(request, in: frame).iatt.size == 4)
            case .rename:
                let request = RenameRequest(
                    oldParent: stack.root, oldName: "file", newParent: stack.root, newName: "new")
                _ = try await top.rename(request, in: frame)
            case .setxattr:
                _ = try await top.setxattr(SetxattrRequest(.fd(fd), xattrs: ["user.a": [1]]), in: frame)
            case .copyFileRange:
                let request = CopyFileRangeRequest(source: fd, sourceOffset: 0, sink: fd, sinkOffset: 100, bytes: 4)
                #expect(try await top.copyFileRange(request, in: frame).bytes == 4)
            case .openTruncating:
                _ = try await stack.open(fd.inode, [.readWrite, .truncate])
            case .release: await top.release(fd)
            case .rchecksum:
                _ = try await top.rchecksum(RchecksumRequest(fd: fd, offset: 0, bytes: 4), in: frame)
            }
        }
    }

    @Test(arguments: Dependent.allCases)
    func `what depends on a write goes down behind it`(_ dependent: Dependent) async throws {
        let stack = try await WriteBehindStack(["flush-behind off"])
        let fd = try await stack.create("file")
        if dependent == .inodeUnlock {
            let request = InodelkRequest(.fd(fd), domain: "d", command: .acquire, range: .whole)
            _ = try await stack.top.inodelk(request, in: stack.frame)
        }
        let gate = stack.faulty.hold(.writev)
        try await stack.write("data", to: fd)
        #expect(await gate.holds())
        stack.recorder.clear()
        let isDone = Mutex(false)
        let running = Task.immediate {
            try await dependent.run(stack, fd)
            isDone.withLock { $0 = true }
        }
        #expect(stack.recorder.steps.isEmpty && !isDone.withLock { $0 }, "it overtook the write")
        gate.open()
        try await running.value
        let steps = stack.recorder.steps
        let written = try #require(steps.firstIndex { $0.fop == .writev && $0.ended != nil })
        if let fop = dependent.fop {
            let begun = try #require(steps.firstIndex { $0.fop == fop && $0.ended == nil }, "\(steps.map(\.fop))")
            #expect(written < begun)
        }
        await stack.stop()
    }

    @Test func `a read waits for what it overlaps and for what lengthens the file, and for nothing else`() async throws
    {
        let stack = try await WriteBehindStack()
        let fd = try await stack.create("file")
        try await stack.write(String(repeating: "x", count: 100), to: fd)
        try await stack.fsync(fd)
        let gate = stack.faulty.hold(.writev)
        try await stack.write("yy", to: fd, at: 50)
        try await stack.write("z", to: fd, at: 200)
        #expect(await gate.holds(1))
        #expect(try await stack.read(fd, at: 0, bytes: 50) == String(repeating: "x", count: 50))
        let overlapping = Task.immediate { try await stack.read(fd, at: 49, bytes: 4) }
        let behindTheEnd = Task.immediate { try await stack.read(fd, at: 98, bytes: 10) }
        gate.open()
        #expect(try await overlapping.value == "xyyx")
        #expect(try await behindTheEnd.value == "xx\0\0\0\0\0\0\0\0")
        await stack.stop()
    }

    @Test func `lookup and readdirp never tell the size of before a write that was answered`() async throws {
        let stack = try await WriteBehindStack()
        let fd = try await stack.create("file")
        let gate = stack.faulty.hold(.writev)
        try await stack.write("data", to: fd)
        #expect(await gate.holds())
        let directory = Fd(inode: stack.root, flags: [])
        _ = try await stack.top.opendir(OpendirRequest(fd: directory), in: stack.frame)
        let entries = try await stack.top.readdirp(
            ReaddirRequest(fd: directory, offset: 0, bytes: 4096), in: stack.frame
        ).entries
        let entry = try #require(entries.first { $0.name == "file" })
        #expect(entry.iatt == nil)
        let looking = Task.immediate {
            try await stack.top.lookup(LookupRequest(.name("file", parent: stack.root)), in: stack.frame).iatt.size
        }
        gate.open()
        #expect(try await looking.value == 4)
        await stack.stop()
    }

    @Test func `an answer that was under way while the write was done is not believed`() async throws {
        // Goal: the size of before the write does not reach the mount after the write is done and forgotten.
        let stack = try await WriteBehindStack(below: [("late", ["type test/late"])])
        let late = try #require(stack.graph["late"] as? LateTranslator)
        let fd = try await stack.create("file")
        let gate = stack.faulty.hold(.writev)
        try await stack.write("data", to: fd)
        let looking = Task.immediate {
            try await stack.top.lookup(LookupRequest(.name("file", parent: stack.root)), in: stack.frame).iatt.size
        }
        #expect(await gate.holds())
        gate.open()
        try await stack.fsync(fd)
        late.letGo()
        #expect(try await looking.value == 4)
        await stack.stop()
    }

    @Test func `flush-behind answers a close at once, and the file is closed below when all is written`() async throws {
        let stack = try await WriteBehindStack()
        let fd = try await stack.create("file")
        let gate = stack.faulty.hold(.writev)
        try await stack.write("data", to: fd)
        try await stack.flush(fd)
        #expect(!stack.recorder.fops.contains(.flush))
        let releasing = Task.immediate { await stack.top.release(fd) }
        gate.open()
        await releasing.value
        #expect(try stack.content() == "data")
        #expect(stack.recorder.fops.contains(.flush))
        await stack.stop()
    }

    @Test func `a flush that lets go of locks is done before it is answered`() async throws {
        let stack = try await WriteBehindStack()
        let fd = try await stack.create("file")
        let lock = PosixLock(kind: .write, range: .whole, pid: 7)
        _ = try await stack.top.lk(LkRequest(fd: fd, command: .set, lock: lock), in: stack.frame)
        try await stack.write("data", to: fd)
        try await stack.flush(fd)
        #expect(stack.recorder.fops.last == .flush)
        #expect(try stack.content() == "data")
        await stack.stop()
    }

    @Test func `a close that only read waits too, where locks go with it`() async throws {
        let stack = try await WriteBehindStack()
        let fd = try await stack.create("file")
        let reader = try await stack.open(fd.inode, [])
        let lock = PosixLock(kind: .write, range: .whole, pid: 7)
        _ = try await stack.top.lk(LkRequest(fd: fd, command: .set, lock: lock), in: stack.frame)
        try await stack.write("data", to: fd)
        try await stack.flush(reader)
        #expect(try stack.content() == "data")
        await stack.stop()
    }

    @Test func `a flush that is done later lets go of no lock that was taken meanwhile`() async throws {
        let stack = try await WriteBehindStack()
        let fd = try await stack.create("file")
        let gate = stack.faulty.hold(.writev)
        try await stack.write("data", to: fd)
        try await stack.flush(fd)
        let next = try await stack.open(fd.inode)
        let lock = PosixLock(kind: .write, range: .whole, pid: 7)
        let request = LkRequest(fd: next, command: .set, lock: lock)
        _ = try await stack.top.lk(request, in: stack.frame)
        gate.open()
        await stack.top.release(fd)
        #expect(stack.recorder.fops.contains(.flush))
        let other = Frame(caller: Caller(pid: 8, uid: 0, gid: 0))
        #expect(await stack.error { _ = try await stack.top.lk(request, in: other) } == .tryAgain)
        await stack.stop()
    }

    @Test(arguments: [OpenFlags.sync, .dsync, .direct, []])
    func `a write that promises to be durable is done before it is answered`(_ flags: OpenFlags) async throws {
        let stack = try await WriteBehindStack(["strict-O_DIRECT on"])
        let fd = try await stack.create("file")
        let request = WriteRequest(fd: fd, offset: 0, payload: stack.payload(Array("data".utf8)), flags: flags)
        _ = try await stack.top.writev(request, in: stack.frame)
        #expect(stack.behind.counters.writtenThrough.value == (flags.isEmpty ? 0 : 1))
        if !flags.isEmpty { #expect(try stack.content() == "data") }
        await stack.stop()
    }

    @Test func `without strict-O_DIRECT a direct write is like any other`() async throws {
        let stack = try await WriteBehindStack()
        let fd = try await stack.create("file")
        let request = WriteRequest(fd: fd, offset: 0, payload: stack.payload(Array("data".utf8)), flags: .direct)
        _ = try await stack.top.writev(request, in: stack.frame)
        #expect(stack.behind.counters.taken.value == 1)
        await stack.stop()
    }

    @Test func `strict ordering sends one write at a time`() async throws {
        let stack = try await WriteBehindStack(["strict-write-ordering on"])
        let fd = try await stack.create("file")
        let gate = stack.faulty.hold(.writev)
        for number in 0..<8 { try await stack.write("x", to: fd, at: UInt64(number * 100)) }
        #expect(await gate.holds())
        #expect(stack.behind.counters.sent.value == 1)
        gate.open()
        try await stack.fsync(fd)
        #expect(stack.sent == (0..<8).map { "\($0 * 100)+1" })
        await stack.stop()
    }

    @Test func `appends go down in their order`() async throws {
        let stack = try await WriteBehindStack()
        let fd = try await stack.create("file", flags: [.readWrite, .append])
        let gate = stack.faulty.hold(.writev)
        for text in ["a", "b", "c", "d"] { try await stack.write(text, to: fd) }
        gate.open()
        try await stack.fsync(fd)
        #expect(try stack.content() == "abcd")
        await stack.stop()
    }

    @Test func `a stop leaves nothing behind`() async throws {
        let stack = try await WriteBehindStack(["trickling-writes off"])
        let fd = try await stack.create("file")
        try await stack.write("data", to: fd)
        #expect(try stack.bytes().isEmpty)
        await stack.stop()
        #expect(try stack.content() == "data")
    }

    @Test func `options change while writes are pending`() async throws {
        let stack = try await WriteBehindStack(["trickling-writes off"])
        let fd = try await stack.create("file")
        try await stack.write("da", to: fd)
        try stack.reconfigure(["pass-through on"])
        try await stack.write("ta", to: fd, at: 2)
        #expect(stack.behind.counters.writtenThrough.value == 1)
        #expect(try await stack.read(fd) == "data")
        await stack.stop()
    }
}
