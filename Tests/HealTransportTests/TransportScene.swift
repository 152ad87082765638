import HealProtocol
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealTransport

/// A runtime directory of a volume, writers and healers in it, and what they told.
final class TransportScene {
    let scratch = TemporaryDirectory("bt")
    let directory: RuntimeDirectory
    let volume = Gfid("11111111-2222-4333-8444-555555555555")!

    init() throws {
        directory = try RuntimeDirectory(volume: volume, base: scratch.path)
        try directory.create()
    }

    func identity(writer: Gfid = .random(), target: UInt16 = 1) throws -> JournalIdentity {
        JournalIdentity(volume: volume, writer: writer, boot: try BootID.current(), replicaSet: 0, target: target)
    }

    func publisher(
        _ identity: JournalIdentity? = nil, options: RecordPublisher.Options = fastOptions,
        onConfirmation: @escaping @Sendable (HealConfirmation) -> Void = { _ in }
    ) throws -> RecordPublisher {
        try RecordPublisher(
            identity: identity ?? self.identity(), journal: nil, directory: directory, options: options,
            onConfirmation: onConfirmation)
    }

    static var fastOptions: RecordPublisher.Options {
        var options = RecordPublisher.Options()
        options.heartbeatInterval = .milliseconds(20)
        return options
    }

    func confirmation(_ gfid: Gfid, _ generation: Int32, target: UInt16 = 1) -> HealConfirmation {
        HealConfirmation(
            volume: volume, replicaSet: 0, target: target, sink: 0, gfid: gfid, generation: generation,
            healer: .random())
    }
}

/// Collects what a subscriber tells.
final class Heard: Sendable {
    struct All: Sendable {
        var records: [WriteRecord] = []
        var appeared: [Gfid] = [], silent: [Gfid] = []
        var lost: [UInt8] = []
    }
    private let all = Mutex(All())
    var now: All { all.withLock { $0 } }
    var ranges: [UInt64] {
        now.records.compactMap { if case .range = $0.kind { $0.sequence } else { nil } }
    }

    func take(_ event: RecordEvent) {
        all.withLock { all in
            switch event {
            case .records(let records): all.records += records
            case .writerAppeared(let writer): all.appeared.append(writer)
            case .writerSilent(let writer): all.silent.append(writer)
            case .recordsLost(_, let byte): all.lost.append(byte)
            }
        }
    }
}

/// A writer whose every message the test decides: it loses, repeats and lies.
final class ScriptedWriter {
    let identity: JournalIdentity
    let stream: ZMQSocket, replay: ZMQSocket

    init(_ scene: TransportScene) throws {
        identity = try scene.identity()
        stream = ZMQSocket(.pub, messageBytesMax: 1 << 20)
        try stream.bind(scene.directory.endpoint(identity.writer, .records))
        replay = ZMQSocket(.router, messageBytesMax: 1 << 20)
        try replay.bind(scene.directory.endpoint(identity.writer, .replay))
    }
    deinit {
        stream.close()
        replay.close()
    }

    func range(_ gfid: Gfid, _ sequence: UInt64) -> WriteRecord {
        record(.range(offset: sequence * 4096, bytes: 4096), gfid, sequence)
    }
    func record(_ kind: WriteRecord.Kind, _ gfid: Gfid, _ sequence: UInt64 = 0) -> WriteRecord {
        WriteRecord(
            volume: identity.volume, replicaSet: identity.replicaSet, target: identity.target, writer: identity.writer,
            boot: identity.boot, gfid: gfid, generation: 1, sequence: sequence, kind: kind)
    }
    func beat(_ byte: UInt8, _ sequence: UInt64) {
        var sequences = [UInt64](repeating: 0, count: 256)
        sequences[Int(byte)] = sequence
        stream.send(record(.heartbeat(sequences: sequences), .none).encoded)
    }

    /// Beats until the subscriber has heard it: from then on no message is lost by accident.
    func introduce(to heard: Heard) async -> Bool {
        await eventually {
            beat(0, 0)
            return heard.now.appeared.contains(identity.writer)
        }
    }
    /// The next replay request, with who asked.
    func nextRequest() async -> (asker: [UInt8], request: ReplayRequest)? {
        var found: (asker: [UInt8], request: ReplayRequest)?
        _ = await eventually {
            guard let frames = replay.receiveFrames(), frames.count == 2 else { return false }
            found = (try? ReplayRequest(decoding: frames[1])).map { (frames[0], $0) }
            return true
        }
        return found
    }
    func answer(_ asker: [UInt8], _ reply: ReplayReply) {
        replay.send(asker, more: true)
        replay.send(reply.encoded)
    }
}

/// Runs what blocks on a thread of its own: the pool on which tests run is needed by those who answer.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        WorkerThread.start(name: "blocking") { continuation.resume(with: Result(catching: body)) }
    }
}
