import CPosix
import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// What a brick looks like behind the stack's back: gfids, handles, paths, times.
@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs trusted xattrs: run as root"))
struct PosixLayoutTests {
    struct PathVectors: Decodable {
        struct Vector: Decodable { let value: String, xattr: String }
        let vectors: [Vector]
    }
    struct MdataVectors: Decodable {
        struct Vector: Decodable { let ctime: [Int64], mtime: [Int64], atime: [Int64], hex: String }
        let vectors: [Vector]
    }

    @Test func `path xattrs have the names and values that a genuine brick gave them`() throws {
        for vector in try Vectors.decode("gfid2path.json", as: PathVectors.self).vectors {
            let path = try #require(GfidToPath(value: Array(vector.value.utf8)))
            #expect(path.key == vector.xattr)
            #expect(path.value == Array(vector.value.utf8))
        }
        #expect(GfidToPath(value: Array("no-gfid/name".utf8)) == nil)
    }

    @Test func `recorded times have the bytes that a genuine brick wrote`() throws {
        for vector in try Vectors.decode("mdata.json", as: MdataVectors.self).vectors {
            func time(_ pair: [Int64]) -> Timestamp { Timestamp(seconds: pair[0], nanoseconds: UInt32(pair[1])) }
            let mdata = Mdata(ctime: time(vector.ctime), mtime: time(vector.mtime), atime: time(vector.atime))
            #expect(mdata.xattr == Vectors.bytes(hex: vector.hex))
            #expect(try Mdata(xattr: Vectors.bytes(hex: vector.hex)) == mdata)
        }
        #expect(throws: CodecError.self) { try Mdata(xattr: [UInt8](repeating: 2, count: 57)) }
        #expect(throws: CodecError.self) { try Mdata(xattr: [1]) }
    }

    @Test func `a directory's handle says where it is, and what is no handle is not read as one`() {
        let parent = Gfid("0954ca63-cd18-45bf-ae3e-7c64881e7fa1")!
        let target = GfidHandle.directoryTarget(parent: parent, name: "name")
        #expect(target == Array("../../09/54/0954ca63-cd18-45bf-ae3e-7c64881e7fa1/name".utf8))
        #expect(GfidHandle.parse(directoryTarget: target)! == (parent, "name"))
        for other in [
            "../../..", "/etc", "../../09/55/0954ca63-cd18-45bf-ae3e-7c64881e7fa1/name",
            "../../09/54/0954ca63-cd18-45bf-ae3e-7c64881e7fa1/", "../../09/54/0954ca63-cd18-45bf-ae3e-7c64881e7fa1/a/b",
        ] {
            #expect(GfidHandle.parse(directoryTarget: Array(other.utf8)) == nil, "\(other)")
        }
    }

    @Test func `a file has its gfid, its path and a handle that is a hard link to it`() async throws {
        let brick = try await ScratchBrick()
        let directory = try await brick.mkdir("d")
        let fd = try await brick.create("f1", in: directory)
        let gfid = fd.inode.gfid
        let path = brick.path("d/f1")
        #expect(XattrReading.gfid(at: path) == gfid)
        #expect(ScratchBrick.status(brick.handle(gfid))?.st_ino == ScratchBrick.status(path)?.st_ino)
        #expect(ScratchBrick.status(path)?.st_nlink == 2)
        #expect(try await brick.lookup("f1", in: directory).iatt.nlink == 1)
        let key = GfidToPath(parent: directory.gfid, name: "f1").key
        #expect(XattrReading.value(of: key, at: path) == Array("\(directory.gfid)/f1".utf8))
        #expect(Set(XattrReading.all(at: path).keys) == ["trusted.gfid", key])
        #expect(ScratchBrick.linkTarget(brick.handle(directory.gfid)) == "../../00/00/\(Gfid.root)/d")
        #expect(Set(XattrReading.all(at: brick.path("d")).keys) == ["trusted.gfid"])
        await brick.stop()
    }

    @Test func `symlinks, fifos, sockets and devices have handles of their own`() async throws {
        let brick = try await ScratchBrick()
        let link = brick.entry("link", .symlink)
        let target = Array("../../00/00/\(Gfid.root)/d".utf8)
        _ = try await brick.posix.symlink(SymlinkRequest(entry: link, target: target), in: brick.frame)
        for (name, type, device) in [
            ("fifo", FileType.fifo, UInt64(0)), ("socket", .socket, 0),
            ("null", .characterDevice, cposix_makedev(1, 3)),
        ] {
            let mode = type.rawValue
            let entry = brick.entry(EntryName(name), type)
            let reply = try await brick.posix.mknod(
                MknodRequest(entry: entry, mode: mode | 0o640, device: device), in: brick.frame)
            #expect(reply.iatt.mode == mode | 0o640)
            #expect(reply.iatt.rdev == device)
            #expect(reply.iatt.nlink == 1)
            #expect(XattrReading.gfid(at: brick.path(name)) == entry.inode.gfid)
            #expect(ScratchBrick.status(brick.handle(entry.inode.gfid))?.st_mode == mode | 0o640)
            #expect(try await brick.posix.stat(StatRequest(.inode(entry.inode)), in: brick.frame).iatt == reply.iatt)
        }
        // A symlink whose target reads like a directory's handle is still a symlink, by name, by gfid, and unknown.
        for type in [FileType.symlink, .unknown] {
            let inode = Inode(gfid: link.inode.gfid, type: type)
            let reply = try await brick.posix.readlink(ReadlinkRequest(inode: inode), in: brick.frame)
            #expect(reply.target == target)
            #expect(reply.iatt.type == .symlink)
        }
        #expect(XattrReading.gfid(at: brick.path("link")) == link.inode.gfid)
        #expect(ScratchBrick.status(brick.path("link"))?.st_nlink == 2)
        await brick.stop()
    }

