import CPosix
import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs trusted xattrs: run as root"))
struct PosixDirectoryWriteTests {
    static let user = Frame(caller: Caller(pid: 1, uid: 1000, gid: 1001))

    @Test func `a new object is its caller's, with exactly the mode that was asked`() async throws {
        let brick = try await ScratchBrick()
        _ = try await brick.create("file", mode: 0o6777, as: Self.user)
        _ = try await brick.mkdir("directory", mode: 0o1777, as: Self.user)
        let link = brick.entry("link", .symlink)
        _ = try await brick.posix.symlink(SymlinkRequest(entry: link, target: [120]), in: Self.user)
        let fifo = brick.entry("fifo", .fifo)
        _ = try await brick.posix.mknod(
            MknodRequest(entry: fifo, mode: FileType.fifo.rawValue | 0o2666, device: 0), in: Self.user)
        for (name, permissions) in [
            ("file", UInt32(0o6777)), ("directory", 0o1777), ("link", 0o777), ("fifo", 0o2666),
        ] {
            let iatt = try await brick.lookup(EntryName(name)).iatt
            #expect((iatt.uid, iatt.gid, iatt.permissions) == (1000, 1001, permissions), "\(name)")
        }
        await brick.stop()
    }

    @Test func `a set-gid directory hands its group down`() async throws {
        let brick = try await ScratchBrick()
        let directory = try await brick.mkdir("d")
        chown(brick.path("d"), 0, 77)
        chmod(brick.path("d"), 0o2775)
        _ = try await brick.create("file", in: directory, as: Self.user)
        let inner = try await brick.mkdir("inner", in: directory, mode: 0o755, as: Self.user)
        let file = try await brick.lookup("file", in: directory).iatt
        #expect((file.uid, file.gid, file.permissions) == (1000, 77, 0o644))
        let made = try await brick.lookup(inner).iatt
        #expect((made.uid, made.gid, made.permissions) == (1000, 77, 0o2755))
        await brick.stop()
    }

