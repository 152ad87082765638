import HealProtocol
import RangeMapping
import ReplicaState
import TranslatorCore

/// Decides what to copy and what it takes off: DESIGN §3.3, steps 2 and 3, without I/O and without a clock.
struct HealPlanner: Sendable {
    enum Algorithm: String, Sendable, CaseIterable { case diff, full }
    /// `data-self-heal-algorithm`; nil: diff if any copy is non-empty.
    var algorithm: Algorithm?
    var quorum: QuorumRule
    var favorite: FavoriteChildPolicy = .none
    /// A replica on this machine, preferred where sources are equal.
    var local: Int?

    /// `epochs` answers for the one replica with data counts against others; nil asks never to be called.
    /// `hasAsked`: journal and writers were asked in this heal already. `wholeFilesFrom`: before this moment no
    /// whole-file heal under an open epoch.
    func decide(
        _ facts: HealFacts, epochs: (_ target: Int) -> EpochView, hasAsked: Bool, now: MonotonicTime,
        wholeFilesFrom: MonotonicTime? = nil
    ) -> HealDecision {
        let accusers = facts.accusers
        let target = accusers.count == 1 && facts.involvesBypass(accusers[0]) ? accusers[0] : nil
        // A quorum that accuses it has not seen what an unhealed epoch wrote: it outvotes nobody there.
        let direction = HealDirection.data(
            facts.matrix, iatts: facts.iatts, quorum: facts.accusedHolders.isEmpty ? quorum : .none, local: local,
            policy: favorite, target: target)
        guard facts.matrix.isPending(.data) || facts.sizesDiffer else { return .clean }

        if let target {
            guard facts.markRefused.isSubset(of: [target]) else { return .later(.epochElsewhere) }
            if case .splitBrain = direction { return splitBrain(facts) }
            guard case .copy(_, let sources, let sinks) = direction else { return .noSink }
            guard sources.contains(target) else { return .later(.targetIsNoSource) }
            return BypassDecision(
                planner: self, facts: facts, target: target, sinks: sinks, epochs: epochs(target), hasAsked: hasAsked,
                now: now, wholeFilesFrom: wholeFilesFrom
            ).decide()
        }

        // No bypass has a part in it: AFR's rules, whole file, while no epoch is open.
        guard facts.markRefused.isEmpty else { return .later(.epochElsewhere) }
        switch direction {
        case .splitBrain: return splitBrain(facts)
        case .nothing, .merge: return .noSink
        case .copy(let source, let sources, let sinks):
            // The accuser itself where it is a source, so that what is taken off and what was copied come from one
            // place.
            let source = accusers.count == 1 && sources.contains(accusers[0]) ? accusers[0] : source
            let work = HealPlan.Work.whole(byChecksum: comparesFirst(facts))
            return .copy(
                HealPlan(
                    facts: facts, source: source, target: nil,
                    sinks: sinks.map {
                        HealPlan.Sink(replica: $0, work: work, takenOff: 0, epochs: 0, generation: 0)
                    },
                    isEpochOpen: false, reason: "the counts come from ordinary replication, which keeps no ranges"))
        }
    }

    func comparesFirst(_ facts: HealFacts) -> Bool {
        algorithm.map { $0 == .diff } ?? facts.iatts.contains { $0.size > 0 }
    }

    private func splitBrain(_ facts: HealFacts) -> HealDecision {
        .splitBrain(
            accused: facts.replicas.filter { facts.matrix.isAccused($0, of: .data) }, holders: facts.accusedHolders)
    }
}

/// The decision where one replica, the target of bypass writers, accuses others.
private struct BypassDecision {
    let planner: HealPlanner
    let facts: HealFacts
    let target: Int
    let sinks: [Int]
    let epochs: EpochView
    let hasAsked: Bool
    let now: MonotonicTime
    let wholeFilesFrom: MonotonicTime?

    private var unit: Int { Int(BypassCounts.epochUnit) }
    private var opened: Int { Int(facts.opened(on: target)) }

    private var isMarked: Bool { facts.markRefused.contains(target) }
    /// Whether the newest epochs may still be written.
    private var isEpochOpen: Bool {
        if isMarked { return true }
        if facts.hasNoUnhealedEpoch(on: target) { return false }
        return epochs.newest != .closed
    }

