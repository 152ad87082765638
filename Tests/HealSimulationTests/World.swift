import HealEngine
import HealProtocol
import ReplicaState
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// One run of the whole heal protocol (DESIGN §3) on one file: bricks in memory; a mount that bypasses, and dies and
/// comes back; an ordinary client; healers; journals and records; and what goes wrong. A seed decides all of it.
final class World: @unchecked Sendable {
    // Safe because every task of a simulation runs on one thread; SeededExecutor traps on any other.
    let seed: UInt64
    let executor: SeededExecutor
    let replicas: SimulatedReplicas
    let file: Gfid
    /// With it every fop that reaches a brick is in the history.
    let traces: Bool
    let missingRule: BrokenRule?

    var oracle = SlottedFile()
    var writer: SimulatedMount? { didSet { if let writer { writers.append(writer) } } }
    private(set) var writers: [SimulatedMount] = []
    var client: SimulatedMount?
    var healers: [SimulatedHealer] = []
    var journals: [SimulatedJournal] = []
    /// How often each brick's file system has come up again: after a power cut, or a crash within one boot.
    var instances: [Int]
    /// The brick that nobody can reach.
    var down: Int?
    /// The brick whose disk answers EIO.
    var failing: Int?
    /// Grows with everything that makes a replica unreachable for somebody.
    var lossCount = 0
    /// Of a hundred records.
    var recordsLost = 3
    /// What goes wrong in the very moment of a later change on a brick, before anybody hears of the change.
    var ambush: (changesLeft: Int, what: () -> Void)?
    var isEnding = false, isOver = false
    /// When whatever is under way should have ended long ago.
    var standsStillAt = MonotonicTime(nanoseconds: .max)
    var violation: String?
    static let historyMax = 1_000_000
    private(set) var history: [String] = []
    var names = 0
    /// When an ordinary client last wrote to each slot.
    var clientWrote: [Int: MonotonicTime] = [:]
    /// Writes of ordinary clients that are under way.
    var clientWrites = 0
    var reads: [Int: (slot: Int, values: Set<UInt8>, mayEnd: Bool)] = [:]
    var readCount = 0
    /// When the last mark went; until when a healer may have been kept from making that last.
    var marksWentAt = MonotonicTime(nanoseconds: 0), healsFailedAt = MonotonicTime(nanoseconds: 0)
    private var hadMarks = false
    /// `lossCount` when nothing was marked: what was written since then was told to all replicas, if it is the same.
    private(set) var lossesWhenClean = 0
    private var seenChanges: UInt64 = .max
    /// Of everything that happened: the same for the same seed.
    private(set) var fingerprint: UInt64 = 0xCBF2_9CE4_8422_2325

    var count: Int { replicas.bricks.count }
    var all: Range<Int> { replicas.bricks.indices }
    var now: MonotonicTime { executor.clock.now() }

    init(seed: UInt64, traces: Bool = false, without missingRule: BrokenRule? = nil) {
        (self.seed, self.traces, self.missingRule) = (seed, traces, missingRule)
        let executor = SeededExecutor(seed: seed)
        let count = seed % 3 == 0 ? 3 : 2
        self.executor = executor
        replicas = SimulatedReplicas(count: count, losesPower: true) { await World.pause(executor) }
        file = Gfid(high: 0x1111_0000_0000_4000, low: 0x8000_0000_0000_0000 | seed & 0xFFFF)
        instances = Array(repeating: 0, count: count)
        for brick in replicas.bricks { brick.place(file, name: "file", SlottedFile.content) }
    }

    /// On the way to a brick, a healer or a mount, and on the way back: never so long that what lands late breaks the
    /// second that DESIGN §3.3 step 2 waits for it.
    func pause() async { await World.pause(executor) }
    private static func pause(_ executor: SeededExecutor) async {
        let draw = executor.number(in: 0..<100)
        let longest = draw < 75 ? 300 : draw < 95 ? 5_000 : draw < 99 ? 80_000 : 400_000
        try? await executor.clock.sleep(for: .microseconds(executor.number(in: 20..<longest)))
    }
    func sleep(milliseconds range: Range<Int>) async {
        try? await executor.clock.sleep(for: .milliseconds(executor.number(in: range)))
    }

    /// Runs it to its end, or to the first broken claim.
    func run() {
        executor.start { await self.play() }
        let hasEnded = executor.run(stepsMax: 2_000_000) {
            if violation == nil { check() }
            if now > standsStillAt, violation == nil { broken("it stands still: \(marks)") }
            return isOver || violation != nil
        }
        if !hasEnded { broken("it goes on for ever: \(marks)") }
        mix(executor.stepCount)
    }

    func note(_ what: @autoclosure () -> String) {
        let line = what()
        history.append("\((now - MonotonicTime(nanoseconds: 1_000_000_000)).inSeconds) \(line)")
        if history.count > Self.historyMax { history.removeFirst(Self.historyMax / 2) }
        line.utf8.forEach { mix(UInt64($0)) }
    }
    private func mix(_ value: UInt64) { fingerprint = (fingerprint ^ value) &* 0x100_0000_01B3 }

