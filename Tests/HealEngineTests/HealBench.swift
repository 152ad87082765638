import HealProtocol
import RangeMapping
import ReplicaState
import Synchronization
import TranslatorCore
import TranslatorTesting

@testable import HealEngine

/// A healer on simulated replicas, and a bypass writer whose marks and records a test makes by hand.
final class HealBench: Sendable {
    let replicas: SimulatedReplicas
    let client: SimulatedReplicas.Client
    let pipeline: HealPipeline
    let clock = ManualClock()
    let edges = BenchEdges()
    let file: Gfid
    let writer = Gfid.random()
    private let sequence = Mutex<UInt64>(0)

    init(
        replicas count: Int = 2, durable: Bool = true, settings: HealSettings = HealSettings(),
        content: [[UInt8]] = [[], [], []], pause: @escaping @Sendable () async -> Void = {}
    ) async throws {
        (replicas, file) = (SimulatedReplicas(count: count, pause: pause), .random())
        for (brick, bytes) in zip(replicas.bricks, content) { brick.place(file, name: "file", bytes) }
        client = try replicas.connect(
            observed: true, durable: durable, environment: GraphEnvironment(time: clock, log: .silent))
        pipeline = HealPipeline(
            client.replicaSet, settings: settings, explanations: edges, writers: edges, listener: edges)
        try await client.graph.start()
    }

    /// Another healer of the same replicas, which knows nothing yet.
    init(taking bench: HealBench) async throws {
        (replicas, file) = (bench.replicas, bench.file)
        client = try replicas.connect(observed: true, environment: GraphEnvironment(time: clock, log: .silent))
        pipeline = HealPipeline(client.replicaSet, explanations: edges, writers: edges, listener: edges)
        try await client.graph.start()
    }

    /// One heal of the file as the pipeline would do it, with everything but the loop.
    func heal(_ gfid: Gfid? = nil) async -> HealReport {
        let gfid = gfid ?? file
        let tally = HealTally()
        pipeline.state.withLock { state in
            // As if everything that put it off had passed.
            if !state.schedule.retry(gfid) { _ = state.want(gfid, .promoted) }
            let next = state.nextFile(at: clock.now())
            precondition(next == gfid, "the file is put off or in flight")
            state.ledger.started(gfid, tally, at: clock.now())
        }
        let report = await FileHeal(
            replicas: pipeline.replicas, gfid: gfid, settings: pipeline.settings, context: pipeline, tally: tally
        ).run()
        _ = pipeline.state.withLock {
            $0.finished(
                report, names: pipeline.replicas.names, settings: pipeline.settings, at: clock.now(),
                wall: clock.wallClock())
        }
        return report
    }

    // The writer's part.

    /// Marks a new epoch against every other replica, as the one xattrop does. Answers its generation.
    @discardableResult
    func openEpoch(on target: Int = 0) -> Int32 {
        var generation: Int32 = 0
        for other in replicas.bricks.indices where other != target {
            var pending = replicas.counts(file, on: target, about: other)
            var epochs = replicas.epochs(file, on: target, about: other)
            pending.data += BypassCounts.epochUnit
            epochs.opened += 1
            replicas.accuse(file, on: target, about: other, pending)
            replicas.setEpochs(file, on: target, about: other, opened: epochs.opened, healed: epochs.healed)
            generation = max(generation, epochs.opened)
        }
        return generation
    }
    func record(_ kind: WriteRecord.Kind, _ generation: Int32, target: Int = 0, sequence number: UInt64? = nil)
        -> WriteRecord
    {
        let next = sequence.withLock { last -> UInt64 in
            last += number == nil ? 1 : 0
            return last
        }
        return WriteRecord(
            volume: .none, replicaSet: 0, target: UInt16(target), writer: writer, boot: .none, gfid: file,
            generation: generation, sequence: number ?? next, kind: kind)
    }
    /// Writes on the target and tells the healer.
    func write(_ bytes: [UInt8], at offset: Int, _ generation: Int32, target: Int = 0, isLost: Bool = false) {
        replicas.bricks[target].change(file, write: bytes, at: offset)
        let record = record(.range(offset: UInt64(offset), bytes: UInt64(bytes.count)), generation, target: target)
        if !isLost { pipeline.received(record) }
    }
    func close(_ generation: Int32, records: UInt64, isExact: Bool = true, target: Int = 0) {
        pipeline.received(record(.close(records: records, isExact: isExact), generation, target: target))
    }
    /// A whole epoch: mark, writes, close.
    @discardableResult
    func epoch(_ writes: [(offset: Int, bytes: [UInt8])], target: Int = 0) -> Int32 {
        let generation = openEpoch(on: target)
        for write in writes { self.write(write.bytes, at: write.offset, generation, target: target) }
        close(generation, records: UInt64(writes.count), target: target)
        return generation
    }
}

/// Answers that a test sets, and what the engine told.
final class BenchEdges: ExplanationSource, WriterWatch, HealListener {
    struct State {
        var explanation: [JournalExplanation] = []
        var questions: [EpochQuestion] = []
        var lives: [Gfid: WriterLife] = [:]
        var confirmed: [(gfid: Gfid, generation: Int32, sink: Int)] = []
        var happened: [HealEvent.Change] = []
    }
    let state = Mutex(State())

    func explain(_ question: EpochQuestion) async -> [JournalExplanation] {
        state.withLock { state in
            state.questions.append(question)
            return state.explanation
        }
    }
    func life(of writer: Gfid, target: Int) async -> WriterLife { state.withLock { $0.lives[writer] ?? .alive } }
    func confirmed(_ gfid: Gfid, generation: Int32, target: Int, sink: Int) {
        state.withLock { $0.confirmed.append((gfid, generation, sink)) }
    }
    func settled(_ gfid: Gfid, through generation: Int32, target: Int) {}
    func happened(_ change: HealEvent.Change) { state.withLock { $0.happened.append(change) } }
    var questions: [EpochQuestion] { state.withLock { $0.questions } }
}

/// Bytes that differ from offset to offset and from seed to seed.
func pattern(_ count: Int, seed: UInt8) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { bytes, initialized in
        var state = UInt32(seed) &* 2_654_435_761 | 1
        for position in 0..<count {
            state = state &* 1_664_525 &+ 1_013_904_223
            bytes[position] = UInt8(truncatingIfNeeded: state >> 24) | 1
        }
        initialized = count
    }
}

/// As `eventually`, with a deadline for machines on which much else runs.
func soon(_ condition: () async throws -> Bool) async rethrows -> Bool {
    try await eventually(within: .seconds(120), condition)
}
