import CPosix
import Glibc
import ReplicaState
import Translators
import TranslatorCore
import TranslatorTesting

/// `cluster/replicate` on real bricks: for each replica storage/posix, features/locks and features/index, and on top of
/// them a fault injector and a recorder. The clock stands still until the test moves it.
final class ReplicaStack: Sendable {
    let scratch: TemporaryDirectory
    let bricks: [String]
    let clock: ManualClock
    let graph: Graph
    let replicate: ReplicateTranslator
    let faulty: [FaultyTranslator]
    let recording: [RecordingTranslator]
    let root: Inode
    let frame: Frame

    /// `at` serves the bricks of another stack too, as a second client would.
    init(
        _ count: Int = 2, _ options: String = "", at other: ReplicaStack? = nil, name: String = "v-replicate-0",
        clock: ManualClock = ManualClock()
    ) async throws {
        scratch = other?.scratch ?? TemporaryDirectory("replicate")
        let scratch = scratch
        bricks = other?.bricks ?? (0..<count).map { scratch.subdirectory("brick\($0)") }
        self.clock = clock
        graph = try Graph.fromText(
            Self.volfile(bricks, options, name: name),
            environment: GraphEnvironment(time: clock, log: .silent))
        replicate = graph.top as! ReplicateTranslator
        faulty = (0..<count).map { [graph] in graph["faulty-\($0)"] as! FaultyTranslator }
        recording = (0..<count).map { [graph] in graph["v-client-\($0)"] as! RecordingTranslator }
        try await graph.start()
        root = graph.environment.inodes.inode(.root, type: .directory)
        frame = Frame(caller: Caller(pid: 7, uid: 0, gid: 0), time: Timestamp(seconds: 1_700_000_000, nanoseconds: 5))
    }

    static func volfile(_ bricks: [String], _ options: String, name: String) -> String {
        var text = ""
        for (number, brick) in bricks.enumerated() {
            text += """
                volume posix-\(number)
                    type storage/posix
                    option directory \(brick)
                end-volume
                volume locks-\(number)
                    type features/locks
                    subvolumes posix-\(number)
                end-volume
                volume index-\(number)
                    type features/index
                    subvolumes locks-\(number)
                end-volume
                volume faulty-\(number)
                    type testing/faulty
                    subvolumes index-\(number)
                end-volume
                volume v-client-\(number)
                    type testing/recording
                    subvolumes faulty-\(number)
                end-volume

                """
        }
        let subvolumes = bricks.indices.map { "v-client-\($0)" }.joined(separator: " ")
        return text
            + "volume \(name)\n    type cluster/replicate\n\(options)\n    subvolumes \(subvolumes)\nend-volume\n"
    }

    func stop() async { await graph.stop() }

    var keys: [String] { replicate.pendingKeys }
}

// Work through the stack.
extension ReplicaStack {
    func create(_ name: EntryName, in parent: Inode? = nil, flags: OpenFlags = .readWrite) async throws -> Fd {
        let inode = graph.environment.inodes.inode(.random(), type: .regular)
        let fd = Fd(inode: inode, flags: flags)
        let entry = NewEntry(parent: parent ?? root, name: name, inode: inode)
        _ = try await replicate.create(CreateRequest(entry: entry, fd: fd, mode: 0o644), in: frame)
        return fd
    }

    func mkdir(_ name: EntryName, in parent: Inode? = nil) async throws -> Inode {
        let inode = graph.environment.inodes.inode(.random(), type: .directory)
        let entry = NewEntry(parent: parent ?? root, name: name, inode: inode)
        _ = try await replicate.mkdir(MkdirRequest(entry: entry, mode: 0o755), in: frame)
        return inode
    }

    func open(_ inode: Inode, _ flags: OpenFlags = .readWrite) async throws -> Fd {
        let fd = Fd(inode: inode, flags: flags)
        _ = try await replicate.open(OpenRequest(fd: fd), in: frame)
        return fd
    }

    @discardableResult
    func write(_ text: String, to fd: Fd, at offset: UInt64 = 0) async throws -> Int {
        try await write(Array(text.utf8), to: fd, at: offset)
    }

    @discardableResult
    func write(_ bytes: [UInt8], to fd: Fd, at offset: UInt64 = 0) async throws -> Int {
        try await replicate.writev(WriteRequest(fd: fd, offset: offset, payload: payload(bytes)), in: frame).bytes
    }