    func environment(_ name: String) -> GraphEnvironment {
        let log = Log(threshold: traces ? .trace : .warning) { [weak self] _, volume, message in
            self?.note("    \(name) \(volume): \(message)")
        }
        return GraphEnvironment(
            time: executor.clock, log: traces ? log : .silent, executor: executor,
            random: { [executor] in executor.number() })
    }
    var connections: [TranslatorType] { traces ? ["debug/trace", "testing/faulty"] : ["testing/faulty"] }

    // What must always hold.

    /// DESIGN §3.4, after every step: replicas that differ have a mark that says which is old, and nobody accuses the
    /// only good one.
    private func check() {
        let changes = replicas.bricks.reduce(0) { $0 &+ $1.changeCount }
        guard changes != seenChanges else { return }
        if seenChanges != .max { spring() }
        seenChanges = replicas.bricks.reduce(0) { $0 &+ $1.changeCount }
        mix(UInt64(bitPattern: now.nanoseconds))
        let counts = all.map { i in all.map { replicas.counts(file, on: i, about: $0).data } }
        if counts.joined().contains(where: { $0 < 0 }) { return broken("a negative count: \(counts)") }
        let hasMarks = counts.joined().contains { $0 != 0 }
        if hadMarks && !hasMarks { marksWentAt = now }
        if !hasMarks { lossesWhenClean = lossCount }
        hadMarks = hasMarks
        for i in all {
            for j in all where j != i {
                let epochs = replicas.epochs(file, on: i, about: j)
                if epochs.missing < 0 { return broken("replica \(i) has more epochs healed on \(j) than opened") }
            }
        }
        // A transaction of an ordinary client is under way, or was left half-way.
        if all.contains(where: { replicas.dirty(file, on: $0).data != 0 }) { return }
        let good = all.filter { j in all.allSatisfy { counts[$0][j] == 0 } }
        guard let first = good.first, let content = replicas.bricks[first].content(file) else {
            return broken("every replica is accused: \(counts)")
        }
        for other in good.dropFirst() where replicas.bricks[other].content(file) != content {
            return broken("replicas \(first) and \(other) differ and nothing says so: \(difference(first, other))")
        }
        if let objection = oracle.objection(to: content) {
            broken("replica \(first), which nobody accuses, is not what was written: \(objection); \(counts)")
        }
    }
    private func spring() {
        guard let waiting = ambush, !isEnding else { return }
        ambush = waiting.changesLeft > 1 ? (waiting.changesLeft - 1, waiting.what) : nil
        if waiting.changesLeft <= 1 { waiting.what() }
    }
    func broken(_ why: String) {
        note("BROKEN: \(why)")
        violation = violation ?? why
    }

    private func difference(_ i: Int, _ j: Int) -> String {
        let (a, b) = (replicas.bricks[i].content(file)!, replicas.bricks[j].content(file)!)
        if a.count != b.count { return "\(a.count) and \(b.count) bytes" }
        let first = zip(a, b).enumerated().first { $1.0 != $1.1 }!.offset
        return "byte \(first), in slot \(first / SlottedFile.stride), is \(a[first]) and \(b[first])"
    }

    /// All copies equal, nothing pending: what it must come to when nothing goes wrong any more.
    var isHealed: Bool {
        !replicas.isDataPending(file) && replicas.haveEqualContent(file)
            && replicas.bricks.allSatisfy { $0.indexed.isEmpty && $0.dirtyIndexed.isEmpty }
    }
    /// What all writers so far did on their targets alone.
    var bypassed: (epochs: UInt64, rolls: UInt64) {
        let counters = writers.map { $0.bypass!.counters }
        return (counters.reduce(0) { $0 + $1.epochsOpened.value }, counters.reduce(0) { $0 + $1.rolls.value })
    }
    /// For whoever has to understand a failing seed.
    var marks: String {
        all.map { i in
            let row = all.map { j in
                let epochs = replicas.epochs(file, on: i, about: j)
                return "\(replicas.counts(file, on: i, about: j).data)(\(epochs.opened)-\(epochs.healed))"
            }
            return row.joined(separator: " ") + (replicas.dirty(file, on: i).data == 0 ? "" : " dirty")
        }.joined(separator: " | ")
    }

    /// Whether everybody can reach every brick, so that an ordinary client cannot make a split-brain that is
    /// GlusterFS's own.
    var allAreUp: Bool { down == nil && failing == nil && (writer?.unreachable.isEmpty ?? true) }
    /// Whether every mark is one of the writer's own epochs.
    var onlyEpochsArePending: Bool {
        all.allSatisfy { i in
            replicas.dirty(file, on: i).isZero
                && all.allSatisfy { replicas.counts(file, on: i, about: $0).data % BypassCounts.epochUnit == 0 }
        }
    }
}
