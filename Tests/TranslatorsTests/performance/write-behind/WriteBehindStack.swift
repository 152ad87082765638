import CPosix
import Glibc
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// `performance/write-behind` on a real brick, with a fault injector and a recorder between them.
final class WriteBehindStack: BrickStack {
    let scratch = TemporaryDirectory("write-behind")
    let bricks: [String]
    let graph: Graph
    let behind: WriteBehindTranslator
    let faulty: FaultyTranslator
    let recorder: RecordingTranslator
    let root: Inode
    let frame = Frame(caller: Caller(pid: 7, uid: 0, gid: 0))
    let keys: [String] = []
    var top: any Translator { graph.top }

    /// `below`: volumes between the injector and write-behind, from below to above.
    init(_ options: [String] = [], below: [(name: String, lines: [String])] = [], log: Log = .silent) async throws {
        bricks = [scratch.subdirectory("brick")]
        graph = try Graph.fromText(
            Self.text(bricks, options, below), extra: [ShortTranslator.self, LateTranslator.self],
            environment: GraphEnvironment(log: log))
        behind = try #require(graph.top as? WriteBehindTranslator)
        faulty = try #require(graph["faulty-0"] as? FaultyTranslator)
        recorder = try #require(graph["seen-0"] as? RecordingTranslator)
        root = graph.environment.inodes.inode(.root, type: .directory)
        try await graph.start()
    }

    private static func text(
        _ bricks: [String], _ options: [String], _ below: [(name: String, lines: [String])]
    ) -> String {
        var text = BrickVolumes.volfile(bricks, above: [("seen", "testing/recording"), ("faulty", "testing/faulty")])
        var last = "faulty-0"
        for (name, lines) in below {
            text += "volume \(name)\n\(lines.joined(separator: "\n"))\nsubvolumes \(last)\nend-volume\n"
            last = name
        }
        return text + "volume behind\ntype performance/write-behind\n"
            + options.map { "option \($0)\n" }.joined() + "subvolumes \(last)\nend-volume\n"
    }

    func reconfigure(_ options: [String]) throws {
        try graph.reconfigure(with: Volfile(Self.text(bricks, options, []), file: "new.vol"))
    }

    func fsync(_ fd: Fd) async throws { _ = try await top.fsync(FsyncRequest(fd: fd, dataOnly: false), in: frame) }
    func size(_ fd: Fd) async throws -> UInt64 { try await top.stat(StatRequest(.fd(fd)), in: frame).iatt.size }
    func content(_ name: String = "file") throws -> String { String(decoding: try bytes(name), as: UTF8.self) }
    func bytes(_ name: String = "file") throws -> [UInt8] {
        let descriptor = Glibc.open(path(0, name), O_RDONLY)
        try #require(descriptor >= 0)
        defer { Glibc.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4 << 20)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }

    /// The writes that went down, as "offset+bytes".
    var sent: [String] {
        recorder.steps.filter { $0.fop == .writev && $0.ended == nil }.map { step in
            let words = step.arguments.split(separator: " ").map { $0.split(separator: "=")[1] }
            return "\(words[0])+\(words[1])"
        }
    }

    /// The error of what must fail.
    func error(_ body: () async throws -> Void) async -> FopError? {
        do { try await body() } catch { return error as? FopError }
        return nil
    }
}

/// `test/short`: writes three bytes at a time, as a brick that runs out of room might.
final class ShortTranslator: Translator {
    static let type: TranslatorType = "test/short"
    static let needs: SubvolumeNeed = .exactly(1)
    let volume: Volume
    init(_ volume: Volume) { self.volume = volume }

    func writev(_ request: WriteRequest, in frame: Frame) async throws(FopError) -> WriteReply {
        let some = request.payload.copiedBytes().prefix(3)
        let draft = volume.environment.pool.draft(bytes: some.count)
        draft.bytes.copyBytes(from: some)
        let payload = Payload(draft.freeze(count: some.count))
        return try await subvolume.writev(request.replacing(payload: payload), in: frame)
    }
}

/// `test/late`: holds the answers of look-ups back, when they are already there, until a test lets them go.
final class LateTranslator: Translator {
    static let type: TranslatorType = "test/late"
    static let needs: SubvolumeNeed = .exactly(1)
    let volume: Volume
    private let held = Mutex<CheckedContinuation<Void, Never>?>(nil)
    init(_ volume: Volume) { self.volume = volume }

    func letGo() { held.withLock { $0.take() }?.resume() }

    func lookup(_ request: LookupRequest, in frame: Frame) async throws(FopError) -> LookupReply {
        let reply = try await subvolume.lookup(request, in: frame)
        await withCheckedContinuation { waiter in held.withLock { $0 = waiter } }
        return reply
    }
}
