import CPosix
import Glibc
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting
import Translators

/// A name under which the replicas have different files, as a power cut leaves it.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct SplitNamesTests {
    /// A directory "d" with a name "f": on each replica another file, whose content is the replica's number.
    struct Scene {
        let stack: ReplicaStack
        let directory: Inode
        let gfids: [Gfid]

        init(_ count: Int = 2) async throws {
            stack = try await ReplicaStack(count, "    option granular-entry-heal on")
            directory = try await stack.mkdir("d")
            gfids = (0..<count).map { _ in .random() }
            for (replica, gfid) in gfids.enumerated() {
                let inode = stack.graph.environment.inodes.inode(gfid, type: .regular)
                let fd = Fd(inode: inode, flags: .readWrite), brick = stack.replicate.replicas[replica]
                let entry = NewEntry(parent: directory, name: "f", inode: inode)
                _ = try await brick.create(CreateRequest(entry: entry, fd: fd, mode: 0o644), in: stack.frame)
                let write = WriteRequest(fd: fd, offset: 0, payload: stack.payload(Array("\(replica)".utf8)))
                _ = try await brick.writev(write, in: stack.frame)
                await brick.release(fd)
            }
        }
        func gfid(_ name: String, on replica: Int) -> Gfid? {
            stack.exists(replica, name) ? XattrReading.gfid(at: stack.path(replica, name)) : nil
        }
        func names(on replica: Int) throws -> [String] { try LocalFile.names(in: stack.path(replica, "d")).sorted() }
        func keep(_ replica: Int, discarding: Bool = false) async throws -> [EntryName] {
            try await stack.replicate.keep(.init(directory.gfid, "f"), of: replica, discarding: discarding)
        }
    }

    @Test func `a look-up shows an object that no replica has, and nobody reads either file`() async throws {
        let scene = try await Scene()
        let found = try await scene.stack.lookup("f", in: scene.directory)
        #expect(found.iatt.isRegular && found.iatt.permissions == 0)
        #expect(!scene.gfids.contains(found.iatt.gfid))
        let inode = try #require(found.inode)
        let stat = try await scene.stack.replicate.stat(StatRequest(.inode(inode)), in: scene.stack.frame)
        #expect(stat.iatt == found.iatt)
        await #expect(throws: FopError.io) { try await scene.stack.open(inode) }
        #expect(try await scene.stack.lookup("f", in: scene.directory).iatt == found.iatt)
        await scene.stack.stop()
    }

    @Test func `a look-up leaves a mark where healers look, once`() async throws {
        let scene = try await Scene()
        for _ in 0..<3 { _ = try await scene.stack.lookup("f", in: scene.directory) }
        for replica in 0..<2 {
            #expect(scene.stack.dirty(replica, "d") == PendingCounts(entry: 1))
            #expect(scene.stack.isIndexed(replica, scene.directory.gfid, in: "dirty"))
        }
        await scene.stack.stop()
    }

    @Test func `the name can be removed`() async throws {
        let scene = try await Scene()
        _ = try await scene.stack.lookup("f", in: scene.directory)
        try await scene.stack.unlink("f", in: scene.directory)
        for replica in 0..<2 { #expect(try scene.names(on: replica) == []) }
        await scene.stack.stop()
    }

    @Test func `another file can be moved over it`() async throws {
        let scene = try await Scene()
        let fd = try await scene.stack.create("new", in: scene.directory)
        try await scene.stack.close(fd)
        let move = RenameRequest(
            oldParent: scene.directory, oldName: "new", newParent: scene.directory, newName: "f")
        _ = try await scene.stack.replicate.rename(move, in: scene.stack.frame)
        for replica in 0..<2 {
            #expect(try scene.names(on: replica) == ["f"])
            #expect(scene.gfid("d/f", on: replica) == fd.inode.gfid)
        }
        #expect(try await scene.stack.lookup("f", in: scene.directory).iatt.gfid == fd.inode.gfid)
        await scene.stack.stop()
    }

    @Test(arguments: [2, 3], [0, 1])
    func `one is kept, the others get names beside it, and content that a replica lacks is marked`(
        count: Int, kept: Int
    ) async throws {
        let scene = try await Scene(count)
        let aside = try await scene.keep(kept)
        #expect(aside.count == count - 1)
        let others = scene.gfids.indices.filter { $0 != kept }
        for replica in 0..<count {
            #expect(scene.gfid("d/f", on: replica) == scene.gfids[kept])
            for other in others {
                let name = "d/f.split-brain-\(scene.gfids[other].description.prefix(8))"
                #expect(scene.gfid(name, on: replica) == scene.gfids[other])
                guard replica != other else { continue }
                #expect(scene.stack.counts(other, about: replica, name) == PendingCounts(data: 1))
            }
            if replica != kept { #expect(scene.stack.counts(kept, about: replica, "d/f") == PendingCounts(data: 1)) }
        }
        #expect(scene.stack.text(kept, "d/f") == "\(kept)")
        await scene.stack.stop()
    }

    @Test func `what the other has under another name gets this one too, and its own marks say what it misses`()
        async throws
    {
        let scene = try await Scene()
        let inode = scene.stack.graph.environment.inodes.inode(scene.gfids[1], type: .regular)
        let entry = NewEntry(parent: scene.directory, name: "g", inode: inode)
        let make = MknodRequest(entry: entry, mode: FileType.regular.rawValue | 0o644, device: 0)
        _ = try await scene.stack.replicate.replicas[0].mknod(make, in: scene.stack.frame)
        scene.stack.accuse(0, 1, PendingCounts(data: 65_536), "d/g")
        for (replica, name) in ["d/g", "d/f"].enumerated() {
            XattrReading.set("user.own", to: [UInt8(replica)], at: scene.stack.path(replica, name))
        }
        _ = try await scene.keep(1, discarding: true)
        #expect(scene.gfid("d/f", on: 0) == scene.gfids[1])
        #expect(scene.stack.counts(1, about: 0, "d/f").isZero)
        #expect(scene.stack.counts(0, about: 1, "d/f") == PendingCounts(data: 65_536))
        #expect(XattrReading.value(of: "user.own", at: scene.stack.path(0, "d/f")) == [0], "it is not made anew")
        await scene.stack.stop()
    }

    @Test func `discarded, the other is gone`() async throws {
        let scene = try await Scene()
        #expect(try await scene.keep(1, discarding: true) == [])
        for replica in 0..<2 {
            #expect(try scene.names(on: replica) == ["f"])
            #expect(scene.gfid("d/f", on: replica) == scene.gfids[1])
        }
        await scene.stack.stop()
    }

    @Test func `what cannot be kept is refused and nothing is changed`() async throws {
        let scene = try await Scene()
        let absent = NameChange.Place(scene.directory.gfid, "absent")
        await #expect(throws: FopError.noEntry) {
            try await scene.stack.replicate.keep(absent, of: 0, discarding: false)
        }
        scene.stack.faulty[1].goDown()
        await #expect(throws: FopError.notConnected) { try await scene.keep(0) }
        #expect(scene.gfid("d/f", on: 0) == scene.gfids[0])
        await scene.stack.stop()
    }

    @Test func `a directory's fsync that fails on one replica blames it for all its names`() async throws {
        let scene = try await Scene()
        let fd = Fd(inode: scene.directory, flags: [.directory])
        _ = try await scene.stack.replicate.opendir(OpendirRequest(fd: fd), in: scene.stack.frame)
        let sync = FsyncdirRequest(fd: fd, dataOnly: false)
        _ = try await scene.stack.replicate.fsyncdir(sync, in: scene.stack.frame)
        #expect(scene.stack.counts(0, about: 1, "d").isZero)
        scene.stack.faulty[1].fail(.fsyncdir, with: .io, times: 1)
        _ = try await scene.stack.replicate.fsyncdir(sync, in: scene.stack.frame)
        #expect(scene.stack.counts(0, about: 1, "d") == PendingCounts(data: 1, entry: 1))
        scene.stack.faulty.forEach { $0.fail(.fsyncdir, with: .io) }
        await #expect(throws: FopError.io) {
            try await scene.stack.replicate.fsyncdir(sync, in: scene.stack.frame)
        }
        await scene.stack.replicate.releasedir(fd)
        await scene.stack.stop()
    }
}
