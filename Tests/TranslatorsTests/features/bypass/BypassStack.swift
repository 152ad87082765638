import CPosix
import Glibc
import ReplicaState
import Synchronization
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// `features/bypass` on `cluster/replicate` on real bricks: for each replica storage/posix, features/locks and
/// features/index, a connection that can be cut, a fault injector and a recorder. The clock stands still until moved.
final class BypassStack: BrickStack {
    let scratch: TemporaryDirectory
    let bricks: [String]
    let clock: ManualClock
    let graph: Graph
    let bypass: BypassTranslator
    let replicate: ReplicateTranslator
    let observer: RecordingObserver
    let links: [CuttableLink]
    let faulty: [FaultyTranslator]
    let recording: [RecordingTranslator]
    var top: any Translator { bypass }
    let root: Inode
    let frame = Frame(caller: Caller(pid: 7, uid: 0, gid: 0), time: Timestamp(seconds: 1_700_000_000, nanoseconds: 5))

    /// `at` serves the bricks of another stack too, as a second mount would.
    init(
        _ count: Int = 2, bypass options: String = "", replicate replicateOptions: String = "", target: Int = 0,
        at other: BypassStack? = nil, hasObserver: Bool = true, log: Log = .silent
    ) async throws {
        scratch = other?.scratch ?? TemporaryDirectory("bypass")
        let scratch = scratch
        bricks = other?.bricks ?? (0..<count).map { scratch.subdirectory("brick\($0)") }
        clock = other?.clock ?? ManualClock()
        let text =
            BrickVolumes.volfile(
                bricks,
                above: [
                    ("link", "testing/link"), ("faulty", "testing/faulty"), ("v-client", "testing/recording"),
                ]) + """
                volume v-replicate-0
                    type cluster/replicate
                    \(replicateOptions)
                    subvolumes \(bricks.indices.map { "v-client-\($0)" }.joined(separator: " "))
                end-volume
                volume v-bypass
                    type features/bypass
                    option target v-client-\(target)
                    \(options)
                    subvolumes v-replicate-0
                end-volume

                """
        graph = try Graph.fromText(
            text, environment: GraphEnvironment(time: clock, log: log))
        bypass = graph.top as! BypassTranslator
        replicate = graph["v-replicate-0"] as! ReplicateTranslator
        links = (0..<count).map { [graph] in graph["link-\($0)"] as! CuttableLink }
        faulty = (0..<count).map { [graph] in graph["faulty-\($0)"] as! FaultyTranslator }
        recording = (0..<count).map { [graph] in graph["v-client-\($0)"] as! RecordingTranslator }
        observer = RecordingObserver()
        if hasObserver { bypass.attach(observer: observer) }
        try await graph.start()
        root = graph.environment.inodes.inode(.root, type: .directory)
    }

    var keys: [String] { replicate.pendingKeys }
}

// Work through the stack.
extension BypassStack {
    /// Looks the name up and opens it.
    func open(_ name: EntryName, _ flags: OpenFlags = .readWrite) async throws -> Fd {
        let reply = try await bypass.lookup(LookupRequest(.name(name, parent: root)), in: frame)
        return try await open(graph.environment.inodes.inode(reply.iatt.gfid, type: .regular), flags)
    }

    /// As the kernel comes back with a file that it still knows, or has just forgotten.
    func inode(_ gfid: Gfid) -> Inode { graph.environment.inodes.inode(gfid, type: .regular) }

    func truncate(_ fd: Fd, to size: UInt64) async throws {
        _ = try await bypass.truncate(TruncateRequest(.fd(fd), size: size), in: frame)
    }

    func stat(_ fd: Fd) async throws -> Iatt { try await bypass.stat(StatRequest(.fd(fd)), in: frame).iatt }

    func lookup(_ name: EntryName) async throws -> Iatt {
        try await bypass.lookup(LookupRequest(.name(name, parent: root)), in: frame).iatt
    }

    func fsync(_ fd: Fd) async throws {
        _ = try await bypass.fsync(FsyncRequest(fd: fd, dataOnly: true), in: frame)
    }

    func phase(_ fd: Fd) -> BypassInodeState.Phase {
        bypass.context(fd.inode)!.guarded.withLock { $0.state.phase }
    }

    /// Moves the clock on in small steps until `condition` holds.
    func pass(
        _ step: Duration = .milliseconds(10), until condition: () async throws -> Bool
    ) async rethrows -> Bool {
        try await eventually {
            if try await condition() { return true }
            clock.advance(by: step)
            return try await condition()
        }
    }

    /// Lets the epoch run idle and close.
    func passIdle(_ fd: Fd) async -> Bool { await pass(.milliseconds(300)) { phase(fd) == .closed } }
}

// Behind its back.
extension BypassStack {
    func content(_ replica: Int, _ name: String) -> [UInt8] { Self.bytes(of: path(replica, name)) }
    func text(_ replica: Int, _ name: String) -> String { String(decoding: content(replica, name), as: UTF8.self) }

    static func bytes(of path: String) -> [UInt8] {
        let fd = Glibc.open(path, O_RDONLY)
        precondition(fd >= 0, "cannot open \(path): \(FopError.last)")
        defer { Glibc.close(fd) }
        var bytes = [UInt8](repeating: 0, count: 1 << 22)
        let count = Glibc.read(fd, &bytes, bytes.count)
        precondition(count >= 0)
        return Array(bytes.prefix(count))
    }

    /// The epochs counted on replica `i` against replica `j`.
    func epochs(_ i: Int, about j: Int, _ name: String) -> BypassCounts {
        do {
            return try BypassCounts(xattr: XattrReading.value(of: BypassCounts.key(for: keys[j]), at: path(i, name)))
        } catch { fatalError("\(error)") }
    }
    /// What a healer does at its end: replica `sink` gets the target's content, and `epochs` are taken off.
    func heal(_ name: String, on sink: Int, from target: Int = 0, epochs: Int32? = nil) {
        let key = BypassCounts.key(for: keys[sink])
        var counts = self.epochs(target, about: sink, name)
        let healed = epochs ?? counts.missing
        let copy = Glibc.open(path(sink, name), O_WRONLY | O_TRUNC)
        precondition(copy >= 0)
        let bytes = content(target, name)
        precondition(Glibc.write(copy, bytes, bytes.count) == bytes.count)
        Glibc.close(copy)
        counts.healed += healed
        var pending = self.counts(target, about: sink, name)
        pending.data -= healed * BypassCounts.epochUnit
        XattrReading.set(key, to: counts.xattr, at: path(target, name))
        XattrReading.set(keys[sink], to: pending.xattr, at: path(target, name))
    }

    /// On every brick, behind the translators' backs: a file that has been there for long.
    func lengthen(_ name: String, to bytes: Int) {
        for replica in recording.indices { precondition(Glibc.truncate(path(replica, name), bytes) == 0) }
    }

    func clearRecords() {
        recording.forEach { $0.clear() }
        observer.clear()
    }
    /// The fops that changed something on one replica since `clearRecords`.
    func changes(_ replica: Int) -> [Fop] {
        let changing: Set<Fop> = [
            .writev, .truncate, .ftruncate, .fallocate, .discard, .zerofill, .xattrop, .fxattrop, .setattr,
            .copyFileRange,
        ]
        return recording[replica].fops.filter { changing.contains($0) }
    }
}
