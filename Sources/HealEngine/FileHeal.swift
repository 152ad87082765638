import HealProtocol
import ReplicaState
import TranslatorCore

/// What one heal needs to know of everything else; the pipeline answers.
protocol HealContext: Sendable {
    /// What is known of the epochs of this file on its target, whose newest is `opened`. `markIsFree`: no replica
    /// refused the epoch mark just now.
    func epochs(_ gfid: Gfid, target: Int, opened: Int32, markIsFree: Bool) async -> EpochView
    /// Asks journals and writers, and learns what they say; within `HealSettings.askTimeout`.
    func ask(_ gfid: Gfid, target: Int, generations: ClosedRange<Int32>) async
    /// Before this moment no whole-file heal of the file while an epoch is open.
    func wholeFilesFrom(_ gfid: Gfid) -> MonotonicTime?
    /// The plan is made, the copy begins.
    func copying(_ plan: HealPlan)
    var isStopping: Bool { get }
}

/// One heal of one file, from the first look to the last unlock: DESIGN §3.3, in its order. The only file that names
/// all its steps.
struct FileHeal: Sendable {
    let replicas: HealReplicas
    let gfid: Gfid
    let settings: HealSettings
    let context: any HealContext
    let tally: HealTally

    private var inspector: HealInspector { HealInspector(replicas: replicas, gfid: gfid) }
    private var all: [Int] { Array(replicas.all) }
    private func report(_ outcome: HealReport.Outcome) -> HealReport { HealReport(gfid, outcome) }

    func run() async -> HealReport {
        var report = await attempt()
        guard case .failed = report.outcome else { return report }
        // Whoever deletes a file while it is healed makes any step fail: whether it is that, another look tells.
        switch await inspector.lookFirst() {
        case .gone: report.outcome = .gone
        case .failed(let error) where error.isOfNames: report.outcome = .failed(error)
        case .found, .failed: break
        }
        return report
    }

    private func attempt() async -> HealReport {
        guard replicas.watch.allAreUp else { return report(.later(.replicaDown)) }
        let inode: Inode
        switch await inspector.lookFirst() {
        case .gone: return report(.gone)
        case .failed(let error): return report(replicas.watch.allAreUp ? .failed(error) : .later(.replicaDown))
        case .found(let look):
            guard look.iatts[0].isRegular else {
                return report(await withoutContent(look))
            }
            inode = look.inode
            if !look.isDataPending {
                if look.otherKinds.isEmpty { await dropStaleIndexEntry(inode) }
                return settled(.clean(others: look.otherKinds), look.opened)
            }
        }
        return await holdingSelfHealLock(inode) { await healUnderSelfHealLock(inode) }
    }

    /// Nothing was pending when these were the newest epochs.
    private func settled(_ outcome: HealReport.Outcome, _ opened: [Int32]) -> HealReport {
        var report = report(outcome)
        report.opened = opened
        for (target, newest) in opened.enumerated() where newest > 0 { report.settled[target] = newest }
        return report
    }

    /// Directories, links, devices: nothing of theirs is copied here. On a directory a data count asks for a full crawl
    /// of its names, so it is the names that are pending.
    private func withoutContent(_ look: HealInspector.FirstLook) async -> HealReport.Outcome {
        guard look.iatts[0].isDirectory else {
            return look.matrix.isPending(.data) ? .failed(.notRegular(gfid)) : .clean(others: look.otherKinds)
        }
        guard look.matrix.isPending(.data) || look.otherKinds.contains(.entry) else {
            return .clean(others: look.otherKinds)
        }
        switch await NameInspection(replicas: replicas, directory: look.inode).run() {
        case .alike: return .clean(others: look.otherKinds.subtracting([.entry]))
        case .differ, .busy: return .clean(others: look.otherKinds.union([.entry]))
        case .split(let names): return .failed(.splitNames(gfid, names))
        case .failed(let replica, let error): return lost(replica, error).outcome
        }
    }