    @Test func `a default ACL is inherited just as the kernel does it`() async throws {
        // Goal: what we make aside inherits like what is made in place. Method: make both under one directory, compare.
        let brick = try await ScratchBrick()
        let directory = try await brick.mkdir("d")
        // user::rwx user:1000:rwx group::r-x mask::rwx other::r--
        var acl = [UInt8]([2, 0, 0, 0])
        for (tag, permissions, id) in [
            (UInt8(1), UInt8(7), UInt32.max), (2, 7, 1000), (4, 5, .max), (0x10, 7, .max), (0x20, 4, .max),
        ] {
            acl += [tag, 0, permissions, 0] + withUnsafeBytes(of: id.littleEndian) { Array($0) }
        }
        try #require(setxattr(brick.path("d"), PosixAcl.defaultKey, acl, acl.count, 0) == 0)
        for mode in [UInt32(0o755), 0o640, 0o700, 0o777] {
            _ = try await brick.mkdir(EntryName("ours-\(mode)"), in: directory, mode: mode)
            let fifo = brick.entry(EntryName("fifo-ours-\(mode)"), in: directory, .fifo)
            _ = try await brick.posix.mknod(
                MknodRequest(entry: fifo, mode: FileType.fifo.rawValue | mode, device: 0), in: brick.frame)
            _ = try await brick.create(EntryName("file-ours-\(mode)"), in: directory, mode: mode)
            mkdir(brick.path("d/kernel-\(mode)"), mode)
            mkfifo(brick.path("d/fifo-kernel-\(mode)"), mode)
            close(creat(brick.path("d/file-kernel-\(mode)"), mode))
            for kind in ["", "fifo-", "file-"] {
                let (ours, kernel) = (brick.path("d/\(kind)ours-\(mode)"), brick.path("d/\(kind)kernel-\(mode)"))
                #expect(ScratchBrick.status(ours)?.st_mode == ScratchBrick.status(kernel)?.st_mode, "\(kind) \(mode)")
                for key in [PosixAcl.accessKey, PosixAcl.defaultKey] {
                    #expect(
                        XattrReading.value(of: key, at: ours) == XattrReading.value(of: key, at: kernel),
                        "\(kind) \(mode) \(key)")
                }
            }
        }
        await brick.stop()
    }

    @Test func `xattrs in xdata are set at creation, the brick's own are not`() async throws {
        let brick = try await ScratchBrick()
        let xdata: Xdata = [
            "trusted.glusterfs.dht": .bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255]),
            "user.colour": .bytes(Array("blue".utf8)), "trusted.gfid": .bytes([1]), "glusterfs-internal-fop": .int(1),
            "trusted.afr.dirty": .bytes([UInt8](repeating: 0, count: 12)),
        ]
        let fd = try await brick.create("file", xdata: xdata)
        let directory = brick.entry("d", .directory, xdata: xdata)
        _ = try await brick.posix.mkdir(MkdirRequest(entry: directory, mode: 0o755), in: brick.frame)
        for (name, gfid) in [("file", fd.inode.gfid), ("d", directory.inode.gfid)] {
            let xattrs = XattrReading.all(at: brick.path(name)).filter { !$0.key.hasPrefix("trusted.gfid2path.") }
            #expect(Set(xattrs.keys) == ["trusted.gfid", "trusted.glusterfs.dht", "user.colour", "trusted.afr.dirty"])
            #expect(xattrs["trusted.gfid"] == gfid.bytes)
        }
        await brick.stop()
    }

    @Test func `a taken name is refused by every maker, and no handle is left behind`() async throws {
        let brick = try await ScratchBrick()
        _ = try await brick.mkdir("taken")
        let (posix, frame) = (brick.posix, brick.frame)
        let entries = [FileType.regular, .directory, .symlink, .fifo].map { brick.entry("taken", $0) }
        #expect(
            await failure {
                _ = try await posix.create(
                    CreateRequest(entry: entries[0], fd: Fd(inode: entries[0].inode, flags: .readWrite), mode: 0o644),
                    in: frame)
            } == .exists)
        #expect(
            await failure { _ = try await posix.mkdir(MkdirRequest(entry: entries[1], mode: 0o755), in: frame) }
                == .exists)
        #expect(
            await failure { _ = try await posix.symlink(SymlinkRequest(entry: entries[2], target: [120]), in: frame) }
                == .exists)
        #expect(
            await failure {
                _ = try await posix.mknod(
                    MknodRequest(entry: entries[3], mode: FileType.fifo.rawValue | 0o644, device: 0), in: frame)
            } == .exists)
        for entry in entries {
            #expect(ScratchBrick.status(brick.handle(entry.inode.gfid)) == nil, "\(entry.inode.type)")
        }
        let file = try await brick.create("file").inode
        #expect(
            await failure {
                _ = try await posix.link(LinkRequest(inode: file, parent: brick.root, name: "taken"), in: frame)
            } == .exists)
        #expect(await failure { _ = try await brick.rename("file", to: "taken", flags: .noReplace) } == .exists)
        #expect(await failure { _ = try await brick.rename("file", to: "taken") } == .isDirectory)
        #expect(try await brick.list(brick.root).count { !$0.name.isDotOrDotDot } == 2)
        await brick.stop()
    }

    @Test func `a gfid that another object has is refused by every maker`() async throws {
        let brick = try await ScratchBrick()
        let (posix, frame) = (brick.posix, brick.frame)
        for existing in [try await brick.create("file").inode, try await brick.mkdir("d")] {
            func entry(_ name: EntryName) -> NewEntry { NewEntry(parent: brick.root, name: name, inode: existing) }
            #expect(
                await failure {
                    _ = try await posix.create(
                        CreateRequest(entry: entry("a"), fd: Fd(inode: existing, flags: .readWrite), mode: 0o644),
                        in: frame)
                } == .noData)
            #expect(
                await failure { _ = try await posix.mkdir(MkdirRequest(entry: entry("b"), mode: 0o755), in: frame) }
                    == .noData)
            #expect(
                await failure {
                    _ = try await posix.symlink(SymlinkRequest(entry: entry("c"), target: [120]), in: frame)
                } == .noData)
            #expect(
                await failure {
                    _ = try await posix.mknod(
                        MknodRequest(entry: entry("d2"), mode: FileType.fifo.rawValue, device: 0), in: frame)
                } == .noData)
            for name in ["a", "b", "c", "d2"] { #expect(ScratchBrick.status(brick.path(name)) == nil) }
            #expect(try await brick.lookup(existing).iatt.gfid == existing.gfid)
        }
        await brick.stop()
    }

    @Test func `a healer's mknod gives an existing object another name, else makes one`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        try await brick.write([1, 2, 3], to: fd)
        let internalFop: Xdata = [XdataKey.internalFop: .int(1)]
        let mode = FileType.regular.rawValue | 0o644
        let again = NewEntry(parent: brick.root, name: "again", inode: fd.inode, xdata: internalFop)
        let reply = try await brick.posix.mknod(MknodRequest(entry: again, mode: mode, device: 0), in: brick.frame)
        #expect((reply.iatt.nlink, reply.iatt.size) == (2, 3))
        let fresh = brick.entry("fresh", xdata: internalFop)
        let made = try await brick.posix.mknod(MknodRequest(entry: fresh, mode: mode, device: 0), in: brick.frame)
        #expect((made.iatt.nlink, made.iatt.gfid) == (1, fresh.inode.gfid))
        await brick.stop()
    }

    @Test func `replies tell the parent before and after`() async throws {
        let brick = try await ScratchBrick()
        let entry = brick.entry("d", .directory)
        let reply = try await brick.posix.mkdir(MkdirRequest(entry: entry, mode: 0o755), in: brick.frame)
        #expect(reply.parent.post.nlink == reply.parent.pre.nlink + 1)
        #expect(reply.parent.post.gfid == .root)
        let removed = try await brick.posix.rmdir(RmdirRequest(parent: brick.root, name: "d"), in: brick.frame)
        #expect(removed.parent.post == (try await brick.lookup(brick.root).iatt))
        #expect(ScratchBrick.status(brick.handle(entry.inode.gfid)) == nil)
        await brick.stop()
    }

    @Test func `unlink says how many names were there and how many are left`() async throws {
        let brick = try await ScratchBrick()
        let inode = try await brick.create("one").inode
        _ = try await brick.posix.link(LinkRequest(inode: inode, parent: brick.root, name: "two"), in: brick.frame)
        let request = UnlinkRequest(parent: brick.root, name: "one", xdata: ["gf_request_link_count": .int(1)])
        let reply = try await brick.posix.unlink(request, in: brick.frame)
        #expect(reply.xdata["get-link-count"] == .uint(1))
        #expect(reply.xdata["gf_response_link_count"] == .uint(2))
        await brick.stop()
    }

    @Test func `removing the wrong kind, or what is not empty, is refused`() async throws {
        let brick = try await ScratchBrick()
        let directory = try await brick.mkdir("d")
        _ = try await brick.create("file", in: directory)
        #expect(await failure { try await brick.unlink("d") } == .isDirectory)
        #expect(
            await failure {
                _ = try await brick.posix.rmdir(RmdirRequest(parent: directory, name: "file"), in: brick.frame)
            } == .notDirectory)
        #expect(
            await failure {
                _ = try await brick.posix.rmdir(RmdirRequest(parent: brick.root, name: "d"), in: brick.frame)
            } == .notEmpty)
        #expect(await failure { try await brick.unlink("missing") } == .noEntry)
        #expect(await failure { _ = try await brick.rename("d", to: "inside", into: directory) } == .invalid)
        #expect(
            await failure {
                _ = try await brick.posix.link(
                    LinkRequest(inode: directory, parent: brick.root, name: "x"), in: brick.frame)
            } == .notPermitted)
        await brick.stop()
    }

    @Test func `no name leads into the brick's own folder, or out of the volume`() async throws {
        let brick = try await ScratchBrick()
        let (posix, frame) = (brick.posix, brick.frame)
        let hidden: EntryName = ".glusterfs"
        #expect(await failure { _ = try await brick.lookup(hidden) } == .notPermitted)
        #expect(await failure { _ = try await brick.mkdir(hidden) } == .notPermitted)
        #expect(await failure { try await brick.unlink(hidden) } == .notPermitted)
        #expect(
            await failure {
                _ = try await posix.rmdir(RmdirRequest(parent: brick.root, name: hidden, isRecursive: true), in: frame)
            } == .notPermitted)
        _ = try await brick.create("file")
        #expect(await failure { _ = try await brick.rename("file", to: hidden) } == .notPermitted)
        #expect(await failure { _ = try await brick.rename(hidden, to: "mine") } == .notPermitted)
        #expect(await failure { _ = try await brick.lookup("..") } == .invalid)
        #expect(await failure { _ = try await brick.lookup("a/b") } == .notPermitted)
        #expect(await failure { _ = try await brick.lookup(EntryName(bytes: [97, 0, 98])) } == .invalid)
        #expect(
            await failure { _ = try await brick.lookup(EntryName(bytes: [UInt8](repeating: 97, count: 256))) }
                == .nameTooLong)
        // Elsewhere the name is nobody's.
        let directory = try await brick.mkdir("d")
        _ = try await brick.mkdir(hidden, in: directory)
        // Healers' own directory is an ordinary one to a brick.
        _ = try await brick.mkdir(".glusterfs-anonymous-inode-1", in: brick.root)
        await brick.stop()
    }

    @Test func `names are bytes, not text`() async throws {
        let brick = try await ScratchBrick()
        let names = [
            [0xFF, 0xFE], [0x80], Array("new\nline".utf8), Array("ü".utf8), [UInt8](repeating: 0xE9, count: 255),
        ]
        .map { EntryName(bytes: $0) }
        for name in names { _ = try await brick.create(name) }
        for name in names { #expect(try await brick.lookup(name).iatt.isRegular) }
        let listed = try await brick.list(brick.root, bytes: 600).map(\.name).filter { !$0.isDotOrDotDot }
        #expect(listed.sorted() == names.sorted())
        _ = try await brick.rename(names[0], to: EntryName(bytes: [0xC0]))
        try await brick.unlink(EntryName(bytes: [0xC0]))
        await brick.stop()
    }

    @Test func `an object without a gfid is ENODATA until it is given one, and can be removed`() async throws {
        let brick = try await ScratchBrick()
        close(creat(brick.path("half"), 0o644))
        mkdir(brick.path("half-directory"), 0o755)
        close(creat(brick.path("junk"), 0o644))
        #expect(await failure { _ = try await brick.lookup("half") } == .noData)
        let gfidless = try await brick.lookup("half", xdata: ["gfidless-lookup": .int(1)])
        #expect(gfidless.iatt.gfid == .none)
        let wanted = Gfid.random(), wantedDirectory = Gfid.random()
        #expect(try await brick.lookup("half", xdata: ["gfid-req": .gfid(wanted)]).iatt.gfid == wanted)
        #expect(try await brick.lookup("half").iatt.nlink == 1)
        #expect(ScratchBrick.status(brick.handle(wanted)) != nil)
        _ = try await brick.lookup("half-directory", xdata: ["gfid-req": .gfid(wantedDirectory)])
        #expect(try await brick.lookup(Inode(gfid: wantedDirectory, type: .directory)).iatt.isDirectory)
        try await brick.unlink("junk")
        #expect(ScratchBrick.status(brick.path("junk")) == nil)
        await brick.stop()
    }

    @Test func `what is put into a brick from outside becomes a whole object at its first lookup, whatever it is`()
        async throws
    {
        let brick = try await ScratchBrick()
        #expect(mkdir(brick.path("directory"), 0o755) == 0)
        #expect(mkfifo(brick.path("fifo"), 0o644) == 0)
        #expect(symlink("target", brick.path("symlink")) == 0)
        close(creat(brick.path("file"), 0o644))
        #expect(link(brick.path("file"), brick.path("second")) == 0)
        for name in ["directory", "fifo", "symlink", "file"] {
            let wanted = Gfid.random()
            let found = try await brick.lookup(EntryName(name), xdata: ["gfid-req": .gfid(wanted)]).iatt
            #expect(found.gfid == wanted)
            #expect(found.nlink == (name == "directory" || name == "file" ? 2 : 1))
            #expect(try await brick.lookup(Inode(gfid: wanted, type: found.type)).iatt.type == found.type)
            guard name != "directory" else { continue }
            let path = GfidToPath(parent: .root, name: EntryName(name))
            #expect(XattrReading.value(of: path.key, at: brick.path(name)) == path.value)
        }
        // Its second name leads to the same object, and asks for another gfid in vain.
        let second = try await brick.lookup("second", xdata: ["gfid-req": .gfid(.random())]).iatt
        #expect(try await second.gfid == brick.lookup("file").iatt.gfid)
        // A file in a directory that was put there.
        let inner = Inode(gfid: try await brick.lookup("directory").iatt.gfid, type: .directory)
        close(creat(brick.path("directory/inner"), 0o644))
        #expect(try await brick.lookup("inner", in: inner, xdata: ["gfid-req": .gfid(.random())]).iatt.nlink == 1)
        await brick.stop()
    }

    @Test func `of several that give one object a gfid at once one decides for all`() async throws {
        let brick = try await ScratchBrick()
        let others = [try await ScratchBrick(at: brick), try await ScratchBrick(at: brick)]
        for round in 0..<20 {
            let name = EntryName("f\(round)")
            close(creat(brick.path("f\(round)"), 0o644))
            let answers = try await withThrowingTaskGroup(of: Gfid.self) { group in
                for one in [brick] + others {
                    group.addTask { try await one.lookup(name, xdata: ["gfid-req": .gfid(.random())]).iatt.gfid }
                }
                return try await group.reduce(into: Set<Gfid>()) { $0.insert($1) }
            }
            #expect(answers == [XattrReading.gfid(at: brick.path("f\(round)"))])
            #expect(try await brick.lookup(name).iatt.nlink == 1)
        }
        for one in others + [brick] { await one.stop() }
    }

    @Test func `a recursive rmdir takes content away at once and its handles with the janitor`() async throws {
        let clock = ManualClock()
        let brick = try await ScratchBrick(environment: GraphEnvironment(time: clock, log: .silent))
        let directory = try await brick.mkdir("d")
        let inner = try await brick.mkdir("inner", in: directory)
        let file = try await brick.create("file", in: inner)
        await brick.posix.release(file)
        let kept = try await brick.create("kept", in: inner)
        _ = try await brick.posix.link(
            LinkRequest(inode: kept.inode, parent: brick.root, name: "kept"), in: brick.frame)
        let open = try await brick.create("open", in: inner)
        try await brick.write([5], to: open)
        _ = try await brick.posix.rmdir(RmdirRequest(parent: brick.root, name: "d", isRecursive: true), in: brick.frame)
        #expect(await failure { _ = try await brick.lookup("d") } == .noEntry)
        #expect(ScratchBrick.status(brick.path(".glusterfs/landfill/\(directory.gfid)")) != nil)
        #expect(ScratchBrick.status(brick.handle(file.inode.gfid)) != nil)
        #expect(await eventually(within: .seconds(60)) { clock.sleeperCount == 2 })
        clock.advance(by: .seconds(10))
        #expect(
            await eventually(within: .seconds(60)) {
                ScratchBrick.status(brick.path(".glusterfs/landfill/\(directory.gfid)")) == nil
            })
        #expect(await eventually(within: .seconds(60)) { ScratchBrick.status(brick.handle(directory.gfid)) == nil })
        for gone in [directory.gfid, inner.gfid, file.inode.gfid] {
            #expect(ScratchBrick.status(brick.handle(gone)) == nil)
        }
        #expect(try await brick.lookup("kept").iatt.nlink == 1)
        let paths = XattrReading.all(at: brick.path("kept")).filter { $0.key.hasPrefix("trusted.gfid2path.") }
        #expect(Array(paths.values) == [Array("\(Gfid.root)/kept".utf8)])
        #expect(try await brick.read(open) == [5])
        await brick.stop()
    }

    @Test func `makers in two processes never see half an object of each other`() async throws {
        // Goal: a name appears complete or not at all. Method: one makes, the other looks up as fast as it can.
        let brick = try await ScratchBrick()
        let other = try await ScratchBrick(at: brick)
        let names = (0..<60).map { EntryName("n\($0)") }
        let finder = Task {
            var errors: Set<FopError> = []
            var found = Set<EntryName>()
            let deadline = SystemTimeSource().now() + .seconds(20)
            while found.count < names.count, SystemTimeSource().now() < deadline {
                for name in names where !found.contains(name) {
                    do throws(FopError) {
                        let request = LookupRequest(.name(name, parent: other.root))
                        let iatt = try await other.posix.lookup(request, in: other.frame).iatt
                        if iatt.nlink == 0 || iatt.uid != 1000 { errors.insert(.io) }
                        found.insert(name)
                    } catch {
                        if error != .noEntry { errors.insert(error) }
                    }
                }
            }
            return (errors, found.count)
        }
        for (number, name) in names.enumerated() {
            switch number % 3 {
            case 0: _ = try await brick.create(name, as: Self.user)
            case 1: _ = try await brick.mkdir(name, as: Self.user)
            default:
                let entry = brick.entry(name, .symlink)
                _ = try await brick.posix.symlink(SymlinkRequest(entry: entry, target: [120]), in: Self.user)
            }
        }
        let (errors, count) = await finder.value
        #expect(errors.isEmpty)
        #expect(count == names.count)
        await other.stop()
        await brick.stop()
    }
}
