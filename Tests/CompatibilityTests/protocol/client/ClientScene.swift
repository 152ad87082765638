import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// A client in a graph, below a translator that hears what it tells.
final class ClientScene: Sendable {
    let graph: Graph
    let client: ClientTranslator
    let listener: EventListener
    let frame = Frame(caller: .root)
    let root = Inode(gfid: .root, type: .directory)
    let lines = LogLines()

    static func volfile(_ brick: BrickProcess, options: String = "") -> String {
        """
        volume client
            type protocol/client
            \(brick.place)
            \(options)
        end-volume
        volume listener
            type test/listener
            subvolumes client
        end-volume

        """
    }

    init(_ brick: BrickProcess, options: String = "", waits: Bool = true) async throws {
        graph = try Graph(
            Volfile(Self.volfile(brick, options: options), file: "test.vol"),
            registry: TranslatorRegistry([ClientTranslator.self, EventListener.self]),
            environment: GraphEnvironment(log: lines.log))
        client = try #require(graph["client"] as? ClientTranslator)
        listener = try #require(graph.top as? EventListener)
        try await graph.start()
        let client = client
        guard waits else { return }
        try #require(await eventually(within: .seconds(30)) { client.isUp }, "the brick did not come up: \(lines.all)")
    }

    func create(_ name: String, _ gfid: Gfid = .random()) async throws -> Fd {
        let fd = Fd(inode: Inode(gfid: gfid, type: .regular), flags: .readWrite)
        let entry = NewEntry(parent: root, name: EntryName(name), inode: fd.inode)
        _ = try await client.create(CreateRequest(entry: entry, fd: fd, mode: 0o640), in: frame)
        return fd
    }
    func write(_ text: String, to fd: Fd, at offset: UInt64) async throws {
        let bytes = Array(text.utf8)
        let draft = graph.environment.pool.draft(bytes: bytes.count)
        draft.bytes.copyBytes(from: bytes)
        let payload = Payload(draft.freeze(count: bytes.count))
        let reply = try await client.writev(WriteRequest(fd: fd, offset: offset, payload: payload), in: frame)
        #expect(reply.bytes == bytes.count)
    }
    func read(_ fd: Fd) async throws -> String {
        let reply = try await client.readv(ReadRequest(fd: fd, offset: 0, bytes: 4096), in: frame)
        return String(decoding: reply.payload.copiedBytes(), as: UTF8.self)
    }
    func lock(_ command: LockCommand, _ target: FopTarget, as frame: Frame) async throws {
        let request = InodelkRequest(target, domain: "d", command: command, range: .whole)
        _ = try await client.inodelk(request, in: frame)
    }
}

/// Remembers what it was told.
final class EventListener: Translator {
    static let type: TranslatorType = "test/listener"
    static let needs: SubvolumeNeed = .exactly(1)
    let volume: Volume
    private let events = Mutex<[String]>([])
    init(_ volume: Volume) { self.volume = volume }
    func notify(_ event: GraphEvent, from subvolume: any Translator) {
        events.withLock { $0.append("\(event)") }
    }
    var heard: [String] { events.withLock { $0 } }
}
