import CPosix
import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs trusted xattrs: run as root"))
struct PosixInodeReadTests {
    struct ChecksumVectors: Decodable {
        struct Vector: Decodable {
            struct Reply: Decodable {
                struct Entry: Decodable { let key: String, value: Int }
                let __dict__: [Entry]
            }
            let name: String, fips: Bool, len: Int
            let generator: String?, data_hex: String?, fill: String?
            let weak: UInt32, wire_strong: String, reply_xdata: Reply

            var content: [UInt8] {
                if let data_hex { return Vectors.bytes(hex: data_hex) }
                if let fill { return [UInt8](repeating: Vectors.bytes(hex: fill)[0], count: len) }
                // "lcg seed=1: x=(x*1664525+1013904223) mod 2^32; byte=x>>24"
                var state = UInt32(generator!.split(separator: ":")[0].dropFirst("lcg seed=".count))!
                return (0..<len).map { _ in
                    state = state &* 1_664_525 &+ 1_013_904_223
                    return UInt8(state >> 24)
                }
            }
        }
        let vectors: [Vector]
    }

    @Test func `checksums are those of a genuine brick`() async throws {
        let vectors = try Vectors.decode("rchecksum.json", as: ChecksumVectors.self).vectors
        for isSHA256 in [true, false] {
            let brick = try await ScratchBrick(options: isSHA256 ? "" : "    option fips-mode-rchecksum off")
            for vector in vectors where vector.fips == isSHA256 {
                let fd = try await brick.create(EntryName("\(vector.name)-\(isSHA256)"))
                if vector.len > 0 { try await brick.write(vector.content, to: fd) }
                // One byte more than there is: the hash ends with the file.
                let request = RchecksumRequest(
                    fd: fd, offset: 0, bytes: vector.len + 1, xdata: [XdataKey.checkZeroFilled: .int(1)])
                let reply = try await brick.posix.rchecksum(request, in: brick.frame)
                #expect(reply.weak == vector.weak, "\(vector.name)")
                #expect(reply.strong == Vectors.bytes(hex: vector.wire_strong), "\(vector.name)")
                #expect(reply.isSHA256 == isSHA256)
                let zeroes = vector.reply_xdata.__dict__.first { $0.key == "buf-has-zeroes" }!.value == 1
                #expect(reply.isAllZero == zeroes, "\(vector.name)")
            }
            await brick.stop()
        }
        #expect(vectors.count == 16)
    }

