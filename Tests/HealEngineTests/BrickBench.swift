import CPosix
import Glibc
import HealProtocol
import RangeMapping
import ReplicaState
import Synchronization
import TranslatorCore
import TranslatorTesting

@testable import HealEngine

/// A healer on real directories: storage/posix, features/locks, features/index and cluster/replicate of this tree.
final class BrickBench: Sendable {
    let scratch = TemporaryDirectory()
    let graph: Graph
    let pipeline: HealPipeline
    let edges = BenchEdges()
    let writer = Gfid.random()
    let environment: GraphEnvironment
    var replicaSet: any ReplicaSet { graph.translators.compactMap { $0 as? any ReplicaSet }.first! }
    func faulty(_ replica: Int) -> FaultyTranslator { graph["demo-faulty-\(replica)"] as! FaultyTranslator }
    func brick(_ replica: Int) -> String { scratch.appending("brick\(replica)") }

    init(replicas: Int = 2, settings: HealSettings = HealSettings(), replicateOptions: String = "") async throws {
        var text = ""
        for number in 0..<replicas {
            text += """
                volume demo-posix-\(number)
                 type storage/posix
                 option directory \(scratch.subdirectory("brick\(number)"))
                end-volume
                volume demo-faulty-\(number)
                 type testing/faulty
                 subvolumes demo-posix-\(number)
                end-volume
                volume demo-locks-\(number)
                 type features/locks
                 subvolumes demo-faulty-\(number)
                end-volume
                volume demo-client-\(number)
                 type features/index
                 subvolumes demo-locks-\(number)
                end-volume

                """
        }
        let children = (0..<replicas).map { "demo-client-\($0)" }.joined(separator: " ")
        text +=
            "volume demo-replicate-0\n type cluster/replicate\n\(replicateOptions) subvolumes \(children)\nend-volume\n"
        environment = GraphEnvironment(log: .standardError(.warning))
        graph = try Graph.fromText(text, environment: environment)
        pipeline = HealPipeline(
            graph.top as! any ReplicaSet, settings: settings, explanations: edges, writers: edges, listener: edges)
        try await graph.start()
        pipeline.replicas.watch.graphStarted(servedHere: pipeline.replicas.isServedHere)
    }

    /// Makes an empty file on all replicas, through replicate.
    func create(_ name: EntryName) async throws -> Inode {
        let inode = environment.inodes.inode(.random(), type: .regular)
        let root = environment.inodes.inode(.root, type: .directory)
        let fd = Fd(inode: inode, flags: .readWrite)
        let frame = Frame(caller: .root, time: SystemTimeSource().wallClock())
        _ = try await graph.top.lookup(LookupRequest(.inode(root)), in: frame)
        _ = try await graph.top.create(
            CreateRequest(entry: NewEntry(parent: root, name: name, inode: inode), fd: fd, mode: 0o644), in: frame)
        await graph.top.release(fd)
        return inode
    }

    /// The bypass writer's one xattrop.
    func openEpoch(_ inode: Inode, target: Int = 0) async throws -> Int32 {
        let set = replicaSet
        var deltas: Xattrs = [PendingCounts.dirtyKey: PendingCounts.zero.xattr]
        for (position, key) in set.pendingKeys.enumerated() {
            deltas[key] = PendingCounts(data: position == target ? 0 : BypassCounts.epochUnit).xattr
            if position != target { deltas[BypassCounts.key(for: key)] = BypassCounts(opened: 1, healed: 0).xattr }
        }
        let reply = try await set.replicas[target].xattrop(
            XattropRequest(.inode(inode), values: deltas), in: Frame(caller: .root))
        return try set.pendingKeys.indices.filter { $0 != target }.map {
            try BypassCounts(xattr: reply.values[BypassCounts.key(for: set.pendingKeys[$0])]).opened
        }.max()!
    }
    func record(_ inode: Inode, _ generation: Int32, _ sequence: UInt64, _ kind: WriteRecord.Kind) -> WriteRecord {
        WriteRecord(
            volume: .none, replicaSet: 0, target: 0, writer: writer, boot: .none, gfid: inode.gfid,
            generation: generation, sequence: sequence, kind: kind)
    }
    func path(_ name: String, on replica: Int) -> String { brick(replica) + "/" + name }

