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
        for (target, opened) in report.opened.enumerated() {
            knowledge.neverOpened(
                EpochKnowledge.File(gfid: gfid, target: target), after: opened, toldFor: report.took + Self.lateMark,
                at: now)
        }
        switch settledName(report, settings, now) {
        case .clean(let others):
            ends(gfid, putOff: found(others, of: gfid, settings, now))
        case .healed(let isAll):
            let others = found(report.plan?.facts.otherKinds ?? [], of: gfid, settings, now)
            aftermath.finished = account(report, active, sinks: sinks, at: now, wall: wall)
            // What it left is for epochs that are not complete yet: their close has it heard of again.
            ends(
                gfid, putOff: isAll ? others : putOff(.close(until: nil), settings, now),
                rest: rest(after: report, settings, now),
                stillBehind: isAll ? nil : now)
        case .gone:
            for target in names.indices { knowledge.forget(EpochKnowledge.File(gfid: gfid, target: target)) }
            ledger.found(gfid, others: nil, at: now)
            aftermath.isGone = true
            // Whatever a journal holds of it explains nothing that is there.
            for target in names.indices { aftermath.settled[target] = .max }
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

    /// A mark of which its writer heard nothing more may come so much later: of a brick that paused, say.
    private static var lateMark: Duration { .seconds(4) }

    /// A heal of a few blocks comes of a writer that takes its time: nothing is to be saved there, and single writes
    /// are to be healed at once however slow the disk is.
    private func rest(
        after report: HealReport, _ settings: HealSettings, _ now: MonotonicTime
    ) -> HealSchedule.Rest? {
        guard report.took > .zero else { return nil }
        let times = report.bytesMoved >= Self.busyBytes ? 8 : 1
        return HealSchedule.Rest(from: now, until: now + min(report.took * times, settings.restMax))
    }
    private static var busyBytes: UInt64 { 64 * 1024 }

    /// Counts that this engine leaves alone, which status tells of. They may be of a transaction under way, so the file
    /// is looked at again: soon at first, then less and less often. Beyond some thousand files the next crawl does it.
    private mutating func found(
        _ others: Set<PendingKind>, of gfid: Gfid, _ settings: HealSettings, _ now: MonotonicTime
    ) -> HealSchedule.PutOff? {
        guard !others.isEmpty else {
            ledger.found(gfid, others: nil, at: now)
            return nil
        }
        let counts = PendingFiles(
            metadata: others.contains(.metadata) ? 1 : 0, entry: others.contains(.entry) ? 1 : 0)
        let since = ledger.found(gfid, others: counts, at: now)
        guard ledger.otherKinds.count <= Self.othersWatchedMax else { return nil }
        let pause = min(max(now - since, settings.retryMin / 4), settings.retryMax)
        return HealSchedule.PutOff(until: now + pause, endsWithNews: true)
    }

    /// That replicas do not agree whether there is such a file is no failure before it was so for a while: whoever
    /// makes
    /// or deletes it does so on one after the other.
    private mutating func settledName(
        _ report: HealReport, _ settings: HealSettings, _ now: MonotonicTime
    ) -> HealReport.Outcome {
        guard case .failed(let error) = report.outcome, error.isOfNames else {
            missingSince[report.gfid] = nil
            return report.outcome
        }
        if missingSince.count >= Self.memoriesMax { missingSince = [:] }
        let since = missingSince[report.gfid] ?? now
        missingSince[report.gfid] = since
        return now - since < settings.nameSettles ? .later(.nameUnderWay) : report.outcome
    }

    /// `stillBehind`: marks are left that no record need tell of, seen at this moment.
    private mutating func ends(
        _ gfid: Gfid, putOff: HealSchedule.PutOff?, isClean: Bool = true, rest: HealSchedule.Rest? = nil,
        stillBehind: MonotonicTime? = nil
    ) {
        schedule.finished(gfid, putOff: putOff, rest: rest)
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
        case .nameUnderWay: .init(until: now + settings.nameSettles, endsWithNews: false)
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
