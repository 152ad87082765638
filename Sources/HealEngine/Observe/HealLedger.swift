import HealProtocol
import TranslatorCore

/// What the pipeline has done and has yet to do, for people: reads it, never steers it. A value.
struct HealLedger: Sendable {
    /// A heal under way.
    struct Active: Sendable {
        let tally: HealTally
        let started: MonotonicTime
        var plan: HealPlan?
    }
    static let historyMax = 48

    /// Files known to be behind, and since when.
    private(set) var behind: [Gfid: MonotonicTime] = [:]
    private(set) var active: [Gfid: Active] = [:]
    private(set) var history: [FinishedHeal] = []
    /// Files with counts that this engine leaves alone, as last seen, and since when.
    private(set) var otherKinds: [Gfid: (counts: PendingFiles, since: MonotonicTime)] = [:]
    var counters = HealCounters()
    private(set) var meter = HealMeter()
    private(set) var lastClean: Timestamp?
    /// Bytes looked at by heals that have ended.
    private(set) var finishedBytes: UInt64 = 0
    /// Counts went, and no heal of this healer took them.
    var foreignHealsSeen = 0

    /// Something of this file is behind, at the latest since then.
    mutating func noted(_ gfid: Gfid, since time: MonotonicTime) {
        behind[gfid] = min(behind[gfid] ?? time, time)
    }
    /// What is still behind of it is behind since then; nil: nothing is.
    mutating func settled(_ gfid: Gfid, since time: MonotonicTime?) { behind[gfid] = time }

    mutating func started(_ gfid: Gfid, _ tally: HealTally, at time: MonotonicTime) {
        active[gfid] = Active(tally: tally, started: time, plan: nil)
    }
    mutating func planned(_ plan: HealPlan) {
        active[plan.facts.gfid]?.plan = plan
        counters.healsStarted += 1
    }
    mutating func ended(_ gfid: Gfid) -> Active? {
        let ended = active.removeValue(forKey: gfid)
        finishedBytes &+= ended?.tally.progress.done ?? 0
        return ended
    }
    mutating func recorded(_ heal: FinishedHeal) {
        history.append(heal)
        if history.count > Self.historyMax { history.removeFirst() }
    }
    /// Answers since when it has any.
    @discardableResult
    mutating func found(_ gfid: Gfid, others: PendingFiles?, at now: MonotonicTime) -> MonotonicTime {
        let since = otherKinds[gfid]?.since ?? now
        otherKinds[gfid] = others.map { ($0, since) }
        return since
    }

    /// Age of the oldest thing that is behind; zero when nothing is.
    func lag(at now: MonotonicTime) -> Duration { behind.values.min().map { max(.zero, now - $0) } ?? .zero }

    func leftBytes(_ knowledge: EpochKnowledge) -> UInt64 {
        var left: UInt64 = 0
        for file in knowledge.knownFiles where active[file.gfid]?.plan == nil {
            left = left.addingCapped(knowledge.backlog(file)?.bytes ?? 0)
        }
        for heal in active.values {
            let (done, total) = heal.tally.progress
            left = left.addingCapped(total - done)
        }
        return left
    }
    var doneBytes: UInt64 { active.values.reduce(finishedBytes) { $0 &+ $1.tally.progress.done } }

    mutating func sample(
        _ knowledge: EpochKnowledge, filesLeft: Int, at now: MonotonicTime, wall: Timestamp, isPaused: Bool,
        seesAll: Bool
    ) {
        meter.take(
            HealMeter.Sample(
                time: now, doneBytes: doneBytes, leftBytes: filesLeft == 0 ? 0 : leftBytes(knowledge),
                leftFiles: filesLeft, lag: lag(at: now), isPaused: isPaused))
        if filesLeft == 0, seesAll { lastClean = wall }
    }
}

extension UInt64 {
    func addingCapped(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
