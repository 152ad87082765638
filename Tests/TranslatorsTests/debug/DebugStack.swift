import Testing
import TranslatorCore
import TranslatorTesting

/// One translator under test, above a recorder, above storage that does nothing.
struct DebugStack {
    let graph: Graph
    let recorder: RecordingTranslator
    let file = Fd(inode: Inode(gfid: Gfid(high: 1, low: 2), type: .regular), flags: .readWrite)
    let frame = Frame(caller: Caller(pid: 4711, uid: 0, gid: 0), unique: 17)
    var top: any Translator { graph.top }

    init(
        _ type: TranslatorType, _ options: [String] = [], environment: GraphEnvironment = GraphEnvironment(log: .silent)
    ) throws {
        graph = try Graph.fromText(Self.text(type, options), environment: environment)
        recorder = try #require(graph["seen"] as? RecordingTranslator)
    }

    func reconfigure(_ options: [String]) throws {
        try graph.reconfigure(with: Volfile(Self.text(top.volume.type, options), file: "new.vol"))
    }

    private static func text(_ type: TranslatorType, _ options: [String]) -> String {
        """
        volume disk
            type testing/inert
        end-volume
        volume seen
            type testing/recording
            subvolumes disk
        end-volume
        volume tested
            type \(type)
            \(options.map { "option \($0)" }.joined(separator: "\n    "))
            subvolumes seen
        end-volume
        """
    }

    func payload(_ text: String) -> Payload {
        let draft = graph.environment.pool.draft(bytes: max(1, text.utf8.count))
        draft.bytes.copyBytes(from: text.utf8)
        return Payload(draft.freeze(count: text.utf8.count))
    }

    @discardableResult func write(_ text: String, at offset: UInt64 = 0) async throws(FopError) -> WriteReply {
        try await top.writev(WriteRequest(fd: file, offset: offset, payload: payload(text)), in: frame)
    }
    @discardableResult func fsync() async throws(FopError) -> AttributesReply {
        try await top.fsync(FsyncRequest(fd: file, dataOnly: true), in: frame)
    }
    @discardableResult func stat(_ target: FopTarget? = nil) async throws(FopError) -> StatReply {
        try await top.stat(StatRequest(target ?? .inode(file.inode)), in: frame)
    }
}
