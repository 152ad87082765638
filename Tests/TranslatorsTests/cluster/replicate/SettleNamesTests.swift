import CPosix
import Glibc
import ReplicaState
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// DESIGN §3.6: what a client that died left half done of changes of names.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct SettleNamesTests {
    /// Remembers what it was told, and which fops had gone out by then.
    final class Notes: NameObserver {
        let log = Mutex<[String]>([])
        let began = Mutex<[NameChange]>([])
        let replica: @Sendable () -> Int
        init(changesSeen: @escaping @Sendable () -> Int) { replica = changesSeen }
        func changeBegins(_ change: NameChange) -> Int? {
            began.withLock { $0.append(change) }
            log.withLock { $0.append("begins after \(replica())") }
            return 7
        }
        func changeEnded(_ number: Int) { log.withLock { $0.append("\(number) ends after \(replica())") } }
    }

    enum Change: String, CaseIterable, Sendable {
        case create, mkdir, symlink, fifo, link, unlink, rmdir, rename, renameOver, renameDirectory, exchange
    }

    /// A directory "d" with the files "a" and "b", both with content, and the directories "x" and "y".
    struct Scene {
        let stack: ReplicaStack
        let directory: Inode, a: Inode, b: Inode, x: Inode

        init(_ count: Int = 2) async throws {
            stack = try await ReplicaStack(count)
            directory = try await stack.mkdir("d")
            var files: [Inode] = []
            for name in ["a", "b"] {
                let fd = try await stack.create(EntryName(name), in: directory)
                try await stack.write(name, to: fd)
                try await stack.close(fd)
                files.append(fd.inode)
            }
            (a, b) = (files[0], files[1])
            x = try await stack.mkdir("x", in: directory)
            _ = try await stack.mkdir("y", in: directory)
            _ = await stack.passPostOpDelay()
        }

        private func place(_ name: EntryName) -> NameChange.Place { .init(directory.gfid, name) }

        /// Does it on `replicas` alone, as a client that dies in its middle, and answers what that client had noted.
        func half(_ change: Change, on replicas: [Int]) async throws -> NameChange {
            var note: NameChange?
            let gfid = Gfid.random()
            for replica in replicas { note = try await perform(change, on: stack.replicate.replicas[replica], gfid) }
            return note!
        }

        private func perform(_ change: Change, on brick: any Translator, _ gfid: Gfid) async throws -> NameChange {
            let frame = stack.frame
            func new(_ type: FileType) -> NewEntry {
                NewEntry(
                    parent: directory, name: "new", inode: stack.graph.environment.inodes.inode(gfid, type: type))
            }
            func move(
                _ old: EntryName, _ new: EntryName, _ object: Inode, over: Gfid = .none, _ flags: RenameFlags = []
            )
                async throws -> NameChange
            {
                let request = RenameRequest(
                    oldParent: directory, oldName: old, newParent: directory, newName: new, flags: flags)
                _ = try await brick.rename(request, in: frame)
                var note = NameChange(
                    flags.isEmpty ? .rename : .exchange, place(old), to: place(new), of: object.gfid)
                note.replaced = over
                return note
            }
            switch change {
            case .create, .fifo:
                // A change of owner takes the set-ID bit off.
                let (type, mode): (FileType, UInt32) = change == .fifo ? (.fifo, 0o640) : (.regular, 0o4750)
                _ = try await brick.mknod(
                    MknodRequest(entry: new(type), mode: type.rawValue | mode, device: 0), in: frame)
            case .mkdir: _ = try await brick.mkdir(MkdirRequest(entry: new(.directory), mode: 0o750), in: frame)
            case .symlink:
                _ = try await brick.symlink(SymlinkRequest(entry: new(.symlink), target: Array("t".utf8)), in: frame)
            case .link:
                _ = try await brick.link(LinkRequest(inode: a, parent: directory, name: "new"), in: frame)
                return NameChange(.link, place("new"), of: a.gfid)
            case .unlink:
                _ = try await brick.unlink(UnlinkRequest(parent: directory, name: "a"), in: frame)
                return NameChange(.unlink, place("a"), of: a.gfid)
            case .rmdir:
                _ = try await brick.rmdir(RmdirRequest(parent: directory, name: "x"), in: frame)
                return NameChange(.rmdir, place("x"), of: x.gfid)
            case .rename: return try await move("a", "new", a)
            case .renameOver: return try await move("a", "b", a, over: b.gfid)
            case .renameDirectory: return try await move("x", "new", x)
            case .exchange: return try await move("a", "b", a, over: b.gfid, .exchange)
            }
            return NameChange(.make, place("new"), of: gfid)
        }

        /// Names of "d" with gfids and contents, as one brick has them.
        func names(on replica: Int) -> [String] {
            let folder = "\(stack.bricks[replica])/d"
            let names = (try? LocalFile.names(in: folder)) ?? []
            return names.sorted().map { name in
                let status = stack.status(replica, "d/\(name)")
                let gfid = XattrReading.value(of: "trusted.gfid", at: "\(folder)/\(name)") ?? []
                // Opening a fifo would wait.
                let text = FileType(mode: status.st_mode) == .regular ? stack.text(replica, "d/\(name)") ?? "" : ""
                return "\(name) \(String(status.st_mode, radix: 8)) \(gfid) \(text)"
            }
        }
    }

    @Test(arguments: Change.allCases, [[0], [1]])
    func `a change that one replica did is done on the other, and nothing else`(change: Change, by: [Int]) async throws
    {
        let scene = try await Scene()
        let note = try await scene.half(change, on: by)
        let wanted = scene.names(on: by[0])
        #expect(wanted != scene.names(on: 1 - by[0]))
        #expect(try await scene.stack.replicate.settle(note, isBelieved: true) == .finished)
        #expect(scene.names(on: 0) == wanted)
        #expect(scene.names(on: 1) == wanted)
        #expect(scene.stack.isClean("d"))
        #expect(try await scene.stack.replicate.settle(note, isBelieved: true) == .alike, "a second time")
        await scene.stack.stop()
    }

    @Test(arguments: Change.allCases)
    func `a change that nobody did, or all, is left as it is`(change: Change) async throws {
        let scene = try await Scene()
        let before = scene.names(on: 0)
        let note = try await scene.half(change, on: [0, 1])
        let after = scene.names(on: 0)
        #expect(before != after)
        #expect(try await scene.stack.replicate.settle(note, isBelieved: true) == .alike)
        #expect(scene.names(on: 0) == after)
        #expect(scene.names(on: 1) == after)
        await scene.stack.stop()
    }

    @Test(arguments: [true, false])
    func `a name that is not exactly as noted is not touched but told`(isBelieved: Bool) async throws {
        let scene = try await Scene()
        var note = try await scene.half(.renameOver, on: [0])
        if isBelieved { note.replaced = .random() }
        let (one, other) = (scene.names(on: 0), scene.names(on: 1))
        #expect(try await scene.stack.replicate.settle(note, isBelieved: isBelieved) == .told)
        #expect(scene.names(on: 0) == one)
        #expect(scene.names(on: 1) == other)
        for replica in 0..<2 { #expect(scene.stack.dirty(replica, "d") == PendingCounts(entry: 1)) }
        await scene.stack.stop()
    }

    @Test func `a file that lost its last name and kept its handle goes`() async throws {
        let scene = try await Scene()
        let note = try await scene.half(.renameOver, on: [0, 1])
        let text = scene.b.gfid.description
        let handle = ".glusterfs/\(text.prefix(2))/\(text.dropFirst(2).prefix(2))/\(text)"
        #expect(!scene.stack.exists(0, handle))
        // As it is between rename(2) and what comes after it.
        close(cposix_open(scene.stack.path(0, handle), O_CREAT | O_RDWR, 0o600))
        XattrReading.set("trusted.gfid", to: scene.b.gfid.bytes, at: scene.stack.path(0, handle))
        #expect(try await scene.stack.replicate.settle(note, isBelieved: true) == .alike)
        #expect(!scene.stack.exists(0, handle))
        #expect(scene.names(on: 0) == scene.names(on: 1))
        await scene.stack.stop()
    }

    @Test func `a name that was not recorded is, and one that is gone no more`() async throws {
        let scene = try await Scene()
        let note = try await scene.half(.renameOver, on: [0, 1])
        let path = scene.stack.path(0, "d/b")
        func recorded() -> Xattrs { XattrReading.all(at: path).filter { $0.key.hasPrefix(GfidToPath.keyPrefix) } }
        let whole = recorded()
        #expect(whole.count == 1)
        // As it is between rename(2) and what comes after it.
        let (new, old) = (whole.keys.first!, GfidToPath(parent: scene.directory.gfid, name: "a"))
        #expect(removexattr(path, new) == 0)
        XattrReading.set(old.key, to: old.value, at: path)
        #expect(try await scene.stack.replicate.settle(note, isBelieved: true) == .alike)
        #expect(recorded() == whole)
        await scene.stack.stop()
    }

    @Test func `a recorded name that is gone goes from a file that has others`() async throws {
        let scene = try await Scene()
        let link = LinkRequest(inode: scene.a, parent: scene.directory, name: "other")
        _ = try await scene.stack.replicate.link(link, in: scene.stack.frame)
        let note = try await scene.half(.unlink, on: [0, 1])
        // As it is between unlink(2) and what comes after it.
        let path = scene.stack.path(0, "d/other"), gone = GfidToPath(parent: scene.directory.gfid, name: "a")
        XattrReading.set(gone.key, to: gone.value, at: path)
        scene.stack.clearRecords()
        #expect(try await scene.stack.replicate.settle(note, isBelieved: true) == .alike)
        #expect(!scene.stack.fops(0).contains(.link), "what has a name needs none")
        #expect(XattrReading.all(at: path).keys.count { $0.hasPrefix(GfidToPath.keyPrefix) } == 1)
        #expect(XattrReading.value(of: gone.key, at: path) == nil)
        await scene.stack.stop()
    }

    @Test func `while a replica is down nothing is settled`() async throws {
        let scene = try await Scene()
        let note = try await scene.half(.unlink, on: [0])
        scene.stack.faulty[1].goDown()
        await #expect(throws: FopError.notConnected) {
            try await scene.stack.replicate.settle(note, isBelieved: true)
        }
        await scene.stack.stop()
    }

    @Test func `what was written to a new file that one replica has is marked before the other gets the file`()
        async throws
    {
        let scene = try await Scene()
        let note = try await scene.half(.create, on: [0])
        let inode = scene.stack.graph.environment.inodes.inode(note.object, type: .regular)
        let fd = Fd(inode: inode, flags: .readWrite), brick = scene.stack.replicate.replicas[0]
        _ = try await brick.open(OpenRequest(fd: fd), in: scene.stack.frame)
        let write = WriteRequest(fd: fd, offset: 0, payload: scene.stack.payload([1, 2, 3]))
        _ = try await brick.writev(write, in: scene.stack.frame)
        await brick.release(fd)
        scene.stack.clearRecords()
        #expect(try await scene.stack.replicate.settle(note, isBelieved: true) == .finished)
        let steps = RecordingTranslator.together(scene.stack.recording).filter { $0.ended == nil }.map(\.fop)
        let marked = try #require(steps.firstIndex(of: .xattrop)), synced = try #require(steps.firstIndex(of: .fsync))
        #expect(try marked < synced && synced < #require(steps.firstIndex(of: .mknod)), "on the disk, too")
        #expect(scene.stack.exists(1, "d/new"))
        #expect(scene.stack.counts(0, about: 1, "d/new") == PendingCounts(data: 1))
        #expect(scene.stack.isIndexed(0, note.object))
        await scene.stack.stop()
    }

    @Test func `a change is noted before the first replica does it, and until the last has`() async throws {
        let scene = try await Scene()
        let recorders = scene.stack.recording
        let notes = Notes { recorders.reduce(0) { $0 + $1.fops.count { $0 == .unlink } } }
        scene.stack.replicate.attach(names: notes)
        try await scene.stack.unlink("a", in: scene.directory)
        #expect(notes.log.withLock { $0 } == ["begins after 0", "7 ends after 2"])
        #expect(notes.began.withLock { $0 } == [NameChange(.unlink, .init(scene.directory.gfid, "a"))])
        scene.stack.faulty[1].goDown()
        try await scene.stack.unlink("b", in: scene.directory)
        #expect(notes.began.withLock { $0.count } == 1, "where only one does it, there is nothing to finish")
        await scene.stack.stop()
    }
}
