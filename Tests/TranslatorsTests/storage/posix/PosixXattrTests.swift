import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs trusted xattrs: run as root"))
struct PosixXattrTests {
    @Test func `all xattrs are listed but for the brick's own`() async throws {
        let brick = try await ScratchBrick(options: "    option volume-id 25312cdb-1111-4000-8000-000000000070")
        let fd = try await brick.create("file")
        let set: Xattrs = [
            "user.a": [1], "trusted.afr.vol-client-1": [UInt8](repeating: 0, count: 12), "trusted.glusterfs.dht": [2],
            "user.empty": [], "user.long": [UInt8](repeating: 3, count: 1000),
        ]
        _ = try await brick.posix.setxattr(SetxattrRequest(.fd(fd), xattrs: set), in: brick.frame)
        for target in [FopTarget.fd(fd), .inode(fd.inode)] {
            #expect(try await brick.posix.getxattr(GetxattrRequest(target), in: brick.frame).xattrs == set)
            let long = try await brick.posix.getxattr(GetxattrRequest(target, name: "user.long"), in: brick.frame)
                .xattrs
            #expect(long == ["user.long": set["user.long"]!])
        }
        #expect(try await brick.posix.getxattr(GetxattrRequest(.inode(brick.root)), in: brick.frame).xattrs.isEmpty)
        #expect(
            await failure {
                _ = try await brick.posix.getxattr(GetxattrRequest(.fd(fd), name: "user.none"), in: brick.frame)
            } == .noData)
        let asked = try await brick.lookup("file", xdata: ["list-xattr": .int(1)]).xdata
        #expect(asked == set.mapValues { .bytes($0) })
        let named = try await brick.lookup("file", xdata: ["user.a": .uint(12), "trusted.afr.vol-client-2": .uint(12)])
            .xdata
        #expect(named == ["user.a": .bytes([1])])
        await brick.stop()
    }

    @Test func `a list of names that is longer than most is whole`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        let names = (0..<8).map { "user.\($0)" + String(repeating: "x", count: 200) }
        let set = Xattrs(uniqueKeysWithValues: names.map { ($0, []) })
        _ = try await brick.posix.setxattr(SetxattrRequest(.fd(fd), xattrs: set), in: brick.frame)
        for target in [FopTarget.fd(fd), .inode(fd.inode)] {
            #expect(try await brick.posix.getxattr(GetxattrRequest(target), in: brick.frame).xattrs == set)
        }
        await brick.stop()
    }

    @Test func `create and replace keep their promises`() async throws {
        let brick = try await ScratchBrick()
        let directory = try await brick.mkdir("d")
        func set(_ mode: SetxattrRequest.Mode, _ value: UInt8) async -> FopError? {
            await failure {
                _ = try await brick.posix.setxattr(
                    SetxattrRequest(.inode(directory), xattrs: ["user.a": [value]], mode: mode), in: brick.frame)
            }
        }
        #expect(await set(.replace, 1) == .noData)
        #expect(await set(.create, 2) == nil)
        #expect(await set(.create, 3) == .exists)
        #expect(await set(.replace, 4) == nil)
        #expect(XattrReading.value(of: "user.a", at: brick.path("d")) == [4])
        await brick.stop()
    }

    @Test func `the brick's own xattrs can be neither set nor removed`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        let (posix, frame, gfid) = (brick.posix, brick.frame, fd.inode.gfid)
        _ = try await posix.setxattr(
            SetxattrRequest(.fd(fd), xattrs: ["trusted.gfid": Gfid.random().bytes, "user.a": [1]]), in: frame)
        #expect(XattrReading.gfid(at: brick.path("file")) == gfid)
        #expect(XattrReading.value(of: "user.a", at: brick.path("file")) == [1])
        let path = GfidToPath(parent: .root, name: "file").key
        for name in ["trusted.gfid", path, "trusted.glusterfs.volume-id"] {
            #expect(
                await failure { _ = try await posix.removexattr(RemovexattrRequest(.fd(fd), names: [name]), in: frame) }
                    == .notPermitted)
            #expect(await failure { _ = try await brick.xattrop(.fd(fd), [name: [0, 0, 0, 1]]) } == .notPermitted)
            guard name != "trusted.gfid" else { continue }
            #expect(
                await failure { _ = try await posix.setxattr(SetxattrRequest(.fd(fd), xattrs: [name: [1]]), in: frame) }
                    == .notPermitted)
        }
        #expect(XattrReading.gfid(at: brick.path("file")) == gfid)
        await brick.stop()
    }

    @Test func `several are removed at once, and a missing one matters only alone`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        let (posix, frame) = (brick.posix, brick.frame)
        _ = try await posix.setxattr(SetxattrRequest(.fd(fd), xattrs: ["user.a": [1], "user.b": [2]]), in: frame)
        let reply = try await posix.removexattr(
            RemovexattrRequest(.inode(fd.inode), names: ["user.a", "user.none", "user.b"]), in: frame)
        guard case .iatt(let post)? = reply.xdata["virt-gf-poststat"] else { Issue.record("no attributes"); return }
        #expect(post.gfid == fd.inode.gfid)
        #expect(try await posix.getxattr(GetxattrRequest(.fd(fd)), in: frame).xattrs.isEmpty)
        #expect(
            await failure {
                _ = try await posix.removexattr(RemovexattrRequest(.fd(fd), names: ["user.none"]), in: frame)
            } == .noData)
        await brick.stop()
    }

    @Test func `paths are told by gfid, for every name and after renames`() async throws {
        let brick = try await ScratchBrick()
        let (a, b) = (try await brick.mkdir("a"), try await brick.mkdir("b"))
        let file = try await brick.create("file", in: a).inode
        _ = try await brick.posix.link(LinkRequest(inode: file, parent: brick.root, name: "link"), in: brick.frame)
        func paths(_ inode: Inode) async throws -> Set<String> {
            let reply = try await brick.posix.getxattr(
                GetxattrRequest(.inode(inode), name: "glusterfs.gfid2path"), in: brick.frame)
            return Set(
                String(decoding: reply.xattrs["glusterfs.gfid2path"]!, as: UTF8.self).split(separator: ":").map(
                    String.init))
        }
        #expect(try await paths(file) == ["/a/file", "/link"])
        _ = try await brick.rename("a", to: "c", into: b)
        #expect(try await paths(file) == ["/b/c/file", "/link"])
        #expect(try await paths(a) == ["/b/c"])
        #expect(try await paths(brick.root) == ["/"])
        let info = try await brick.posix.getxattr(
            GetxattrRequest(.inode(a), name: "trusted.glusterfs.pathinfo"), in: brick.frame)
        let text = String(decoding: info.xattrs["trusted.glusterfs.pathinfo"]!, as: UTF8.self)
        #expect(text.hasPrefix("<POSIX(\(brick.directory)):"))
        #expect(text.hasSuffix(":\(brick.directory)/b/c>"))
        await brick.stop()
    }

    @Test func `small files come with the lookup when they are asked for`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        try await brick.write(Array(1...10), to: fd)
        #expect(
            try await brick.lookup("file", xdata: ["glusterfs.content": .uint(10)]).xdata == [
                "glusterfs.content": .bytes(Array(1...10))
            ])
        #expect(try await brick.lookup("file", xdata: ["glusterfs.content": .uint(9)]).xdata.isEmpty)
        #expect(try await brick.lookup(brick.root, xdata: ["glusterfs.content": .uint(9999)]).xdata.isEmpty)
        await brick.stop()
    }

    @Test func `mdata is made once on request, and then kept up`() async throws {
        let time = Timestamp(seconds: 1_900_000_000, nanoseconds: 5)
        let brick = try await ScratchBrick(frame: Frame(caller: .root, time: time))
        let fd = try await brick.create("file")
        let old = Timestamp(seconds: 5, nanoseconds: 6)
        for value in [old, Timestamp(seconds: 7, nanoseconds: 8)] {
            let request = SetxattrRequest(
                .fd(fd), xattrs: [:], xdata: ["set-ctime-mdata": .mdata(atime: value, mtime: value, ctime: value)])
            _ = try await brick.posix.setxattr(request, in: Frame(caller: Caller(pid: -13, uid: 0, gid: 0)))
        }
        #expect(try await brick.lookup("file").iatt.mtime == old)
        // The fd was opened before: its writes know nevertheless.
        try await brick.write([1], to: fd)
        #expect(try await brick.lookup("file").iatt.mtime == time)
        await brick.stop()
    }
}