    @Test func `a rename rewrites handles and paths, also of what it replaces and exchanges`() async throws {
        let brick = try await ScratchBrick()
        let (a, b) = (try await brick.mkdir("a"), try await brick.mkdir("b"))
        let inner = try await brick.mkdir("inner", in: a)
        let file = try await brick.create("file", in: inner).inode
        _ = try await brick.rename("inner", in: a, to: "moved", into: b)
        #expect(ScratchBrick.linkTarget(brick.handle(inner.gfid))?.hasSuffix("/\(b.gfid)/moved") == true)
        // What is inside needs no change: its paths name the parent's gfid.
        #expect(try await brick.lookup("file", in: inner).iatt.gfid == file.gfid)

        _ = try await brick.rename("file", in: inner, to: "other", into: a)
        let paths = XattrReading.all(at: brick.path("a/other")).filter { $0.key.hasPrefix("trusted.gfid2path.") }
        #expect(Array(paths.values) == [Array("\(a.gfid)/other".utf8)])

        let loser = try await brick.create("loser")
        await brick.posix.release(loser)
        _ = try await brick.rename("other", in: a, to: "loser")
        #expect(ScratchBrick.status(brick.handle(loser.inode.gfid)) == nil)
        #expect(try await brick.lookup("loser").iatt.gfid == file.gfid)

        _ = try await brick.rename("loser", to: "moved", into: b, flags: .exchange)
        // Before any lookup, which would mend a handle.
        #expect(ScratchBrick.linkTarget(brick.handle(inner.gfid)) == "../../00/00/\(Gfid.root)/loser")
        #expect(try await brick.lookup("loser").iatt.gfid == inner.gfid)
        #expect(try await brick.lookup("moved", in: b).iatt.gfid == file.gfid)
        let exchanged = XattrReading.all(at: brick.path("b/moved")).filter { $0.key.hasPrefix("trusted.gfid2path.") }
        #expect(Array(exchanged.values) == [Array("\(b.gfid)/moved".utf8)])
        await brick.stop()
    }

    @Test func `every name of a file has its path, and loses it with the name`() async throws {
        let brick = try await ScratchBrick()
        let inode = try await brick.create("one").inode
        let reply = try await brick.posix.link(
            LinkRequest(inode: inode, parent: brick.root, name: "two"), in: brick.frame)
        #expect(reply.iatt.nlink == 2)
        func paths(_ name: String) -> Set<String> {
            let values = XattrReading.all(at: brick.path(name)).filter { $0.key.hasPrefix("trusted.gfid2path.") }.values
            return Set(values.map { String(decoding: $0, as: UTF8.self) })
        }
        #expect(paths("one") == ["\(Gfid.root)/one", "\(Gfid.root)/two"])
        // rename(2) of one name onto another of the same file does nothing.
        _ = try await brick.rename("one", to: "two")
        #expect(paths("one") == ["\(Gfid.root)/one", "\(Gfid.root)/two"])
        try await brick.unlink("one")
        #expect(paths("two") == ["\(Gfid.root)/two"])
        #expect(ScratchBrick.status(brick.handle(inode.gfid)) != nil)
        await brick.stop()
    }

    @Test func `a file unlinked while open waits in the unlink folder for its last close`() async throws {
        let brick = try await ScratchBrick()
        let first = try await brick.create("file")
        let second = try await brick.open(first.inode)
        try await brick.write(Array("still here".utf8), to: first)
        try await brick.unlink("file")
        let waiting = brick.path(".glusterfs/unlink/\(first.inode.gfid)")
        #expect(ScratchBrick.status(brick.handle(first.inode.gfid)) == nil)
        #expect(ScratchBrick.status(waiting)?.st_nlink == 1)
        #expect(try await brick.read(second) == Array("still here".utf8))
        #expect(try await brick.read(.anonymous(first.inode)) == Array("still here".utf8))
        #expect(try await brick.posix.stat(StatRequest(.fd(second)), in: brick.frame).iatt.nlink == 0)
        #expect(await failure { _ = try await brick.lookup(first.inode) } == .stale)
        await brick.posix.release(first)
        #expect(ScratchBrick.status(waiting) != nil)
        await brick.posix.release(second)
        #expect(ScratchBrick.status(waiting) == nil)
        await brick.stop()
    }