    func decide() -> HealDecision {
        let isOpen = isEpochOpen
        let ranged = sinks.map { rangeSink($0, isOpen: isOpen) }
        if ranged.contains(where: { $0 == nil }), !hasAsked, let asked = worthAsking(ranged) {
            return .ask(target: target, generations: asked)
        }
        var work = ranged.compactMap(\.self)
        let whole = zip(sinks, ranged).filter { $0.1 == nil }.map { wholeSink($0.0, isOpen: isOpen) }
        var changing = whole
        if isOpen && !clearsDirty {
            // What would change nothing is not copied; it waits for the next close.
            changing = whole.filter { $0.takenOff != 0 || $0.epochs != 0 }
            if work.isEmpty && changing.isEmpty { return .later(.close(until: waitsUntil)) }
        }
        if isOpen, !changing.isEmpty, let end = waitsUntil {
            // The newest epochs have ended by then: copied now, the whole file would be copied once more for them.
            if work.isEmpty { return .later(.close(until: end)) }
            changing = []
        }
        if isOpen, !changing.isEmpty, let from = wholeFilesFrom, now < from {
            if work.isEmpty { return .later(.wholeFileBackOff(until: from)) }
            changing = []
        }
        work += changing
        return .copy(
            HealPlan(
                facts: facts, source: target, target: target, sinks: work.sorted { $0.replica < $1.replica },
                isEpochOpen: isOpen, reason: changing.isEmpty ? "" : reason(for: changing[0].replica)))
    }

    private var clearsDirty: Bool { facts.isDataDirty }
    private var waitsUntil: MonotonicTime? {
        if !isMarked, case .mayBeOpen(let until) = epochs.newest { return until }
        return nil
    }

    private func pending(_ sink: Int) -> Int { Int(facts.matrix.counts[target][sink].data) }
    private func counts(_ sink: Int) -> BypassCounts { facts.bypass[target][sink] }

    /// Whether records could account for all of a sink's count, if they were there: conditions 1 and 2.
    private func isExplicable(_ sink: Int) -> Bool {
        let missing = Int(counts(sink).missing)
        return missing > 0 && pending(sink) == unit * missing && !facts.isDataDirty
            && Int(counts(sink).opened) == opened
    }

    private func rangeSink(_ sink: Int, isOpen: Bool) -> HealPlan.Sink? {
        guard isExplicable(sink) else { return nil }
        let healed = Int(counts(sink).healed)
        let run = epochs.run(healed + 1, opened)
        guard run.length > 0, healed + run.length == opened || isOpen else { return nil }
        return HealPlan.Sink(
            replica: sink, work: .ranges(run.ranges), takenOff: Int32(unit * run.length), epochs: Int32(run.length),
            generation: Int32(healed + run.length))
    }

    private func wholeSink(_ sink: Int, isOpen: Bool) -> HealPlan.Sink {
        let kept = isOpen ? max(0, min(2, pending(sink) / unit)) : 0
        let added = max(0, Int(counts(sink).missing) - kept)
        return HealPlan.Sink(
            replica: sink, work: .whole(byChecksum: planner.comparesFirst(facts)),
            takenOff: Int32(pending(sink) - unit * kept), epochs: Int32(added),
            generation: counts(sink).healed + Int32(added))
    }

    /// The epochs to ask about: those that would let a sink be healed by range, or tell that the newest has ended.
    private func worthAsking(_ ranged: [HealPlan.Sink?]) -> ClosedRange<Int32>? {
        let explicable = zip(sinks, ranged).filter { $0.1 == nil && isExplicable($0.0) }.map(\.0)
        if let first = explicable.map({ counts($0).healed + 1 }).min() { return first...Int32(opened) }
        if opened > 0, !isMarked, isEpochOpen { return Int32(opened)...Int32(opened) }
        return nil
    }

    private func reason(for sink: Int) -> String {
        let missing = Int(counts(sink).missing)
        if facts.isDataDirty { return "an ordinary transaction was left half-way" }
        if missing == 0 { return "the counts come from ordinary replication, which keeps no ranges" }
        if pending(sink) != unit * missing { return "the counts are not those of bypass epochs alone" }
        return "the records of \(missing) epochs are not complete"
    }
}
