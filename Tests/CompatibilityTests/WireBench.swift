import CPosix
import Glibc
import HealProtocol
import ReplicaState
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealEngine
@testable import Translators

/// Two bricks of the genuine `glusterfsd`, and above connections to them this tree's `cluster/replicate`,
/// `features/bypass` or `performance/write-behind` where asked, and healing engine: everything but the mount and the
/// sockets between processes.
final class WireBench: BrickStack {
    /// Whose directory `performance/direct` is given.
    enum DirectPlace { case own, theOther }
    let processes: [BrickProcess]
    let graph: Graph
    let replicate: ReplicateTranslator
    let pipeline: HealPipeline
    let root: Inode
    let frame = Frame(caller: Caller(pid: 7, uid: 0, gid: 0))
    private let records: RecordForwarder
    private let healer: Mutex<Task<Void, Never>?> = Mutex(nil)

    var bricks: [String] { processes.map(\.directory) }
    var top: any Translator { graph.top }
    var keys: [String] { replicate.pendingKeys }
    /// What goes over the wire to the brick that is used directly, counted.
    let wire: FaultyTranslator?
    let direct: DirectTranslator?

    /// Returns when both bricks serve. `pingTimeout`: seconds, as the volfile has it. `direct`: the directory in which
    /// the target's data is written, by default its own.
    init(
        bypass target: Int? = nil, bypassOptions: String = "", direct: DirectPlace? = nil, isBehind: Bool = false,
        pingTimeout: Int = 42,
        settings: HealSettings = HealSettings(), log: Log = .silent
    ) async throws {
        processes = [try BrickProcess(), try BrickProcess()]
        var text = ""
        for (number, brick) in processes.enumerated() {
            let isDirect = direct != nil && number == target
            text += """
                volume v-client-\(number)\(isDirect ? "-socket" : "")
                    type protocol/client
                    \(brick.place)
                    option ping-timeout \(pingTimeout)
                end-volume

                """
            guard isDirect, let direct else { continue }
            text += """
                volume v-client-\(number)-wire
                    type testing/faulty
                    subvolumes v-client-\(number)-socket
                end-volume
                volume v-client-\(number)-directory
                    type storage/posix
                    option directory \(processes[direct == .own ? number : 1 - number].directory)
                    option volume-id \(BrickProcess.volumeID)
                    option visiting on
                end-volume
                volume v-client-\(number)
                    type performance/direct
                    subvolumes v-client-\(number)-wire v-client-\(number)-directory
                end-volume

                """
        }
        text += """
            volume v-replicate-0
                type cluster/replicate
                subvolumes v-client-0 v-client-1
            end-volume

            """
        if let target {
            text += """
                volume v-bypass
                    type features/bypass
                    option target v-client-\(target)
                    option epoch-idle 100ms
                    \(bypassOptions)
                    subvolumes v-replicate-0
                end-volume

                """
        }
        if isBehind {
            text += "volume v-behind\n type performance/write-behind\n subvolumes v-replicate-0\nend-volume\n"
        }
        let graph = try Graph.fromText(text, environment: GraphEnvironment(log: log))
        self.graph = graph
        wire = graph.translators.lazy.compactMap { $0 as? FaultyTranslator }.first
        self.direct = graph.translators.lazy.compactMap { $0 as? DirectTranslator }.first
        replicate = try #require(graph["v-replicate-0"] as? ReplicateTranslator)
        root = graph.environment.inodes.inode(.root, type: .directory)
        var settings = settings
        (settings.retryMin, settings.retryMax) = (.milliseconds(100), .seconds(1))
        pipeline = HealPipeline(replicate, settings: settings)
        records = RecordForwarder(pipeline, target: target ?? 0)
        if let bypass = graph.top as? BypassTranslator { bypass.attach(observer: records) }
        try await graph.start()
        try #require(await allAreUp(), "the bricks did not come up")
    }

    func allAreUp() async -> Bool {
        await eventually(within: .seconds(30)) { replicate.up == [true, true] && pipeline.replicas.watch.allAreUp }
    }

    /// Starts the engine, as a healer process does; it runs until `end`.
    func heal() {
        let pipeline = pipeline
        let task = Task(executorPreference: graph.environment.executor) { await pipeline.run() }
        healer.withLock { $0 = task }
    }

    func end() async {
        pipeline.stop()
        await healer.withLock { $0.take() }?.value
        await graph.stop()
    }

    func kill(_ brick: Int) async throws {
        processes[brick].kill()
        try #require(await eventually { !replicate.up[brick] }, "nobody noticed that brick \(brick) is gone")
    }
    func restart(_ brick: Int) async throws {
        try processes[brick].start()
        try #require(await allAreUp(), "brick \(brick) did not come up")
    }

    func content(_ brick: Int, _ name: String) -> [UInt8] { (try? TextFile.bytes(path(brick, name))) ?? [] }