    @Test func `what a dead process left in the unlink and staging folders goes at the next start, but not another's`()
        async throws
    {
        let brick = try await ScratchBrick()
        let open = try await brick.create("file")
        try await brick.unlink("file")
        let waiting = brick.path(".glusterfs/unlink/\(open.inode.gfid)")
        let second = try await ScratchBrick(at: brick)
        #expect(ScratchBrick.status(waiting) != nil)
        await second.stop()
        await brick.stop()
        mkdir(brick.path(".glusterfs/bypass/staging/half"), 0o700)
        let third = try await ScratchBrick(at: brick)
        #expect(ScratchBrick.status(waiting) == nil)
        #expect(ScratchBrick.status(brick.path(".glusterfs/bypass/staging/half")) == nil)
        await third.stop()
    }

    @Test func `a directory sixty levels down is reached by its gfid alone`() async throws {
        let brick = try await ScratchBrick()
        var directory = brick.root
        for level in 0..<60 { directory = try await brick.mkdir(EntryName("level-\(level)"), in: directory) }
        let file = try await brick.create("deep", in: directory).inode
        // A second translator knows none of them yet.
        let other = try await ScratchBrick(at: brick)
        #expect(try await other.lookup("deep", in: directory).iatt.gfid == file.gfid)
        let path = try await other.posix.getxattr(
            GetxattrRequest(.inode(file), name: "glusterfs.gfid2path"), in: other.frame
        ).xattrs["glusterfs.gfid2path"]
        let expected = (0..<60).map { "/level-\($0)" }.joined() + "/deep"
        #expect(path.map { String(decoding: $0, as: UTF8.self) } == expected)
        await other.stop()
        await brick.stop()
    }

    @Test func `a handle that is out of date leads nowhere, not to what took its place`() async throws {
        let brick = try await ScratchBrick()
        let directory = try await brick.mkdir("d")
        await brick.stop()
        rename(brick.path("d"), brick.path("gone"))
        symlink("/etc", brick.path("d"))
        let again = try await ScratchBrick(at: brick)
        #expect(await failure { _ = try await again.lookup("passwd", in: directory) } == .stale)
        // Found by name, it is mended.
        #expect(try await again.lookup("gone").iatt.gfid == directory.gfid)
        #expect(ScratchBrick.linkTarget(brick.handle(directory.gfid)) == "../../00/00/\(Gfid.root)/gone")
        #expect(try await again.lookup(directory).iatt.isDirectory)
        await again.stop()
    }

    @Test func `a lookup by name mends a handle that a crash left out`() async throws {
        let brick = try await ScratchBrick()
        let inode = try await brick.create("file").inode
        unlink(brick.handle(inode.gfid))
        #expect(try await brick.lookup("file").iatt.nlink == 1)
        #expect(ScratchBrick.status(brick.handle(inode.gfid))?.st_nlink == 2)
        await brick.stop()
    }

    @Test func `times come from mdata where there is one, and follow the frame's time`() async throws {
        let time = Timestamp(seconds: 1_800_000_000, nanoseconds: 7)
        let brick = try await ScratchBrick(frame: Frame(caller: .root, time: time))
        let plain = try await brick.create("plain")
        #expect(XattrReading.value(of: Mdata.key, at: brick.path("plain")) == nil)
        try await brick.write([1], to: plain)
        #expect(XattrReading.value(of: Mdata.key, at: brick.path("plain")) == nil)

        let fd = try await brick.create("timed")
        let old = Timestamp(seconds: 1000, nanoseconds: 1)
        XattrReading.set(Mdata.key, to: Mdata(ctime: old, mtime: old, atime: old).xattr, at: brick.path("timed"))
        let seen = try await brick.lookup("timed").iatt
        #expect((seen.atime, seen.mtime, seen.ctime) == (old, old, old))
        let again = try await brick.open(fd.inode)
        try await brick.write([1], to: again)
        let written = try await brick.lookup("timed").iatt
        #expect((written.atime, written.mtime, written.ctime) == (old, time, time))
        // A healer's write, without a time, leaves them alone; its setattr restores all three.
        let heal = Frame(caller: .selfHeal)
        _ = try await brick.posix.writev(WriteRequest(fd: again, offset: 0, payload: brick.payload([2])), in: heal)
        var wanted = Iatt()
        (wanted.atime, wanted.mtime, wanted.ctime) = (old, Timestamp(seconds: 2000, nanoseconds: 2), old)
        let reply = try await brick.posix.setattr(SetattrRequest(.fd(again), iatt: wanted, valid: .times), in: heal)
        #expect((reply.attributes.post.mtime, reply.attributes.post.ctime) == (wanted.mtime, old))
        #expect(ScratchBrick.status(brick.path("timed"))?.st_mtim.tv_sec == 2000)
        await brick.stop()
    }
}
