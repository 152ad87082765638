import ReplicaState
import Synchronization
import TranslatorCore

/// Why no epoch was opened, and what was taken on the way is to be given back.
struct EpochRefusal: Error {
    let reason: Detour
    /// The epoch that may be marked on disk all the same.
    var unknown: Int32?
    init(_ reason: Detour, unknown: Int32? = nil) { (self.reason, self.unknown) = (reason, unknown) }
}

// Opening an epoch: DESIGN §3.1 steps 1 and 2, in their order.
extension BypassTranslator {
    func openEpoch(_ file: BypassInode) async {
        do throws(EpochRefusal) {
            try checkMayOpen(file)
            await dropStaleDataFd(file)
            let fd = try await refusing(.unreachable) { () throws(FopError) in try await dataFd(file) }
            try await checkRules(file, fd)
            try await enterAhead()
            defer { leaveAhead() }
            try await takeLease(file)
            try await takeEpochLocks(file, fd)
            let epoch = try await mark(file, fd)
            counters.epochsOpened.count()
            decide(file) { $0.opened(epoch.generation, size: epoch.size, missing: epoch.missing, at: now) }
        } catch {
            await releaseLocks(file, lease: true)
            refuse(file, error)
        }
    }

    private func refuse(_ file: BypassInode, _ refusal: EpochRefusal) {
        let blocks = refusal.reason.isOverLimit && settings.blocksOverLimit && !replicaSet.up.contains(false)
        volume.log(.debug, "gfid \(file.gfid): not bypassed: \(refusal.reason.name)")
        decide(file) { $0.refused(refusal.reason, until: later(), blocks: blocks, unknown: refusal.unknown) }
    }

    private func refusing<Value>(
        _ reason: Detour, _ body: () async throws(FopError) -> Value
    ) async throws(EpochRefusal) -> Value {
        do throws(FopError) { return try await body() } catch { throw EpochRefusal(reason) }
    }

    private func checkMayOpen(_ file: BypassInode) throws(EpochRefusal) {
        if isStopping { throw EpochRefusal(.stopping) }
        guard let observer = file.observer, observer.canJournal else { throw EpochRefusal(.noJournal) }
        let up = replicaSet.up
        guard up[targetPosition] else { throw EpochRefusal(.unreachable) }
        if settings.fsync != .local && up.contains(false) { throw EpochRefusal(.degraded) }
        guard replicaSet.locksEagerly else { throw EpochRefusal(.failed) }
        if let reason = limitPassed(by: file, at: now) { throw EpochRefusal(reason) }
    }

    private func checkRules(_ file: BypassInode, _ fd: Fd) async throws(EpochRefusal) {
        let rules = settings.rules
        var iatt: Iatt?
        if rules.needsAttributes {
            iatt = try await refusing(.unreachable) { () throws(FopError) in
                try await target.stat(StatRequest(.fd(fd)), in: ownFrame()).iatt
            }
        }
        if !rules.allow(path: rules.needsPath ? path(of: file.inode) : nil, iatt) { throw EpochRefusal(.ruledOut) }
    }

    /// Step 1. On all reachable replicas at once: none may refuse, the target and a quorum must grant.
    private func takeLease(_ file: BypassInode) async throws(EpochRefusal) {
        if file.guarded.withLock({ $0.state.holdsLease }) { return }
        let answers = await onReplicas(replicaSet.up) { replica throws(FopError) in
            try await self.tryLock(.inode(file.inode), on: replica, domain: self.locks.lease)
        }
        var granted = [Bool](repeating: false, count: answers.count)
        var refusal: Detour?
        file.guarded.withLock { guarded in
            for (replica, answer) in answers.enumerated() {
                switch answer {
                case .success(let lock):
                    granted[replica] = true
                    guarded.locks.lease.append(lock)
                case .failure(.tryAgain): refusal = .leaseRefused
                // It went down just now, and cannot refuse.
                case .failure(.notConnected), nil: break
                case .failure: refusal = refusal ?? .unreachable
                }
            }
        }
        if refusal == nil && !(granted[targetPosition] && replicaSet.quorum.isMet(by: granted)) {
            refusal = .unreachable
        }
        if let refusal {
            counters.leasesRefused.count()
            throw EpochRefusal(refusal)
        }
        counters.leasesWon.count()
        file.guarded.withLock { $0.state.leased() }
    }