    /// Whether no brick says anything against any of this file's copies, and none has it in an index.
    func isClean(_ name: String, _ gfid: Gfid) -> Bool {
        for (brick, other) in [(0, 1), (1, 0)] {
            guard counts(brick, about: other, name) == .zero, dirty(brick, name) == .zero else { return false }
            guard !isIndexed(brick, gfid), !isIndexed(brick, gfid, in: "dirty") else { return false }
        }
        return true
    }

    /// What still is to be healed, for the comment of a failed expectation.
    func marks(_ name: String, _ gfid: Gfid) -> String {
        [(0, 1), (1, 0)].map { brick, other in
            "brick \(brick): \(counts(brick, about: other, name)), dirty \(dirty(brick, name)), "
                + "indexed \(isIndexed(brick, gfid)), \(isIndexed(brick, gfid, in: "dirty"))"
        }.joined(separator: "; ")
    }
}

/// A bypass writer's records go straight to the engine, as they would over the socket.
private final class RecordForwarder: WriteObserver {
    private let pipeline: HealPipeline
    private let target: UInt16
    private let writer = Gfid.random()
    private let sequences = Mutex<[UInt8: UInt64]>([:])

    init(_ pipeline: HealPipeline, target: Int) { (self.pipeline, self.target) = (pipeline, UInt16(target)) }

    var canJournal: Bool { true }

    private func next(_ gfid: Gfid) -> UInt64 {
        sequences.withLock { sequences in
            sequences[gfid.firstByte, default: 0] += 1
            return sequences[gfid.firstByte]!
        }
    }
    private func send(_ gfid: Gfid, _ generation: Int32, _ sequence: UInt64, _ kind: WriteRecord.Kind) {
        pipeline.received(
            WriteRecord(
                volume: .none, replicaSet: 0, target: target, writer: writer, boot: .none, gfid: gfid,
                generation: generation, sequence: sequence, kind: kind))
    }

    func epochOpening(_ gfid: Gfid) throws(FopError) {}
    func epochOpened(_ gfid: Gfid, generation: Int32) {}
    func writeBegins(_ gfid: Gfid, generation: Int32, offset: UInt64, bytes: UInt64) -> RecordedWrite {
        RecordedWrite(gfid: gfid, generation: generation, sequence: next(gfid), offset: offset, bytes: bytes)
    }
    func writeEnded(_ write: RecordedWrite) {
        send(write.gfid, write.generation, write.sequence, .range(offset: write.offset, bytes: write.bytes))
    }
    func epochClosed(_ gfid: Gfid, generation: Int32, records: UInt64, isExact: Bool) {
        send(gfid, generation, next(gfid), .close(records: records, isExact: isExact))
    }
    func healWanted(_ gfid: Gfid, generation: Int32) { send(gfid, generation, 0, .wanted) }
    func epochsHealed(_ gfid: Gfid, through generation: Int32) {}
    func targetLost() {}
}

/// Writes blocks of random bytes to random places, one after the other, and knows what the file must have then.
actor BlockWriter {
    private let bench: WireBench
    private let fd: Fd
    private var random: SeededRandom
    private let bytesMax: Int
    /// What was acknowledged.
    private(set) var model: [UInt8]
    /// Blocks of which nobody knows whether they were written.
    private(set) var failures: [FopError] = []
    private(set) var count = 0

    init(_ bench: WireBench, _ fd: Fd, seed: UInt64, fileBytes: Int = 1 << 20, blockBytesMax: Int = 20_000) {
        (self.bench, self.fd, random) = (bench, fd, SeededRandom(seed: seed))
        (model, bytesMax) = ([UInt8](repeating: 0, count: fileBytes), blockBytesMax)
    }

    /// The whole file once, so that it has no holes.
    func fill() async throws { try await write(at: 0, model.count) }

    /// One block. One that fails is written again, the same, until it is acknowledged: as an application does that
    /// cannot go on without.
    func step() async throws {
        let bytes = Int.random(in: 1...bytesMax, using: &random)
        try await write(at: Int.random(in: 0...(model.count - bytes), using: &random), bytes)
    }

    private func write(at offset: Int, _ bytes: Int) async throws {
        let block = (0..<bytes).map { _ in UInt8.random(in: 0...255, using: &random) }
        for _ in 0..<1000 {
            do {
                let written = try await bench.write(block, to: fd, at: UInt64(offset))
                #expect(written == bytes)
                model.replaceSubrange(offset..<offset + bytes, with: block)
                count += 1
                return
            } catch let error as FopError {
                failures.append(error)
                try await SystemTimeSource().sleep(for: .milliseconds(20))
            }
        }
        Issue.record("a write was never acknowledged: \(failures.last.map { "\($0)" } ?? "")")
    }

    /// Writes until `stop`, in a task of its own.
    nonisolated func run(until stop: StopFlag) -> Task<Void, any Error> {
        Task(executorPreference: bench.graph.environment.executor) {
            while !stop.isSet { try await self.step() }
        }
    }
}

final class StopFlag: Sendable {
    private let flag = Atomic(false)
    var isSet: Bool { flag.load(ordering: .relaxed) }
    func set() { flag.store(true, ordering: .relaxed) }
}
