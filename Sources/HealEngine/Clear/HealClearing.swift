import ReplicaState
import TranslatorCore

/// The last step of a heal: under the inspection lock, one xattrop on each replica that takes off exactly what the plan
/// said (DESIGN §3.3, step 6).
struct HealClearing: Sendable {
    let replicas: HealReplicas
    let inode: Inode
    let plan: HealPlan
    let copy: FileCopy
    /// How often each replica had been lost when the heal took its locks.
    let losses: [UInt64]

    private var sinks: [Int] { plan.sinks.map(\.replica) }

    /// Fills in a report of success, or makes it one of failure.
    func run(report: HealReport) async -> HealReport {
        var report = report
        let reached =
            plan.isWhole ? Array(replicas.all).filter { copy.failed[$0] == nil } : [plan.source] + copy.alive(sinks)
        let attempt = await HealLock(inode, domain: replicas.locks.data, range: ReplicaLocks.inspectionLock)
            .acquired(on: reached, of: replicas)
        if let error = attempt.failed[plan.source] {
            await attempt.lock.release(of: replicas)
            return failed(report, plan.source, error)
        }
        for (replica, error) in attempt.failed where sinks.contains(replica) { copy.drop(replica, error) }
        do throws(CopyInterruption) {
            try await restoreAttributes()
            report = await takeOff(report)
        } catch .sourceFailed(let error) {
            report = failed(report, plan.source, error)
        } catch {
            // Every sink has dropped out, with a reason each.
            report = await takeOff(report)
        }
        await attempt.lock.release(of: replicas)
        return await makeLasting(report)
    }

    /// Under the lock of metadata changes: a utimes(2), chmod(2) or setxattr(2) meanwhile could reach the sinks after
    /// the source was read, and would be undone there.
    private func restoreAttributes() async throws(CopyInterruption) {
        try await copy.locked(.metadata, sinks) { () async throws(CopyInterruption) in
            try await copy.restoreAttributes(on: copy.alive(sinks))
        }
    }

    /// A power cut must not bring back an accusation that is gone: meanwhile somebody may have written to the accused
    /// alone, who then accuses in turn. Where marks of later epochs are left the old ones may come back with them.
    private func makeLasting(_ report: HealReport) async -> HealReport {
        guard replicas.replicaSet.ensuresDurability, report.outcome == .healed(isAll: true) else { return report }
        let answers = await replicas.each(plan.facts.accusers) { [copy] replica -> FopError? in
            do throws(FopError) { try await copy.fsync(replica) } catch { return error }
            return nil
        }
        for case (let replica, let error?) in answers { return failed(report, replica, error) }
        return report
    }

    private func failed(_ report: HealReport, _ replica: Int, _ error: FopError) -> HealReport {
        var report = report
        report.confirmed = [:]
        report.outcome =
            error == .notConnected || !replicas.watch.allAreUp
            ? .later(.replicaDown) : .failed(.clearingFailed(report.gfid, replica: replicas.names[replica], error))
        return report
    }

    private func takeOff(_ report: HealReport) async -> HealReport {
        var report = report
        // A connection that was lost took its locks with it, whether or not it is back.
        for sink in sinks where replicas.watch.losses(of: sink) != losses[sink] { copy.drop(sink, .notConnected) }
        guard replicas.watch.losses(of: plan.source) == losses[plan.source] else {
            return failed(report, plan.source, .notConnected)
        }
        let failures = copy.failed
        for clearing in plan.clearings(failed: Set(failures.keys), keys: replicas.pendingKeys) {
            do throws(FopError) {
                _ = try await replicas.replicas[clearing.replica].xattrop(
                    XattropRequest(.inode(inode), values: clearing.deltas), in: .healer())
            } catch {
                // The source's comes first: if it did not answer, the others keep theirs. Another's stays, for the next
                // heal.
                if clearing.replica == plan.source { return failed(report, clearing.replica, error) }
            }
        }
        for sink in plan.sinks where failures[sink.replica] == nil && plan.target != nil {
            report.confirmed[sink.replica] = sink.generation
        }
        if !failures.isEmpty && failures.values.allSatisfy({ $0 == .notConnected }) {
            report.outcome = .later(.replicaDown)
        } else if !failures.isEmpty {
            report.outcome = .failed(
                .sinksFailed(report.gfid, failures.reduce(into: [:]) { $0[replicas.names[$1.key]] = $1.value }))
        } else {
            report.outcome = .healed(isAll: plan.leavesNothing)
        }
        return report
    }
}

extension HealPlan {
    /// Whether every count that was read is taken off when all goes well.
    var leavesNothing: Bool {
        guard let target else { return true }
        return facts.replicas.allSatisfy { replica in
            let taken = sinks.first { $0.replica == replica }?.takenOff ?? 0
            return replica == target || facts.matrix.counts[target][replica].data == taken
        }
    }
}
