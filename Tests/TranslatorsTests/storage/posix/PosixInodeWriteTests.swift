import CPosix
import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs trusted xattrs: run as root"))
struct PosixInodeWriteTests {
    @Test func `what was written is read back, from this fd, another, and by gfid`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        let bytes = Array("hello".utf8)
        #expect(try await brick.write(bytes, to: fd).bytes == 5)
        #expect(try await brick.read(fd) == bytes)
        #expect(try await brick.read(brick.open(fd.inode, [])) == bytes)
        #expect(try await brick.read(.anonymous(fd.inode)) == bytes)
        #expect(try await brick.lookup("file").iatt.size == 5)
        await brick.posix.release(fd)
        await brick.stop()
    }

    @Test func `an append lands at the end, whatever its offset says`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file", flags: [.readWrite, .append])
        try await brick.write([1, 2, 3], to: fd, at: 0)
        try await brick.write([4, 5], to: fd, at: 0)
        try await brick.write([9], to: fd, at: 1, flags: .readWrite)
        #expect(try await brick.read(fd) == [1, 9, 3, 4, 5])
        await brick.stop()
    }

    @Test func `appends of two processes never overwrite each other`() async throws {
        let brick = try await ScratchBrick()
        let other = try await ScratchBrick(at: brick)
        let ours = try await brick.create("log", flags: [.readWrite, .append])
        let theirs = try await other.open(ours.inode, [.readWrite, .append])
        let rounds = 300
        async let first: Void = {
            for _ in 0..<rounds { try await brick.write([UInt8](repeating: 1, count: 100), to: ours) }
        }()
        async let second: Void = {
            for _ in 0..<rounds { try await other.write([UInt8](repeating: 2, count: 100), to: theirs) }
        }()
        _ = try await (first, second)
        let all = try await brick.read(ours, bytes: 200 * rounds)
        #expect(all.count == 200 * rounds)
        let pieces = stride(from: 0, to: all.count, by: 100).map { Set(all[$0..<($0 + 100)]) }
        #expect(pieces.count { $0 == [1] } == rounds)
        #expect(pieces.count { $0 == [2] } == rounds)
        await other.stop()
        await brick.stop()
    }

    @Test(arguments: [0, 1, 4_096, 131_071, 131_072, 300_001] as [UInt64])
    func `a payload that takes several calls arrives whole wherever it begins`(offset: UInt64) async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 / 251) }
        let slices = [bytes[..<400_001], bytes[400_001...]].map { brick.payload(Array($0)).first! }
        let request = WriteRequest(fd: fd, offset: offset, payload: Payload(slices))
        #expect(try await brick.posix.writev(request, in: brick.frame).bytes == bytes.count)
        let expected = [UInt8](repeating: 0, count: Int(offset)) + bytes
        #expect(try await brick.read(fd, bytes: 2_000_000) == expected)
        await brick.stop()
    }

    @Test func `a payload of many slices arrives whole and in order`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        // More pieces than one system call takes (IOV_MAX, 1024).
        let slices = (0..<1500).map { number in brick.payload([UInt8(number & 255), UInt8(number >> 8)]).first! }
        let request = WriteRequest(fd: fd, offset: 10, payload: Payload(slices))
        #expect(try await brick.posix.writev(request, in: brick.frame).bytes == 3000)
        let expected = [UInt8](repeating: 0, count: 10) + (0..<1500).flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        #expect(try await brick.read(fd) == expected)
        await brick.stop()
    }

    @Test func `fds answer only for what they were opened for`() async throws {
        let brick = try await ScratchBrick()
        let inode = try await brick.create("file").inode
        let (reader, writer) = (try await brick.open(inode, []), try await brick.open(inode, .writeOnly))
        #expect(await failure { try await brick.write([1], to: reader) } == .badDescriptor)
        #expect(await failure { _ = try await brick.read(writer) } == .badDescriptor)
        #expect(await failure { _ = try await brick.read(Fd(inode: inode, flags: .readWrite)) } == .badDescriptor)
        let truncate = TruncateRequest(.fd(reader), size: 0)
        #expect(await failure { _ = try await brick.posix.truncate(truncate, in: brick.frame) } == .invalid)
        await brick.posix.release(reader)
        #expect(await failure { _ = try await brick.read(reader) } == .badDescriptor)
        await brick.stop()
    }

    @Test func `only regular files are opened`() async throws {
        let brick = try await ScratchBrick()
        let directory = try await brick.mkdir("d")
        let (link, fifo) = (brick.entry("link", .symlink), brick.entry("fifo", .fifo))
        _ = try await brick.posix.symlink(SymlinkRequest(entry: link, target: [120]), in: brick.frame)
        _ = try await brick.posix.mknod(
            MknodRequest(entry: fifo, mode: FileType.fifo.rawValue | 0o644, device: 0), in: brick.frame)
        // Also when nobody said what it is: a fifo must not be opened to find out, it would wait for a writer.
        for (gfid, error) in [
            (directory.gfid, FopError.isDirectory), (link.inode.gfid, FopError(ELOOP)), (fifo.inode.gfid, .invalid),
        ] {
            #expect(await failure { _ = try await brick.open(Inode(gfid: gfid, type: .unknown)) } == error)
        }
        #expect(await failure { _ = try await brick.open(directory) } == .isDirectory)
        #expect(await failure { _ = try await brick.open(brick.inode()) } == .stale)
        await brick.stop()
    }

    @Test func `opening with O_TRUNC empties the file, and truncate sets its size both ways`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        try await brick.write([1, 2, 3, 4], to: fd)
        let reply = try await brick.posix.truncate(TruncateRequest(.inode(fd.inode), size: 2), in: brick.frame)
        #expect((reply.attributes.pre.size, reply.attributes.post.size) == (4, 2))
        _ = try await brick.posix.truncate(TruncateRequest(.fd(fd), size: 5), in: brick.frame)
        #expect(try await brick.read(fd) == [1, 2, 0, 0, 0])
        _ = try await brick.open(fd.inode, [.readWrite, .truncate])
        #expect(try await brick.read(fd) == [])
        let tooLarge = TruncateRequest(.fd(fd), size: 1 << 63)
        #expect(await failure { _ = try await brick.posix.truncate(tooLarge, in: brick.frame) } == .fileTooLarge)
        await brick.stop()
    }

    @Test func `fallocate, discard and zerofill change what stat, holes and content say`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        let (posix, frame, block) = (brick.posix, brick.frame, UInt64(4096))
        try await brick.write([UInt8](repeating: 7, count: 4 * Int(block)), to: fd)
        let kept = try await posix.fallocate(
            FallocateRequest(fd: fd, offset: 0, bytes: 16 * block, keepsSize: true), in: frame)
        #expect(kept.attributes.post.size == 4 * block)
        #expect(kept.attributes.post.blocks >= 16 * 8)
        let grown = try await posix.fallocate(
            FallocateRequest(fd: fd, offset: 0, bytes: 16 * block, keepsSize: false), in: frame)
        #expect(grown.attributes.post.size == 16 * block)

        let punched = try await posix.discard(DiscardRequest(fd: fd, offset: block, bytes: 2 * block), in: frame)
        #expect(punched.attributes.post.blocks == punched.attributes.pre.blocks - 16)
        #expect(try await posix.seek(SeekRequest(fd: fd, offset: 0, what: .hole), in: frame) == block)
        #expect(try await posix.seek(SeekRequest(fd: fd, offset: block, what: .data), in: frame) == 3 * block)

        let zeroed = try await posix.zerofill(ZerofillRequest(fd: fd, offset: 0, bytes: block), in: frame)
        #expect(zeroed.attributes.post.blocks == punched.attributes.post.blocks)
        #expect(try await brick.read(fd, bytes: 1) == [0])
        #expect(try await brick.read(fd, at: 3 * block, bytes: 1) == [7])
        let longer = try await posix.zerofill(ZerofillRequest(fd: fd, offset: 15 * block, bytes: 2 * block), in: frame)
        #expect(longer.attributes.post.size == 17 * block)
        let same = try await posix.zerofill(
            ZerofillRequest(fd: fd, offset: 16 * block, bytes: 4 * block, keepsSize: true), in: frame)
        #expect(same.attributes.post.size == 17 * block)
        #expect(
            await failure { _ = try await posix.seek(SeekRequest(fd: fd, offset: 17 * block, what: .data), in: frame) }
                == .noSuchAddress)
        #expect(
            await failure { _ = try await posix.discard(DiscardRequest(fd: fd, offset: 0, bytes: 0), in: frame) }
                == .invalid)
        await brick.stop()
    }

    @Test func `a synchronous write is synchronous, and one with O_DIRECT goes past the cache where it is aligned`()
        async throws
    {
        // Goal: the flags reach the kernel. Method: ask it what is in the page cache (mincore) after a direct write.
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file", flags: [.readWrite, .direct])
        let page = [UInt8](repeating: 9, count: 4096)
        try await brick.write(page, to: fd, flags: [.readWrite, .direct, .dsync])
        #expect(try await brick.read(fd, bytes: 4096) == page)
        #expect(Self.cachedPages(of: brick.path("file")) == 0)
        // Unaligned ones work all the same.
        try await brick.write([1, 2, 3], to: fd, at: 5)
        #expect(try await brick.read(fd, at: 4, bytes: 5) == [9, 1, 2, 3, 9])
        #expect(try await brick.read(fd, bytes: 8192) == [9, 9, 9, 9, 9, 1, 2, 3] + page.dropFirst(8))
        let buffered = try await brick.create("buffered", flags: [.readWrite, .sync])
        try await brick.write(page, to: buffered)
        #expect(Self.cachedPages(of: brick.path("buffered")) == 1)
        await brick.stop()
    }

    @Test(.enabled(if: PageCache.canTellDirty, "needs cachestat(2), Linux 6.5"))
    func `what was synced, or written synchronously, is on the disk`() async throws {
        let brick = try await ScratchBrick()
        let page = [UInt8](repeating: 9, count: 4096)
        let lazy = try await brick.create("lazy")
        try await brick.write(page, to: lazy)
        #expect(PageCache.dirtyPages(of: brick.path("lazy")) == 1)
        for (name, flags) in [("dsync", OpenFlags.dsync), ("sync", .sync)] {
            let fd = try await brick.create(EntryName(name), flags: [.readWrite, flags])
            try await brick.write(page, to: fd)
            #expect(PageCache.dirtyPages(of: brick.path(name)) == 0, "\(name)")
            // A flag of the write alone does it too.
            try await brick.write(page, to: lazy, at: 4096, flags: [.readWrite, flags])
            #expect(PageCache.dirtyPages(of: brick.path("lazy"), from: 4096) == 0, "\(name)")
        }
        for dataOnly in [true, false] {
            try await brick.write(page, to: lazy)
            #expect(PageCache.dirtyPages(of: brick.path("lazy")) == 1)
            _ = try await brick.posix.fsync(FsyncRequest(fd: lazy, dataOnly: dataOnly), in: brick.frame)
            #expect(PageCache.dirtyPages(of: brick.path("lazy")) == 0)
        }
        await brick.stop()
    }

    static func cachedPages(of path: String) -> Int? {
        let number = cposix_open(path, O_RDONLY, 0)
        defer { close(number) }
        guard let map = mmap(nil, 4096, PROT_READ, MAP_SHARED, number, 0), cposix_is_mapping_failed(map) == 0 else {
            return nil
        }
        defer { munmap(map, 4096) }
        var resident: UInt8 = 0
        return mincore(map, 4096, &resident) == 0 ? Int(resident & 1) : nil
    }

    @Test func `a full file system says so, and what still fitted counts as written`() async throws {
        let scratch = TemporaryDirectory("posix-full")
        let mounted = scratch.subdirectory("small")
        try #require(mount("none", mounted, "tmpfs", 0, "size=2m") == 0)
        defer { umount2(mounted, Int32(MNT_DETACH)) }
        let brick = try await ScratchBrick(directory: mounted)
        let fd = try await brick.create("file")
        let megabyte = [UInt8](repeating: 1, count: 1 << 20)
        var written = 0
        let error = await failure {
            while true { written += try await brick.write(megabyte, to: fd, at: UInt64(written)).bytes }
        }
        #expect(error == .noSpace)
        #expect(written > 1 << 19)
        #expect(try await brick.lookup("file").iatt.size == UInt64(written))
        await brick.posix.release(fd)
        await brick.stop()
    }

    @Test func `copy_file_range copies between files and inside one`() async throws {
        let brick = try await ScratchBrick()
        let (source, sink) = (try await brick.create("source"), try await brick.create("sink"))
        try await brick.write(Array(0..<100), to: source)
        let request = CopyFileRangeRequest(source: source, sourceOffset: 10, sink: sink, sinkOffset: 3, bytes: 20)
        #expect(try await brick.posix.copyFileRange(request, in: brick.frame).bytes == 20)
        #expect(try await brick.read(sink) == [0, 0, 0] + Array(10..<30))
        let tail = CopyFileRangeRequest(source: source, sourceOffset: 90, sink: source, sinkOffset: 0, bytes: 50)
        #expect(try await brick.posix.copyFileRange(tail, in: brick.frame).bytes == 10)
        #expect(try await brick.read(source, bytes: 11) == Array(90..<100) + [10])
        let overlapping = CopyFileRangeRequest(source: source, sourceOffset: 0, sink: source, sinkOffset: 5, bytes: 20)
        #expect(await failure { _ = try await brick.posix.copyFileRange(overlapping, in: brick.frame) } == .invalid)
        await brick.stop()
    }

    @Test func `setattr changes what its mask names and nothing else`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file", mode: 0o600)
        let (posix, frame) = (brick.posix, brick.frame)
        var wanted = Iatt()
        (wanted.mode, wanted.uid, wanted.gid) = (FileType.regular.rawValue | 0o4755, 12, 34)
        (wanted.atime, wanted.mtime) = (
            Timestamp(seconds: 100, nanoseconds: 1), Timestamp(seconds: 200, nanoseconds: 2)
        )
        let mode = try await posix.setattr(SetattrRequest(.fd(fd), iatt: wanted, valid: .mode), in: frame).attributes
        #expect((mode.post.permissions, mode.post.uid, mode.post.mtime) == (0o4755, mode.pre.uid, mode.pre.mtime))
        let all = try await posix.setattr(
            SetattrRequest(.inode(fd.inode), iatt: wanted, valid: [.mode, .uid, .gid, .atime, .mtime]), in: frame
        ).attributes.post
        #expect(
            (all.permissions, all.uid, all.gid, all.atime, all.mtime) == (0o4755, 12, 34, wanted.atime, wanted.mtime))
        let gid = try await posix.setattr(SetattrRequest(.inode(fd.inode), iatt: Iatt(), valid: .gid), in: frame)
            .attributes.post
        #expect((gid.uid, gid.gid) == (12, 0))

        let link = brick.entry("link", .symlink)
        _ = try await posix.symlink(SymlinkRequest(entry: link, target: Array("file".utf8)), in: frame)
        let owned = try await posix.setattr(
            SetattrRequest(.inode(link.inode), iatt: wanted, valid: [.mode, .uid, .gid, .mtime]), in: frame
        ).attributes.post
        #expect((owned.type, owned.uid, owned.gid, owned.mtime) == (.symlink, 12, 34, wanted.mtime))
        #expect(try await brick.lookup("file").iatt.gid == 0)
        #expect(
            await failure {
                _ = try await posix.setattr(SetattrRequest(.inode(link.inode), iatt: wanted, valid: .mode), in: frame)
            } == .notSupported)
        await brick.stop()
    }

    @Test func `fsync and flush answer for fds, anonymous ones and directories`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        try await brick.write([1], to: fd)
        for fd in [fd, .anonymous(fd.inode)] {
            for dataOnly in [true, false] {
                let reply = try await brick.posix.fsync(FsyncRequest(fd: fd, dataOnly: dataOnly), in: brick.frame)
                #expect(reply.attributes.post.size == 1)
            }
        }
        _ = try await brick.posix.flush(FlushRequest(fd: fd), in: brick.frame)
        let directory = Fd(inode: brick.root, flags: .directory)
        #expect(
            await failure {
                _ = try await brick.posix.fsyncdir(FsyncdirRequest(fd: directory, dataOnly: false), in: brick.frame)
            } == .badDescriptor)
        _ = try await brick.posix.opendir(OpendirRequest(fd: directory), in: brick.frame)
        _ = try await brick.posix.fsyncdir(FsyncdirRequest(fd: directory, dataOnly: false), in: brick.frame)
        #expect(
            await failure {
                _ = try await brick.posix.flush(FlushRequest(fd: Fd(inode: fd.inode, flags: [])), in: brick.frame)
            } == .badDescriptor)
        await brick.stop()
    }

    @Test func `write answers what xdata asks`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        let second = try await brick.open(fd.inode)
        let asked: Xdata = ["glusterfs.write-is-append": .uint(1), "glusterfs.open-fd-count": .uint(0)]
        #expect(
            try await brick.write([1, 2], to: fd, at: 0, xdata: asked).xdata == [
                "glusterfs.write-is-append": .uint(1), "glusterfs.open-fd-count": .uint(2),
            ])
        #expect(try await brick.write([1], to: fd, at: 1, xdata: asked).xdata["glusterfs.write-is-append"] == .uint(0))
        await brick.posix.release(second)
        #expect(try await brick.write([1], to: fd, at: 2, xdata: asked).xdata["glusterfs.open-fd-count"] == .uint(1))
        #expect(
            try await brick.lookup("file", xdata: ["glusterfs.open-fd-count": .uint(0)]).xdata == [
                "glusterfs.open-fd-count": .uint(1)
            ])
        await brick.stop()
    }
}

