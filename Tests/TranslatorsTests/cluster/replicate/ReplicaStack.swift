import CPosix
import Glibc
import ReplicaState
import Synchronization
import Testing
import Translators
import TranslatorCore
import TranslatorTesting

/// `cluster/replicate` on real bricks: for each replica storage/posix, features/locks and features/index, and on top of
/// them a fault injector and a recorder. The clock stands still until the test moves it.
final class ReplicaStack: BrickStack {
    let scratch: TemporaryDirectory
    let bricks: [String]
    let clock: ManualClock
    let graph: Graph
    let replicate: ReplicateTranslator
    let faulty: [FaultyTranslator]
    let recording: [RecordingTranslator]
    var top: any Translator { replicate }
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
        let subvolumes = bricks.indices.map { "v-client-\($0)" }.joined(separator: " ")
        return BrickVolumes.volfile(bricks, above: [("faulty", "testing/faulty"), ("v-client", "testing/recording")])
            + "volume \(name)\n    type cluster/replicate\n\(options)\n    subvolumes \(subvolumes)\nend-volume\n"
    }

    var keys: [String] { replicate.pendingKeys }
}

// Work through the stack.
extension ReplicaStack {
    func mkdir(_ name: EntryName, in parent: Inode? = nil) async throws -> Inode {
        let inode = graph.environment.inodes.inode(.random(), type: .directory)
        let entry = NewEntry(parent: parent ?? root, name: name, inode: inode)
        _ = try await replicate.mkdir(MkdirRequest(entry: entry, mode: 0o755), in: frame)
        return inode
    }

    /// "f" of "content", open, of which replica 0 says that the other copies are old. Nothing is locked.
    static func withStaleCopies(_ count: Int = 2) async throws -> (ReplicaStack, Fd) {
        let stack = try await ReplicaStack(count)
        let fd = try await stack.create("f")
        try await stack.write("content", to: fd)
        try await stack.flush(fd)
        #expect(await stack.passPostOpDelay())
        for other in 1..<count { stack.accuse(0, other, PendingCounts(data: 1), "f") }
        return (stack, fd)
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

    /// Does it while time passes for whoever sleeps.
    func waiting(_ work: @escaping @Sendable () async throws -> Void) async throws {
        let isDone = Mutex(false)
        let working = Task {
            defer { isDone.withLock { $0 = true } }
            try await work()
        }
        let ended = await eventually {
            self.clock.advanceToNextDeadline()
            return isDone.withLock { $0 }
        }
        try #require(ended)
        try await working.value
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
    /// Whether no copy of `name` accuses anybody or is dirty.
    func isClean(_ name: String) -> Bool {
        bricks.indices.allSatisfy { i in
            !Self.exists(path(i, name))
                || (dirty(i, name).isZero && bricks.indices.allSatisfy { counts(i, about: $0, name).isZero })
        }
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
    /// The fops that went to one replica since `clearRecords`.
    func fops(_ replica: Int) -> [Fop] { recording[replica].fops }
    func clearRecords() { recording.forEach { $0.clear() } }
}
