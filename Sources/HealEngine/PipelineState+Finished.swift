import HealProtocol
import ReplicaState
import TranslatorCore

extension PipelineState {
    /// What follows from the end of a heal, beside what was written down.
    struct Aftermath: Sendable {
        var finished: FinishedHeal?
        var quarantined: QuarantinedFile?
        /// Its names in the indices are stale.
        var isGone = false
        var waiters: [Waiter] = []
        /// By target: every replica has everything up to this epoch.
        var settled: [Int: Int32] = [:]
    }

    mutating func finished(
        _ report: HealReport, names: [String], settings: HealSettings, at now: MonotonicTime, wall: Timestamp
    ) -> Aftermath {
        var aftermath = Aftermath()
        let gfid = report.gfid
        let active = ledger.ended(gfid)
        let sinks = report.plan?.sinks.map { names[$0.replica] } ?? []
        aftermath.settled = learnHealed(report)
        switch report.outcome {
        case .clean(let others):
            ledger.found(
                gfid,
                others: others.isEmpty
                    ? nil
                    : PendingFiles(
                        metadata: others.contains(.metadata) ? 1 : 0, entry: others.contains(.entry) ? 1 : 0))
            ends(gfid, putOff: nil)
        case .healed(let isAll):
            aftermath.finished = account(report, active, sinks: sinks, at: now, wall: wall)
            // What it left is for epochs that are not complete yet: their close has it heard of again.
            ends(gfid, putOff: isAll ? nil : putOff(.close(until: nil), settings, now), stillBehind: isAll ? nil : now)
        case .gone:
            for target in names.indices { knowledge.forget(EpochKnowledge.File(gfid: gfid, target: target)) }
            ledger.found(gfid, others: nil)
            aftermath.isGone = true
            ends(gfid, putOff: nil)
        case .later(let delay):
            quarantine.released(gfid)
            let put = putOff(delay, settings, now)
            if put != nil {
                notes[gfid] = delay
                ledger.noted(gfid, since: now)
            }
            ends(gfid, putOff: put, isClean: false)
        case .failed(let error):
            ledger.counters.healsFailed += 1
            ledger.noted(gfid, since: now)
            let pause = quarantine.failed(gfid, error, sinks: sinks, wall: wall)
            aftermath.quarantined = quarantine.file(gfid)
            ends(gfid, putOff: HealSchedule.PutOff(until: now + pause, endsWithNews: false), isClean: false)
        }
        aftermath.waiters = takeWaiters(gfid)
        return aftermath
    }

    /// `stillBehind`: marks are left that no record need tell of, seen at this moment.
    private mutating func ends(
        _ gfid: Gfid, putOff: HealSchedule.PutOff?, isClean: Bool = true, stillBehind: MonotonicTime? = nil
    ) {
        schedule.finished(gfid, putOff: putOff)
        guard isClean else { return }
        quarantine.released(gfid)
        // Records of newer epochs may have come while it was healed.
        ledger.settled(gfid, since: knowledge.oldestHeard(of: gfid) ?? stillBehind)
    }

    /// Epochs that every replica has are no news any more.
    private mutating func learnHealed(_ report: HealReport) -> [Int: Int32] {
        var settled = report.settled
        if let plan = report.plan, let target = plan.target {
            settled[target] = plan.facts.replicas.filter { $0 != target }.map {
                report.confirmed[$0] ?? plan.facts.bypass[target][$0].healed
            }.min()
        }
        for (target, through) in settled {
            knowledge.healed(EpochKnowledge.File(gfid: report.gfid, target: target), through: through)
        }
        return settled
    }

    private mutating func account(
        _ report: HealReport, _ active: HealLedger.Active?, sinks: [String], at now: MonotonicTime, wall: Timestamp
    ) -> FinishedHeal {
        let method = report.plan?.method ?? .range
        let heal = FinishedHeal(
            gfid: report.gfid, sinks: sinks, method: method, reason: report.plan?.reason ?? "",
            bytesMoved: report.bytesMoved, bytesSkipped: report.bytesSkipped,
            took: active.map { now - $0.started } ?? .zero, finished: wall)
        noteForeignHeals(report)
        ledger.counters.healsCompleted += 1
        ledger.counters.healedBytes[method, default: 0] &+= report.bytesMoved
        ledger.counters.skippedBytes &+= report.bytesSkipped
        ledger.recorded(heal)
        return heal
    }

    /// The counts of bypass epochs alone are 65,536 for each that is not healed; fewer: somebody else took some off.
    private mutating func noteForeignHeals(_ report: HealReport) {
        guard let plan = report.plan, let target = plan.target else { return }
        let isForeign = plan.sinks.contains {
            Int(plan.facts.matrix.counts[target][$0.replica].data)
                < Int(BypassCounts.epochUnit) * Int(plan.facts.bypass[target][$0.replica].missing)
        }
        if isForeign { ledger.foreignHealsSeen += 1 }
    }

    private func putOff(
        _ delay: HealReport.Delay, _ settings: HealSettings, _ now: MonotonicTime
    ) -> HealSchedule.PutOff? {
        switch delay {
        case .otherHealer: .init(until: now + settings.retryMin, endsWithNews: false)
        case .epochElsewhere, .targetIsNoSource: .init(until: now + settings.retryMin * 5, endsWithNews: true)
        // Its return has everything tried again.
        case .replicaDown: .init(until: now + settings.retryMax, endsWithNews: false)
        case .close(let until): .init(until: until ?? now + settings.retryMin * 10, endsWithNews: true)
        case .wholeFileBackOff(let until): .init(until: until, endsWithNews: true)
        case .stopping: nil
        }
    }
}

extension Quarantine {
    /// As status shows it.
    func file(_ gfid: Gfid) -> QuarantinedFile? {
        entries[gfid].map { entry in
            QuarantinedFile(
                gfid: gfid, sinks: entry.sinks, reason: entry.error.description, isSplitBrain: entry.error.isSplitBrain,
                attempts: entry.attempts, since: entry.since, nextTry: entry.nextTry)
        }
    }
}
