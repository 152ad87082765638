import CPosix
import Glibc
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting
import Translators

/// gluster-disk-format.md §3, rows "entry", "rename" and "rmdir".
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct ReplicateEntryTests {
    /// One change of names, by what it does to the directory "d", where "old" is a file, "dir" and "dir2" are
    /// directories.
    enum Change: String, CaseIterable, Sendable {
        case create, mknod, fifo, mkdir, symlink, link, unlink, rmdir, rename

        /// The names that it locks, in the order of their locks.
        var names: [String] {
            switch self {
            case .unlink: ["old"]
            case .rmdir: ["dir"]
            case .rename: ["new", "old"]
            default: ["new"]
            }
        }
        /// What a new object says of who misses it.
        var made: PendingCounts? {
            switch self {
            case .create, .mknod: PendingCounts(data: 1, metadata: 1)
            case .mkdir: PendingCounts(data: 1, metadata: 1, entry: 1)
            case .fifo: PendingCounts(metadata: 1)
            default: nil
            }
        }
    }

    struct Scene {
        let stack: ReplicaStack
        let directory: Inode
        let old: Inode

        init(_ count: Int = 2, _ options: String = "") async throws {
            stack = try await ReplicaStack(count, options)
            directory = try await stack.mkdir("d")
            let fd = try await stack.create("old", in: directory)
            old = fd.inode
            try await stack.close(fd)
            _ = try await stack.mkdir("dir", in: directory)
            _ = try await stack.mkdir("dir2", in: directory)
            stack.clearRecords()
        }

        func perform(_ change: Change) async throws {
            let (replicate, frame) = (stack.replicate, stack.frame)
            func new(_ type: FileType) -> NewEntry {
                NewEntry(
                    parent: directory, name: "new", inode: stack.graph.environment.inodes.inode(.random(), type: type))
            }
            switch change {
            case .create: _ = try await stack.create("new", in: directory)
            case .mkdir: _ = try await stack.mkdir("new", in: directory)
            case .mknod:
                let mode = FileType.regular.rawValue | 0o644
                _ = try await replicate.mknod(MknodRequest(entry: new(.regular), mode: mode, device: 0), in: frame)
            case .fifo:
                let mode = FileType.fifo.rawValue | 0o644
                _ = try await replicate.mknod(MknodRequest(entry: new(.fifo), mode: mode, device: 0), in: frame)
            case .symlink:
                _ = try await replicate.symlink(
                    SymlinkRequest(entry: new(.symlink), target: Array("x".utf8)), in: frame)
            case .link:
                _ = try await replicate.link(LinkRequest(inode: old, parent: directory, name: "new"), in: frame)
            case .unlink: try await stack.unlink("old", in: directory)
            case .rmdir: _ = try await replicate.rmdir(RmdirRequest(parent: directory, name: "dir"), in: frame)
            case .rename:
                let request = RenameRequest(oldParent: directory, oldName: "old", newParent: directory, newName: "new")
                _ = try await replicate.rename(request, in: frame)
            }
        }

        /// Whether the change is there on this replica.
        func isDone(_ change: Change, on replica: Int) -> Bool {
            switch change {
            case .unlink: !stack.exists(replica, "d/old")
            case .rmdir: !stack.exists(replica, "d/dir")
            case .rename: stack.exists(replica, "d/new") && !stack.exists(replica, "d/old")
            default: stack.exists(replica, "d/new")
            }
        }

        var fop: [Change: Fop] {
            [
                .create: .create, .mknod: .mknod, .fifo: .mknod, .mkdir: .mkdir, .symlink: .symlink, .link: .link,
                .unlink: .unlink, .rmdir: .rmdir, .rename: .rename,
            ]
        }
    }

    @Test(arguments: Change.allCases)
    func `while all is well names are locked and nothing is marked`(change: Change) async throws {
        let scene = try await Scene()
        try await scene.perform(change)
        for replica in 0..<2 {
            #expect(scene.isDone(change, on: replica))
            let trace = scene.stack.trace(replica).filter { $0 != "lookup" }
            let locks = (change.names + (change == .rmdir ? ["whole"] : [])).sorted {
                $1 != "whole" && ($0 == "whole" || $0 < $1)
            }
            let expected =
                locks.map { "entrylk tryAcquire \($0)" } + [scene.fop[change]!.name]
                + locks.reversed().map { "entrylk release \($0)" }
            #expect(change == .rmdir ? Set(trace) == Set(expected) : trace == expected)
        }
        #expect(scene.stack.isClean("d"))
        await scene.stack.stop()
    }

    @Test(arguments: Change.allCases)
    func `with a replica down its directory counts it, and so does what was made`(change: Change) async throws {
        let scene = try await Scene(2, "    option granular-entry-heal on")
        let stack = scene.stack
        stack.faulty[1].goDown()
        try await scene.perform(change)
        #expect(scene.isDone(change, on: 0))
        #expect(stack.counts(0, about: 1, "d") == PendingCounts(entry: 1))
        #expect(stack.dirty(0, "d").isZero)
        #expect(stack.isIndexed(0, scene.directory.gfid))
        for name in change.names {
            #expect(stack.exists(0, ".glusterfs/indices/entry-changes/\(scene.directory.gfid)/\(name)"))
        }
        let marks = stack.trace(0).filter { $0.hasPrefix("xattrop") }
        #expect(marks.first == "xattrop dirty=0,0,1 name=\(change == .rename ? "old" : change.names[0])")
        #expect(marks.last == "xattrop 1=0,0,1 dirty=0,0,-1")
        if let made = change.made {
            #expect(stack.counts(0, about: 1, "d/new") == made)
            #expect(stack.dirty(0, "d/new").isZero)
            let expected = "xattrop 1=\(made.data),\(made.metadata),\(made.entry)"
            #expect(
                marks.count == 3 && marks[1] == expected, "the object is marked before its directory says it is done")
        } else if stack.exists(0, "d/new") {
            #expect(stack.counts(0, about: 1, "d/new").isZero)
        }
        await stack.stop()
    }

    @Test(arguments: Change.allCases)
    func `a replica that fails in the op is counted after it, with the name`(change: Change) async throws {
        let scene = try await Scene(3, "    option granular-entry-heal on")
        let stack = scene.stack
        stack.faulty[2].fail(scene.fop[change]!, with: .noSpace)
        try await scene.perform(change)
        for good in 0..<2 {
            #expect(scene.isDone(change, on: good))
            #expect(stack.counts(good, about: 2, "d") == PendingCounts(entry: 1))
            #expect(stack.dirty(good, "d").isZero)
            for name in change.names {
                #expect(stack.exists(good, ".glusterfs/indices/entry-changes/\(scene.directory.gfid)/\(name)"))
            }
            if let made = change.made { #expect(stack.counts(good, about: 2, "d/new") == made) }
        }
        #expect(stack.dirty(2, "d").isZero && stack.counts(2, about: 0, "d").isZero)
        await stack.stop()
    }

    @Test(arguments: Change.allCases)
    func `a refusal by all is the caller's and marks nothing, with all up or not`(change: Change) async throws {
        for downs in [0, 1] {
            let scene = try await Scene(3)
            for down in 0..<downs { scene.stack.faulty[2 - down].goDown() }
            for faulty in scene.stack.faulty { faulty.fail(scene.fop[change]!, with: .accessDenied) }
            await #expect(throws: FopError.accessDenied) { try await scene.perform(change) }
            #expect(scene.stack.isClean("d"))
            await scene.stack.stop()
        }
    }

    @Test(arguments: Change.allCases)
    func `without quorum a change of names is refused before anything happens`(change: Change) async throws {
        let scene = try await Scene(3)
        scene.stack.faulty[1].goDown()
        scene.stack.faulty[2].goDown()
        scene.stack.clearRecords()
        await #expect(throws: FopError.readOnly) { try await scene.perform(change) }
        #expect(!scene.isDone(change, on: 0))
        #expect(!scene.stack.fops(0).contains(.entrylk))
        await scene.stack.stop()
    }

    @Test(arguments: Change.allCases)
    func `where quorum is lost in the op it fails, blames nobody and leaves who did it dirty`(change: Change)
        async throws
    {
        let scene = try await Scene(3)
        let stack = scene.stack
        stack.faulty[1].fail(scene.fop[change]!, with: .noSpace)
        stack.faulty[2].fail(scene.fop[change]!, with: .io)
        await #expect(throws: FopError.noSpace) { try await scene.perform(change) }
        #expect(stack.dirty(0, "d") == PendingCounts(entry: 1))
        for i in 0..<3 { for j in 0..<3 { #expect(stack.counts(i, about: j, "d").isZero) } }
        await stack.stop()
    }

    @Test(arguments: Change.allCases)
    func `a replica whose directory cannot be locked is left out and counted`(change: Change) async throws {
        let scene = try await Scene()
        scene.stack.faulty[1].fail(.entrylk, with: .stale)
        try await scene.stack.waiting { try await scene.perform(change) }
        #expect(scene.isDone(change, on: 0) && !scene.isDone(change, on: 1))
        #expect(scene.stack.counts(0, about: 1, "d") == PendingCounts(entry: 1))
        await scene.stack.stop()
    }

    @Test func `a new name waits for whoever holds it, and one elsewhere does not`() async throws {
        let scene = try await Scene()
        let stack = scene.stack, holder = Frame(caller: .root)
        for replica in stack.replicate.replicas {
            _ = try await replica.entrylk(
                EntrylkRequest(
                    .inode(scene.directory), domain: stack.replicate.lockDomain, name: "new", command: .acquire),
                in: holder)
        }
        stack.clearRecords()
        async let made = stack.mkdir("new", in: scene.directory)
        #expect(await eventually { stack.trace(0).contains("entrylk acquire new") })
        #expect(!stack.trace(1).contains("entrylk acquire new"), "one by one, in the order of the replicas")
        _ = try await stack.mkdir("other", in: scene.directory)
        #expect(!stack.exists(0, "d/new"))
        for replica in stack.replicate.replicas {
            _ = try await replica.entrylk(
                EntrylkRequest(
                    .inode(scene.directory), domain: stack.replicate.lockDomain, name: "new", command: .release),
                in: holder)
        }
        _ = try await made
        #expect(stack.exists(1, "d/new"))
        await stack.stop()
    }

    @Test func `renames in opposite directions, many at once, all end and leave equal replicas`() async throws {
        let stack = try await ReplicaStack(3)
        let a = try await stack.mkdir("a"), b = try await stack.mkdir("b")
        for number in 0..<4 { try await stack.close(try await stack.create(EntryName("f\(number)"), in: a)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for round in 0..<6 {
                        let (from, to) = (task + round).isMultiple(of: 2) ? (a, b) : (b, a)
                        let name = EntryName("f\(task % 4)")
                        let request = RenameRequest(oldParent: from, oldName: name, newParent: to, newName: name)
                        do { _ = try await stack.replicate.rename(request, in: stack.frame) } catch let error
                            as FopError where error == .noEntry
                        {}
                    }
                }
            }
            try await group.waitForAll()
        }
        for number in 0..<4 {
            for directory in ["a", "b"] {
                let there = (0..<3).map { stack.exists($0, "\(directory)/f\(number)") }
                #expect(Set(there).count == 1)
            }
        }
        #expect(stack.isClean("a") && stack.isClean("b"))
        await stack.stop()
    }

    @Test func `a rename between directories counts in both, onto a directory it locks that one whole`() async throws {
        let scene = try await Scene()
        let stack = scene.stack
        let other = try await stack.mkdir("e")
        _ = try await stack.mkdir("empty", in: other)
        stack.faulty[1].goDown()
        stack.clearRecords()
        let request = RenameRequest(oldParent: scene.directory, oldName: "dir", newParent: other, newName: "empty")
        _ = try await stack.replicate.rename(request, in: stack.frame)
        #expect(stack.counts(0, about: 1, "d") == PendingCounts(entry: 1))
        #expect(stack.counts(0, about: 1, "e") == PendingCounts(entry: 1))
        let locks = stack.trace(0).filter { $0.hasPrefix("entrylk tryAcquire") }
        #expect(Set(locks) == ["entrylk tryAcquire dir", "entrylk tryAcquire empty", "entrylk tryAcquire whole"])
        await stack.stop()
    }

    @Test func `a name that is not UTF-8 asks for a crawl of its directory`() async throws {
        let scene = try await Scene(2, "    option granular-entry-heal on")
        scene.stack.faulty[1].goDown()
        _ = try await scene.stack.mkdir(EntryName(bytes: [0x66, 0xff]), in: scene.directory)
        #expect(scene.stack.counts(0, about: 1, "d") == PendingCounts(data: 1, entry: 1))
        await scene.stack.stop()
    }

    @Test func `without granular-entry-heal names are not noted`() async throws {
        let scene = try await Scene()
        scene.stack.faulty[1].goDown()
        _ = try await scene.stack.mkdir("new", in: scene.directory)
        #expect(!scene.stack.exists(0, ".glusterfs/indices/entry-changes/\(scene.directory.gfid)"))
        await scene.stack.stop()
    }

    @Test func `a new object has one gfid and one time everywhere`() async throws {
        let stack = try await ReplicaStack(3)
        let fd = try await stack.create("f")
        for replica in 0..<3 {
            #expect(XattrReading.gfid(at: stack.path(replica, "f")) == fd.inode.gfid)
            #expect(
                XattrReading.value(of: "trusted.glusterfs.mdata", at: stack.path(replica, "f"))
                    == XattrReading.value(of: "trusted.glusterfs.mdata", at: stack.path(0, "f")))
        }
        await stack.stop()
    }

    @Test func `every xattrop names all keys, and dirty unless it is about a new object`() async throws {
        let scene = try await Scene(3)
        scene.stack.faulty[2].goDown()
        for change in [Change.create, .unlink, .rmdir] { try await scene.perform(change) }
        let keys = Set(scene.stack.keys)
        for named in scene.stack.keysOfXattrops {
            #expect(named == keys || named == keys.union([PendingCounts.dirtyKey]))
        }
        await scene.stack.stop()
    }
}