    /// An all-zero xattrop that names every key makes a brick drop the index entry of a file whose counts are all zero.
    private func dropStaleIndexEntry(_ inode: Inode) async {
        let zero = PendingCounts.zero.xattr
        let deltas = Dictionary(uniqueKeysWithValues: replicas.countKeys.map { ($0, zero) })
        _ = await replicas.wind(all) { subvolume throws(FopError) in
            try await subvolume.xattrop(XattropRequest(.inode(inode), values: deltas), in: .healer())
        }
    }

    /// Step 1: the exclusion between healers. Only tried: refused means that somebody else heals.
    private func holdingSelfHealLock(_ inode: Inode, _ body: () async -> HealReport) async -> HealReport {
        let attempt = await HealLock(inode, domain: replicas.locks.selfHeal, range: .whole).trying(
            on: all, of: replicas)
        let report: HealReport
        if let (replica, error) = attempt.failed.first {
            report = lost(replica, error)
        } else if !attempt.refused.isEmpty {
            report = self.report(.later(.otherHealer))
        } else {
            report = await body()
        }
        await attempt.lock.release(of: replicas)
        return report
    }

    /// A replica that stopped answering is down; any other error is the file's.
    private func lost(_ replica: Int, _ error: FopError) -> HealReport {
        if error == .notConnected || !replicas.watch.allAreUp { return report(.later(.replicaDown)) }
        if error == .interrupted { return report(.later(.stopping)) }
        return report(.failed(.inspectionFailed(gfid, replica: replicas.names[replica], error)))
    }

    private func healUnderSelfHealLock(_ inode: Inode) async -> HealReport {
        let losses = replicas.watch.states.map(\.losses)
        let facts: HealFacts
        switch await inspect(inode) {
        case .facts(let read): facts = read
        case .ended(let report): return report
        }
        var decision = await decide(facts, hasAsked: false)
        if case .ask(let target, let generations) = decision {
            await context.ask(gfid, target: target, generations: generations)
            decision = await decide(facts, hasAsked: true)
        }
        switch decision {
        case .clean:
            if facts.otherKinds.isEmpty { await dropStaleIndexEntry(inode) }
            return settled(.clean(others: facts.otherKinds), replicas.all.map { facts.opened(on: $0) })
        case .noSink: return report(.failed(.noSink(gfid)))
        case .splitBrain(let accused, let holders):
            let names = accused.map { replicas.names[$0] }
            let error: HealError =
                holders.isEmpty
                ? .splitBrain(gfid, accused: names)
                : .bypassSplitBrain(gfid, holders: holders.map { replicas.names[$0] }, accused: names)
            return report(.failed(error))
        case .later(let delay): return report(.later(HealReport.Delay(delay)))
        case .ask: preconditionFailure("asked twice in one heal")
        case .copy(let plan): return await carryOut(plan, inode, losses)
        }
    }

    private enum Inspection {
        case facts(HealFacts)
        case ended(HealReport)
    }

    /// Step 2, under the inspection lock: try the epoch mark everywhere, read everything, let go of both.
    private func inspect(_ inode: Inode) async -> Inspection {
        let inspection = await HealLock(inode, domain: replicas.locks.data, range: ReplicaLocks.inspectionLock)
            .acquired(on: all, of: replicas)
        guard inspection.failed.isEmpty else {
            await inspection.lock.release(of: replicas)
            let (replica, error) = inspection.failed.first!
            return .ended(lost(replica, error))
        }
        let mark = await HealLock(inode, domain: replicas.locks.epochMark, range: .whole).trying(on: all, of: replicas)
        var result: Inspection
        if let (replica, error) = mark.failed.first {
            result = .ended(lost(replica, error))
        } else {
            do throws(HealError) {
                result = .facts(try await inspector.readAll(inode, markRefused: Set(mark.refused)))
            } catch {
                result = .ended(report(replicas.watch.allAreUp ? .failed(error) : .later(.replicaDown)))
            }
        }
        await mark.lock.release(of: replicas)
        await inspection.lock.release(of: replicas)
        return result
    }