    private func takeEpochLocks(_ file: BypassInode, _ fd: Fd) async throws(EpochRefusal) {
        // What replicate itself still holds would be in our way for its post-op delay.
        await replicaSet.settle(file.inode)
        let mark = try await refusing(.failed) { () throws(FopError) in
            try await waitForLock(file, .fd(fd), domain: locks.epochMark)
        }
        file.guarded.withLock { $0.locks.mark = mark }
        let epoch = try await refusing(.failed) { () throws(FopError) in
            try await waitForLock(file, .fd(fd), domain: locks.data, range: ReplicaLocks.epochLock)
        }
        file.guarded.withLock { $0.locks.epoch = epoch }
    }

    private struct MarkedEpoch {
        let generation: Int32, missing: Int32
        let size: UInt64
    }

    /// Step 2, under the epoch lock: what the replicas say, then the mark.
    private func mark(_ file: BypassInode, _ fd: Fd) async throws(EpochRefusal) -> MarkedEpoch {
        let answers = await onReplicas(replicaSet.up) { replica throws(FopError) in
            try await self.look(file, fd, on: replica)
        }
        switch EpochInspection.verdict(answers, marks: marks) {
        case .refused(let reason): throw EpochRefusal(reason)
        case .mayOpen(let counts, let size, let needsSelfHealLock):
            let selfHeal = try? await tryLock(.fd(fd), on: targetPosition, domain: locks.selfHeal)
            if selfHeal == nil && needsSelfHealLock { throw EpochRefusal(.healing) }
            let marked: Result<EpochCounts, EpochRefusal>
            do throws(EpochRefusal) { marked = .success(try await addEpoch(file, fd, to: counts, size)) } catch {
                marked = .failure(error)
            }
            if let selfHeal { await unlock(selfHeal, .fd(fd)) }
            let after = try marked.get()
            return MarkedEpoch(generation: after.opened, missing: after.missing, size: size)
        }
    }

    /// `fd`: on the target, if it is up.
    func look(_ file: BypassInode, _ fd: Fd?, on replica: Int) async throws(FopError) -> LookupReply {
        guard replica == targetPosition, let fd else {
            return try await replicaSet.replicas[replica].lookup(
                LookupRequest(.inode(file.inode), xdata: marks.questions), in: ownFrame())
        }
        // By fd, because an unlinked file is not found by its gfid.
        let reply = try await target.stat(StatRequest(.fd(fd), xdata: marks.questions), in: ownFrame())
        return LookupReply(iatt: reply.iatt, xdata: reply.xdata)
    }

    private func sayOnce(_ file: BypassInode) {
        let isNew = file.guarded.withLock { guarded in
            defer { guarded.saidNoRoom = true }
            return !guarded.saidNoRoom
        }
        guard isNew else { return }
        volume.log(
            .warning,
            "gfid \(file.gfid): its xattrs leave no room for bypass's marks on \(target.name): its writes go through replicate"
        )
    }

    private func addEpoch(
        _ file: BypassInode, _ fd: Fd, to before: EpochCounts, _ size: UInt64
    ) async throws(EpochRefusal) -> EpochCounts {
        if let levelling = marks.levelling(before) {
            _ = try await refusing(.failed) { () throws(FopError) in try await xattrop(.fd(fd), levelling) }
        }
        try await refusing(.noJournal) { () throws(FopError) in try file.observer!.epochOpening(file.gfid) }
        let isEmpty = size == 0 && before.pending.allSatisfy { $0.data == 0 }
        let isOrdered = isEmpty && target.localBrick?.ordersMetadata == true
        switch await markNextEpoch(fd, after: before.opened, isOrdered ? .journal : .fsync) {
        case .marked(let counts):
            epochStarts(file, counts)
            file.observer!.epochOpened(file.gfid, generation: counts.opened)
            return counts
        case .noRoom:
            sayOnce(file)
            throw EpochRefusal(.noRoom)
        case .failed(let unknown):
            if let unknown { doubt(file, unknown) }
            throw EpochRefusal(.failed, unknown: unknown)
        }
    }
}