    @Test func `a read ends with the file and says so`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        try await brick.write([1, 2, 3, 4], to: fd)
        func read(_ offset: UInt64, _ bytes: Int) async throws -> ReadReply {
            try await brick.posix.readv(ReadRequest(fd: fd, offset: offset, bytes: bytes), in: brick.frame)
        }
        let (whole, beyond, inside) = (try await read(0, 10), try await read(100, 10), try await read(1, 2))
        #expect((whole.payload.copiedBytes(), whole.isEndOfFile) == ([1, 2, 3, 4], true))
        #expect((beyond.payload.count, beyond.isEndOfFile) == (0, true))
        #expect((inside.payload.copiedBytes(), inside.isEndOfFile) == ([2, 3], false))
        #expect(await failure { _ = try await read(1 << 63, 1) } == .invalid)
        await brick.stop()
    }

    @Test func `lookup by gfid and by name agree, and unknown ones are told apart`() async throws {
        let brick = try await ScratchBrick()
        let directory = try await brick.mkdir("d")
        let file = try await brick.create("file", in: directory).inode
        let byName = try await brick.lookup("file", in: directory)
        #expect(byName.iatt == (try await brick.lookup(file).iatt))
        #expect(byName.parent.gfid == directory.gfid)
        #expect(byName.iatt.inodeNumber == file.gfid.low)
        #expect(try await brick.lookup(brick.root).iatt.inodeNumber == 1)
        for type in [FileType.regular, .directory, .unknown] {
            let nobody = brick.inode(type)
            #expect(await failure { _ = try await brick.lookup(nobody) } == .stale)
            #expect(
                await failure { _ = try await brick.posix.stat(StatRequest(.inode(nobody)), in: brick.frame) } == .stale
            )
        }
        #expect(await failure { _ = try await brick.lookup("missing", in: directory) } == .noEntry)
        #expect(await failure { _ = try await brick.lookup("x", in: file) } == .notDirectory)
        #expect(await failure { _ = try await brick.lookup("x", in: brick.inode(.directory)) } == .stale)
        _ = try await brick.posix.rmdir(RmdirRequest(parent: brick.root, name: "d", isRecursive: true), in: brick.frame)
        #expect(await failure { _ = try await brick.lookup(directory) } == .stale)
        await brick.stop()
    }

    @Test func `a directory made anew under its gfid by another process is found`() async throws {
        let brick = try await ScratchBrick()
        let other = try await ScratchBrick(at: brick)
        let directory = try await brick.mkdir("d")
        #expect(try await other.lookup(directory).iatt.isDirectory)
        _ = try await brick.posix.rmdir(RmdirRequest(parent: brick.root, name: "d"), in: brick.frame)
        #expect(await failure { _ = try await other.lookup(directory) } == .stale)
        let entry = NewEntry(parent: brick.root, name: "again", inode: directory)
        _ = try await brick.posix.mkdir(MkdirRequest(entry: entry, mode: 0o755), in: brick.frame)
        _ = try await other.create("file", in: directory)
        #expect(try await other.lookup(directory).iatt.isDirectory)
        #expect(ScratchBrick.status(brick.path("again/file")) != nil)
        await other.stop()
        await brick.stop()
    }

    @Test func `a file made anew under its gfid by another process is read anew by anonymous fds`() async throws {
        let brick = try await ScratchBrick()
        let other = try await ScratchBrick(at: brick)
        let old = try await brick.create("file")
        try await brick.write([1], to: old)
        #expect(try await other.read(.anonymous(old.inode)) == [1])
        await brick.posix.release(old)
        try await brick.unlink("file")
        #expect(await failure { _ = try await other.read(.anonymous(old.inode)) } == .stale)
        let entry = NewEntry(parent: brick.root, name: "file", inode: old.inode)
        let new = Fd(inode: old.inode, flags: .readWrite)
        _ = try await brick.posix.create(CreateRequest(entry: entry, fd: new, mode: 0o644), in: brick.frame)
        try await brick.write([2], to: new)
        #expect(try await other.read(.anonymous(old.inode)) == [2])
        await other.stop()
        await brick.stop()
    }

    @Test func `access follows mode, owner and groups, and internal clients pass`() async throws {
        let brick = try await ScratchBrick()
        let inode = try await brick.create("file", mode: 0o640, as: Frame(caller: Caller(pid: 1, uid: 10, gid: 20)))
            .inode
        func allows(_ mask: UInt32, _ caller: Caller) async -> Bool {
            await failure {
                _ = try await brick.posix.access(AccessRequest(inode: inode, mask: mask), in: Frame(caller: caller))
            } == nil
        }
        #expect(await allows(6, Caller(pid: 1, uid: 10, gid: 1)))
        #expect(await !allows(1, Caller(pid: 1, uid: 10, gid: 1)))
        #expect(await allows(4, Caller(pid: 1, uid: 11, gid: 20)))
        #expect(await allows(4, Caller(pid: 1, uid: 11, gid: 1, groups: [5, 20])))
        #expect(await !allows(2, Caller(pid: 1, uid: 11, gid: 20)))
        #expect(await !allows(4, Caller(pid: 1, uid: 11, gid: 1)))
        #expect(await allows(6, .root))
        #expect(await !allows(1, .root))
        #expect(await allows(6, Caller(pid: -6, uid: 11, gid: 1)))
        await brick.stop()
    }

    @Test func `statfs is the file system's`() async throws {
        let brick = try await ScratchBrick()
        let status = try await brick.posix.statfs(StatfsRequest(inode: brick.root), in: brick.frame)
        var expected = statvfs()
        statvfs(brick.directory, &expected)
        #expect(status.blockSize == UInt64(expected.f_bsize))
        #expect(status.blocks == UInt64(expected.f_blocks))
        #expect(status.nameBytesMax == 255)
        await brick.stop()
    }

    @Test func `locks are not answered here, nor is ipc`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        let (posix, frame) = (brick.posix, brick.frame)
        #expect(
            await failure {
                _ = try await posix.inodelk(
                    InodelkRequest(.fd(fd), domain: "d", command: .tryAcquire, range: .whole), in: frame)
            } == .notSupportedHere)
        #expect(
            await failure {
                _ = try await posix.entrylk(
                    EntrylkRequest(.inode(brick.root), domain: "d", name: nil, command: .tryAcquire), in: frame)
            } == .notSupportedHere)
        #expect(
            await failure {
                _ = try await posix.lk(
                    LkRequest(fd: fd, command: .get, lock: PosixLock(kind: .read, range: .whole, pid: 1)), in: frame)
            } == .notSupportedHere)
        #expect(await failure { _ = try await posix.ipc(IpcRequest(operation: 1), in: frame) } == .notSupported)
        await brick.stop()
    }
}
