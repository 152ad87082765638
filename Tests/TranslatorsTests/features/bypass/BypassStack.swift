import CPosix
import Glibc
import ReplicaState
import Synchronization
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// `features/bypass` on `cluster/replicate` on real bricks: for each replica storage/posix, features/locks and
/// features/index, a connection that can be cut, a fault injector and a recorder. The clock stands still until moved.
final class BypassStack: Sendable {
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
            Self.volfile(bricks) + """
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

    static func volfile(_ bricks: [String]) -> String {
        bricks.enumerated().map { number, brick in
            """
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
            volume link-\(number)
                type testing/link
                subvolumes index-\(number)
            end-volume
            volume faulty-\(number)
                type testing/faulty
                subvolumes link-\(number)
            end-volume
            volume v-client-\(number)
                type testing/recording
                subvolumes faulty-\(number)
            end-volume

            """
        }.joined()
    }

    func stop() async { await graph.stop() }
    var keys: [String] { replicate.pendingKeys }
}

// Work through the stack.
extension BypassStack {
    func create(_ name: EntryName, flags: OpenFlags = .readWrite, in parent: Inode? = nil) async throws -> Fd {
        let inode = graph.environment.inodes.inode(.random(), type: .regular)
        let fd = Fd(inode: inode, flags: flags)
        let entry = NewEntry(parent: parent ?? root, name: name, inode: inode)
        _ = try await bypass.create(CreateRequest(entry: entry, fd: fd, mode: 0o644), in: frame)
        return fd
    }

    func open(_ inode: Inode, _ flags: OpenFlags = .readWrite) async throws -> Fd {
        let fd = Fd(inode: inode, flags: flags)
        _ = try await bypass.open(OpenRequest(fd: fd), in: frame)
        return fd
    }

    /// Looks the name up and opens it.
    func open(_ name: EntryName, _ flags: OpenFlags = .readWrite) async throws -> Fd {
        let reply = try await bypass.lookup(LookupRequest(.name(name, parent: root)), in: frame)
        return try await open(graph.environment.inodes.inode(reply.iatt.gfid, type: .regular), flags)
    }

    @discardableResult
    func write(_ text: String, to fd: Fd, at offset: UInt64 = 0) async throws -> Int {
        try await write(Array(text.utf8), to: fd, at: offset)
    }

    @discardableResult
    func write(_ bytes: [UInt8], to fd: Fd, at offset: UInt64 = 0) async throws -> Int {
        try await bypass.writev(WriteRequest(fd: fd, offset: offset, payload: payload(bytes)), in: frame).bytes
    }

    func payload(_ bytes: [UInt8]) -> Payload {
        let draft = graph.environment.pool.draft(bytes: bytes.count)
        draft.bytes.copyBytes(from: bytes)
        return Payload(draft.freeze(count: bytes.count))
    }

    func read(_ fd: Fd, at offset: UInt64 = 0, bytes: Int = 1 << 16) async throws -> String {
        let reply = try await bypass.readv(ReadRequest(fd: fd, offset: offset, bytes: bytes), in: frame)
        return String(decoding: reply.payload.copiedBytes(), as: UTF8.self)
    }

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

    func close(_ fd: Fd) async throws {
        _ = try await bypass.flush(FlushRequest(fd: fd), in: frame)
        await bypass.release(fd)
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
    func path(_ replica: Int, _ name: String) -> String { "\(bricks[replica])/\(name)" }

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

    /// What replica `i`'s copy says that replica `j` missed.
    func counts(_ i: Int, about j: Int, _ name: String) -> PendingCounts {
        XattrReading.counts(of: keys[j], at: path(i, name))
    }
    /// The epochs counted on replica `i` against replica `j`.
    func epochs(_ i: Int, about j: Int, _ name: String) -> BypassCounts {
        do {
            return try BypassCounts(xattr: XattrReading.value(of: BypassCounts.key(for: keys[j]), at: path(i, name)))
        } catch { fatalError("\(error)") }
    }
    func dirty(_ replica: Int, _ name: String) -> PendingCounts {
        XattrReading.counts(of: PendingCounts.dirtyKey, at: path(replica, name))
    }
    func isIndexed(_ replica: Int, _ gfid: Gfid) -> Bool {
        access("\(bricks[replica])/.glusterfs/indices/xattrop/\(gfid)", F_OK) == 0
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

    /// Plants what a copy says.
    func accuse(_ i: Int, _ j: Int, _ counts: PendingCounts, _ name: String) {
        XattrReading.set(keys[j], to: counts.xattr, at: path(i, name))
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