/// What the kernel keeps of a file: cachestat(2).
enum PageCache {
    private static let cachestatNumber = 451

    static let canTellDirty: Bool = {
        let scratch = TemporaryDirectory("posix-cachestat")
        let path = scratch.appending("file")
        let number = cposix_open(path, O_RDWR | O_CREAT, 0o600)
        write(number, "x", 1)
        close(number)
        return dirtyPages(of: path) == 1
    }()

    /// Dirty, or being written; nil where the kernel cannot say.
    static func dirtyPages(of path: String, from offset: UInt64 = 0) -> UInt64? {
        let number = cposix_open(path, O_RDONLY, 0)
        defer { close(number) }
        // struct cachestat_range { u64 off, len };
        // struct cachestat { u64 nr_cache, nr_dirty, nr_writeback, nr_evicted, nr_recently_evicted }.
        var range: [UInt64] = [offset, 0], found: [UInt64] = [0, 0, 0, 0, 0]
        let failed = range.withUnsafeMutableBytes { range in
            found.withUnsafeMutableBytes { found in
                cposix_syscall(
                    cachestatNumber, Int(number), Int(bitPattern: range.baseAddress),
                    Int(bitPattern: found.baseAddress), 0)
            }
        }
        return failed == 0 ? found[1] + found[2] : nil
    }
}