    private func decide(_ facts: HealFacts, hasAsked: Bool) async -> HealDecision {
        let accusers = facts.accusers
        var view: EpochView?
        if accusers.count == 1 {
            view = await context.epochs(
                gfid, target: accusers[0], opened: facts.opened(on: accusers[0]), markIsFree: facts.markRefused.isEmpty)
        }
        return settings.planner(for: replicas).decide(
            facts, epochs: { _ in view! }, hasAsked: hasAsked, now: replicas.environment.time.now(),
            wholeFilesFrom: context.wholeFilesFrom(gfid))
    }

    /// Steps 4 to 6.
    private func carryOut(_ plan: HealPlan, _ inode: Inode, _ losses: [UInt64]) async -> HealReport {
        context.copying(plan)
        let involved = [plan.source] + plan.sinks.map(\.replica)
        let (fds, openFailures) = await open(inode, on: involved)
        var report = await copyAndClear(plan, inode, fds, openFailures, losses)
        for (replica, fd) in fds { await replicas.replicas[replica].release(fd) }
        report.plan = plan
        (report.bytesMoved, report.bytesSkipped) = (tally.bytesMoved, tally.bytesSkipped)
        return report
    }

    private func open(_ inode: Inode, on positions: [Int]) async -> (fds: [Int: Fd], failures: [Int: FopError]) {
        var fds: [Int: Fd] = [:], failures: [Int: FopError] = [:]
        let answers = await replicas.wind(positions) { subvolume throws(FopError) in
            let fd = Fd(inode: inode, flags: .readWrite)
            _ = try await subvolume.open(OpenRequest(fd: fd), in: .healer())
            return fd
        }
        for (replica, answer) in answers {
            switch answer {
            case .success(let fd): fds[replica] = fd
            case .failure(let error): failures[replica] = error
            }
        }
        return (fds, failures)
    }

    private func copyAndClear(
        _ plan: HealPlan, _ inode: Inode, _ fds: [Int: Fd], _ openFailures: [Int: FopError], _ losses: [UInt64]
    ) async -> HealReport {
        if let error = openFailures[plan.source] { return sourceLost(plan, error) }
        let copy = FileCopy(
            replicas: replicas, inode: inode, fds: fds, source: plan.source, windowsInFlight: settings.windowsInFlight,
            tally: tally, isStopping: { [context] in context.isStopping })
        for (sink, error) in openFailures { copy.drop(sink, error) }
        do throws(CopyInterruption) {
            if replicas.replicaSet.ensuresDurability { try await copy.makeSourceDurable() }
            try await copy.run(plan)
            try await copy.makeSinksDurable(plan)
        } catch {
            switch error {
            case .stopped: return report(.later(.stopping))
            case .sourceFailed(let cause): return sourceLost(plan, cause)
            case .noSinkLeft: return sinksLost(copy)
            }
        }
        return await HealClearing(
            replicas: replicas, inode: inode, plan: plan, copy: copy, losses: losses
        ).run(report: report(.healed(isAll: true)))
    }

    private func sourceLost(_ plan: HealPlan, _ error: FopError) -> HealReport {
        if error == .notConnected || !replicas.watch.allAreUp { return report(.later(.replicaDown)) }
        return report(.failed(.sourceFailed(gfid, source: replicas.names[plan.source], error)))
    }
    private func sinksLost(_ copy: FileCopy) -> HealReport {
        if copy.failed.values.allSatisfy({ $0 == .notConnected }) { return report(.later(.replicaDown)) }
        return report(
            .failed(.sinksFailed(gfid, copy.failed.reduce(into: [:]) { $0[replicas.names[$1.key]] = $1.value })))
    }
}
