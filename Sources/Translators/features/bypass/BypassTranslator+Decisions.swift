import ReplicaState
import Synchronization
import TranslatorCore

// Decide under the inode's mutex, act outside it.
extension BypassTranslator {
    /// What this mount knows of an inode. That the other copies of a file are old it knows by the file's gfid, for as
    /// long as they are: inodes are forgotten, and the target may be away when the file is asked for again.
    func context(_ inode: Inode) -> BypassInode? {
        if let known: BypassInode = inode.contexts.context(at: slot) { return known }
        guard inode.type == .regular, backlog.withLock({ $0.isWaiting(inode.gfid) }) else { return nil }
        return makeContext(inode)
    }

    /// Made at the first open or create of a regular file, when a name is learnt, or while the file waits for a healer.
    func makeContext(_ inode: Inode) -> BypassInode {
        if let known: BypassInode = inode.contexts.context(at: slot) { return known }
        let file = inode.contexts.findOrSet(at: slot) {
            // In here, so that a healer's news comes before it is read or finds the context.
            let (newest, doubtful) = backlog.withLock {
                ($0.waiting.files[inode.gfid]?.last?.generation, $0.doubtful[inode.gfid])
            }
            let file = BypassInode(inode, timing: timing, observer: observer, newest: newest)
            if let doubtful { file.epochMayHaveStarted(doubtful) }
            return file
        }
        tellReplicate(of: file)
        return file
    }

    /// Whether it may change this file without the target.
    func tellReplicate(of file: BypassInode) {
        file.guarded.withLock { replicaSet.rely(on: $0.hasUnhealed ? targetPosition : nil, for: file.inode) }
    }

    /// Changes the state, then does what follows from it.
    @discardableResult
    func decide<Result>(
        _ file: BypassInode, _ change: (inout BypassInodeState) -> (Result, BypassInodeState.Outcome)
    ) -> Result {
        let (result, outcome, woken) = file.decide(change)
        act(on: outcome, file, woken)
        return result
    }

    func decide(_ file: BypassInode, _ change: (inout BypassInodeState) -> BypassInodeState.Outcome) {
        decide(file) { state in ((), change(&state)) }
    }

    /// The same for callers that nobody cancels and that wait for what follows: they do it themselves, where another
    /// task would have to be woken for it.
    func decideAndWork(
        _ file: BypassInode, _ change: (inout BypassInodeState) -> BypassInodeState.Outcome
    ) async {
        var (_, outcome, woken) = file.decide { state in ((), change(&state)) }
        let work = outcome.work
        outcome.work = nil
        if work != nil { active.add(file) }
        act(on: outcome, file, woken)
        if let work { await perform(work, file) }
    }

    func act(on outcome: BypassInodeState.Outcome, _ file: BypassInode, _ woken: [BypassInode.Waiter]) {
        for epoch in outcome.closed { publish(epoch, of: file) }
        if let reason = outcome.drains { counters.closed(reason) }
        if let work = outcome.work {
            active.add(file)
            jobs.add(.work(work, file.inode))
        }
        if let deadline = outcome.deadline { alarm.set(file.inode, at: deadline) }
        for waiter in woken { waiter.continuation.resume(returning: true) }
    }

    private func publish(_ epoch: ClosedEpoch, of file: BypassInode) {
        if !epoch.isExact { counters.epochsInexact.count() }
        // One without records waits too: its mark stands on the target until a healer has been there.
        if epoch.isMarked {
            backlog.withLock { $0.waiting.closed(epoch, of: file.gfid, at: now) }
            updateLimit()
            sweepLater()
        }
        // A healer gives the sinks the times that the target has when it is done.
        if !file.guarded.withLock({ $0.state.hasEpoch }), lateTimes?.areTimesLate(of: file.inode) == true {
            jobs.add(.tellClosed(epoch, file.inode))
        } else {
            tellClosed(epoch, of: file)
        }
    }

    private func tellClosed(_ epoch: ClosedEpoch, of file: BypassInode) {
        file.observer?.epochClosed(
            file.gfid, generation: epoch.generation, records: epoch.records, isExact: epoch.isExact)
    }

    func perform(_ job: JobQueue.Job) async {
        switch job {
        case .work(let work, let inode):
            if let file = context(inode) { await perform(work, file) }
        case .tellClosed(let epoch, let inode):
            await lateTimes?.tellTimes(of: inode)
            if let file = context(inode) { tellClosed(epoch, of: file) }
        case .verify(let gfid): await verify(gfid)
        case .sweep: await sweep()
        case .withdrawAhead: await withdrawAhead()
        }
    }

    private func perform(_ work: BypassInodeState.Work, _ file: BypassInode) async {
        switch work {
        case .open: await openEpoch(file)
        case .roll: await roll(file)
        case .release(let lease): await release(file, lease: lease)
        }
        active.removeIfIdle(file)
    }

    /// A deadline of `inode` has come.
    func tick(_ inode: Inode) {
        if inode === sweeper { return jobs.add(.sweep) }
        if inode === aheadKeeper { return jobs.add(.withdrawAhead) }
        guard let file = context(inode) else { return }
        let now = now
        if file.guarded.withLock({ $0.state.phase == .open }) {
            if target.lockContention?.isWanted(file.gfid, domain: locks.data, range: ReplicaLocks.epochLock) == true {
                decide(file) { $0.contended(until: later()) }
            } else if let reason = limitPassed(by: file, at: now) {
                closeOverLimit(file, reason)
            }
        }
        decide(file) { $0.tick(at: now) }
    }
}