    /// One heal as the pipeline would do it, with everything but the loop.
    func heal(_ inode: Inode) async -> HealReport {
        let tally = HealTally()
        let now = environment.time.now()
        pipeline.state.withLock { state in
            _ = state.want(inode.gfid, .promoted)
            precondition(state.nextFile(at: now) == inode.gfid, "the file is put off or in flight")
            state.ledger.started(inode.gfid, tally, at: now)
        }
        let report = await FileHeal(
            replicas: pipeline.replicas, gfid: inode.gfid, settings: pipeline.settings, context: pipeline, tally: tally
        ).run()
        _ = pipeline.state.withLock {
            $0.finished(
                report, names: pipeline.replicas.names, settings: pipeline.settings, at: now,
                wall: environment.time.wallClock())
        }
        return report
    }

    func counts(_ name: String, on replica: Int = 0, about other: Int = 1) -> PendingCounts {
        XattrReading.counts(of: replicaSet.pendingKeys[other], at: path(name, on: replica))
    }
}

/// Plain system calls on a brick's files.
enum PlainFile {
    static func write(_ bytes: [UInt8], at offset: Int, to path: String) {
        let fd = cposix_open(path, O_WRONLY | O_CREAT, 0o644)
        precondition(fd >= 0, "\(path): \(FopError.last)")
        precondition(bytes.withUnsafeBytes { pwrite(fd, $0.baseAddress, $0.count, off_t(offset)) } == bytes.count)
        Glibc.close(fd)
    }
    static func resize(_ path: String, to size: Int) { precondition(truncate(path, off_t(size)) == 0) }
    static func punch(_ path: String, _ offset: Int, _ count: Int) {
        let fd = cposix_open(path, O_WRONLY, 0)
        precondition(
            fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off_t(offset), off_t(count)) == 0)
        Glibc.close(fd)
    }
    static func size(_ path: String) -> Int {
        var status = Glibc.stat()
        precondition(stat(path, &status) == 0, "\(path): \(FopError.last)")
        return Int(status.st_size)
    }
    /// Allocated bytes.
    static func allocated(_ path: String) -> Int {
        var status = Glibc.stat()
        precondition(stat(path, &status) == 0)
        return Int(status.st_blocks) * 512
    }
    /// SEEK_DATA/SEEK_HOLE, after a sync.
    static func dataMap(_ path: String) -> [ClosedRange<Int>] {
        let fd = cposix_open(path, O_RDONLY, 0)
        defer { Glibc.close(fd) }
        fsync(fd)
        var map: [ClosedRange<Int>] = []
        var at: off_t = 0
        while true {
            let data = lseek(fd, at, Int32(SEEK_DATA))
            guard data >= 0 else { return map }
            at = lseek(fd, data, Int32(SEEK_HOLE))
            map.append(Int(data)...Int(at))
        }
    }
    /// Whether two files have the same bytes.
    static func areEqual(_ a: String, _ b: String) -> Bool {
        guard size(a) == size(b) else { return false }
        let fds = (cposix_open(a, O_RDONLY, 0), cposix_open(b, O_RDONLY, 0))
        defer {
            Glibc.close(fds.0)
            Glibc.close(fds.1)
        }
        let buffers = (0..<2).map { _ in UnsafeMutableRawPointer.allocate(byteCount: 1 << 20, alignment: 4096) }
        defer { buffers.forEach { $0.deallocate() } }
        while true {
            let count = read(fds.0, buffers[0], 1 << 20)
            guard count > 0 else { return true }
            guard read(fds.1, buffers[1], count) == count, memcmp(buffers[0], buffers[1], count) == 0 else {
                return false
            }
        }
    }
}
