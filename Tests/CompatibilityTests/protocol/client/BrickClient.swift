import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting
import WireProtocol

@testable import Translators

/// A connection to a brick as a test uses it: introduced, with what it was told.
final class BrickClient: Sendable {
    let connection: BrickConnection
    let frame = Frame(caller: .root)
    private let heard: Heard

    private final class Heard: Sendable {
        let events = Mutex<[BrickConnection.Event]>([])
        func add(_ event: BrickConnection.Event) { events.withLock { $0.append(event) } }
    }

    /// Waits until the brick takes connections.
    init(
        _ brick: BrickProcess, introduced: Bool = true, _ adjust: (inout BrickConnection.Settings) -> Void = { _ in }
    ) async throws {
        var settings = BrickConnection.Settings(brick.address, pool: IobufPool())
        adjust(&settings)
        let heard = Heard()
        var made: BrickConnection?
        _ = await eventually(within: .seconds(30)) {
            guard let connection = try? await BrickConnection.connect(settings, { event in heard.add(event) }) else {
                return false
            }
            // A brick that starts listens before it serves.
            if introduced, (try? await connection.introduce(Self.introduction(brick))) == nil {
                connection.close()
                return false
            }
            made = connection
            return true
        }
        (connection, self.heard) = (try #require(made, "the brick did not come up"), heard)
    }
    deinit { connection.close() }

    static func introduction(_ brick: BrickProcess, subvolume: String? = nil) -> Introduction {
        let uuid = Introduction.processUUID(
            context: .random(), pid: 1, host: "test", client: "client", reconnection: 0)
        return Introduction(brick: subvolume ?? brick.directory, processUUID: uuid)
    }

    var callbacks: [ServerCallback] {
        heard.events.withLock { $0.compactMap { if case .callback(let callback) = $0 { callback } else { nil } } }
    }
    /// Why connections ended.
    var ends: [String] {
        heard.events.withLock { $0.compactMap { if case .closed(let reason) = $0 { reason } else { nil } } }
    }

    /// Makes a file in the root and opens it.
    func create(_ name: String) async throws -> (fd: Fd, number: Int64) {
        let root = Inode(gfid: .root, type: .directory)
        let fd = Fd(inode: Inode(gfid: .random(), type: .regular), flags: .readWrite)
        let entry = NewEntry(parent: root, name: EntryName(name), inode: fd.inode)
        let request = CreateRequest(entry: entry, fd: fd, mode: 0o644)
        let answer = try await connection.call(CreateArguments(request), in: frame).result.createReply()
        return (fd, answer.number)
    }

    func write(_ payload: Payload, to file: (fd: Fd, number: Int64), at offset: UInt64) async throws -> Int {
        let request = WriteRequest(fd: file.fd, offset: offset, payload: payload)
        return try await connection.write(WriteArguments(request, fd: file.number), payload, in: frame).bytes
    }

    func read(_ bytes: Int, of file: (fd: Fd, number: Int64), at offset: UInt64) async throws -> ReadReply {
        let request = ReadRequest(fd: file.fd, offset: offset, bytes: bytes)
        return try await connection.read(ReadArguments(request, fd: file.number), in: frame)
    }

    func lock(_ command: LockCommand, _ inode: Inode, as frame: Frame) async throws {
        let request = InodelkRequest(.inode(inode), domain: "d", command: command, range: .whole)
        let arguments = InodelkArguments(request)
        _ = try await connection.call(arguments, in: frame, isPatient: command == .acquire).result.doneReply()
    }

    func stat(_ inode: Inode) async throws -> Iatt {
        try await connection.call(StatArguments(StatRequest(.inode(inode))), in: frame).result.statReply().iatt
    }
}