    func payload(_ bytes: [UInt8]) -> Payload {
        let draft = graph.environment.pool.draft(bytes: bytes.count)
        draft.bytes.copyBytes(from: bytes)
        return Payload(draft.freeze(count: bytes.count))
    }

    func read(_ fd: Fd, at offset: UInt64 = 0, bytes: Int = 1 << 16) async throws -> String {
        let reply = try await replicate.readv(ReadRequest(fd: fd, offset: offset, bytes: bytes), in: frame)
        return String(decoding: reply.payload.copiedBytes(), as: UTF8.self)
    }

    func lookup(_ name: EntryName, in parent: Inode? = nil) async throws -> LookupReply {
        try await replicate.lookup(LookupRequest(.name(name, parent: parent ?? root)), in: frame)
    }

    func lookup(_ inode: Inode) async throws -> LookupReply {
        try await replicate.lookup(LookupRequest(.inode(inode)), in: frame)
    }

    func chmod(_ inode: Inode, _ mode: UInt32) async throws {
        var iatt = Iatt()
        iatt.mode = mode
        _ = try await replicate.setattr(SetattrRequest(.inode(inode), iatt: iatt, valid: .mode), in: frame)
    }

    func unlink(_ name: EntryName, in parent: Inode? = nil) async throws {
        _ = try await replicate.unlink(UnlinkRequest(parent: parent ?? root, name: name), in: frame)
    }

    func flush(_ fd: Fd) async throws { _ = try await replicate.flush(FlushRequest(fd: fd), in: frame) }

    func close(_ fd: Fd) async throws {
        try await flush(fd)
        await replicate.release(fd)
    }

    /// Lets the delayed post-op come due and waits until it is done.
    func passPostOpDelay() async -> Bool {
        clock.advance(by: .milliseconds(1100))
        return await eventually {
            self.clock.advance(by: .milliseconds(200))
            return self.replicate.openLeaseCount == 0
        }
    }
}

// Behind its back.
extension ReplicaStack {
    func path(_ replica: Int, _ name: String) -> String { name == "/" ? bricks[replica] : "\(bricks[replica])/\(name)" }

    /// What replica `i`'s copy says that replica `j` missed.
    func counts(_ i: Int, about j: Int, _ name: String) -> PendingCounts {
        XattrReading.counts(of: keys[j], at: path(i, name))
    }
    func dirty(_ replica: Int, _ name: String) -> PendingCounts {
        XattrReading.counts(of: PendingCounts.dirtyKey, at: path(replica, name))
    }
    /// Whether no copy of `name` accuses anybody or is dirty.
    func isClean(_ name: String) -> Bool {
        bricks.indices.allSatisfy { i in
            !Self.exists(path(i, name))
                || (dirty(i, name).isZero && bricks.indices.allSatisfy { counts(i, about: $0, name).isZero })
        }
    }
    /// Plants what a copy says, as an earlier failure would have.
    func accuse(_ i: Int, _ j: Int, _ counts: PendingCounts, _ name: String) {
        XattrReading.set(keys[j], to: counts.xattr, at: path(i, name))
    }
    func content(_ replica: Int, _ name: String) -> [UInt8]? {
        let fd = Glibc.open(path(replica, name), O_RDONLY)
        guard fd >= 0 else { return nil }
        defer { Glibc.close(fd) }
        var bytes = [UInt8](repeating: 0, count: 1 << 22)
        let count = Glibc.read(fd, &bytes, bytes.count)
        return count < 0 ? nil : Array(bytes.prefix(count))
    }
    func text(_ replica: Int, _ name: String) -> String? {
        content(replica, name).map { String(decoding: $0, as: UTF8.self) }
    }
    static func exists(_ path: String) -> Bool {
        var status = Glibc.stat()
        return lstat(path, &status) == 0
    }
    func exists(_ replica: Int, _ name: String) -> Bool { Self.exists(path(replica, name)) }
    func status(_ replica: Int, _ name: String) -> Glibc.stat {
        var status = Glibc.stat()
        precondition(lstat(path(replica, name), &status) == 0, "no \(path(replica, name))")
        return status
    }
    func isIndexed(_ replica: Int, _ gfid: Gfid, in kind: String = "xattrop") -> Bool {
        exists(replica, ".glusterfs/indices/\(kind)/\(gfid)")
    }

    /// The fops that went to one replica since `clearRecords`.
    func fops(_ replica: Int) -> [Fop] { recording[replica].fops }
    func clearRecords() { recording.forEach { $0.clear() } }
}
