import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// LK, and the fops that drop POSIX locks: flush (at every close, the owner's) and release (those of the open file).
extension LocksTranslator {
    public func lk(_ request: LkRequest, in frame: Frame) async throws(FopError) -> LkReply {
        try checkRange(request.lock.range)
        let gfid = request.fd.inode.gfid
        switch request.command {
        case .get: return LkReply(lock: conflict(request, gfid, frame.lockOwner))
        case .set, .setWait:
            try await set(request, gfid, frame.lockOwner)
            return LkReply(lock: request.lock)
        }
    }

    public func flush(_ request: FlushRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        dropPosixLocks(request.fd.inode.gfid) { $0.drop(of: frame.lockOwner) }
        return try await subvolume.flush(request, in: frame)
    }

    public func release(_ fd: Fd) async {
        dropPosixLocks(fd.inode.gfid) { $0.drop(takenBy: ObjectIdentifier(fd)) }
        await subvolume.release(fd)
    }

    private func conflict(_ request: LkRequest, _ gfid: Gfid, _ owner: LockOwner) -> PosixLock {
        let found = stripe(gfid).state.withLock { $0.inodes[gfid]?.posix.conflict(with: request.lock, owner: owner) }
        guard let found else { return PosixLock(kind: .unlock, range: request.lock.range, pid: 0) }
        return PosixLock(kind: found.isWrite ? .write : .read, range: found.range, pid: found.pid)
    }

    private enum Asked { case granted([LockWait]), refused(FopError), waits(LockWait) }

    private func set(_ request: LkRequest, _ gfid: Gfid, _ owner: LockOwner) async throws(FopError) {
        let id = UniqueNumber.next()
        let asked = stripe(gfid).state.withLock { stripe -> Asked in
            if stripe.isStopped { return .refused(.notConnected) }
            return setPosixLock(request, gfid, owner, id, in: &stripe)
        }
        switch asked {
        case .refused(let error): throw error
        case .granted(let others): others.forEach { $0.end(nil) }
        case .waits(let wait):
            if let error = await wait.outcome(onCancel: { self.cancelPosixWait(id, gfid) }) { throw error }
        }
    }

    private func setPosixLock(
        _ request: LkRequest, _ gfid: Gfid, _ owner: LockOwner, _ id: LockRequestID, in stripe: inout Stripe
    ) -> Asked {
        defer { forgetIfEmpty(gfid, in: &stripe) }
        let canWait = request.command == .setWait
        var posix = stripe.inodes[gfid]?.posix ?? PosixLockTable()
        let answer = posix.set(request.lock, owner: owner, fd: ObjectIdentifier(request.fd), id: id, canWait: canWait)
        switch answer {
        case .refused: return .refused(.tryAgain)
        case .waiting:
            let blockers = posix.blockers(of: request.lock, owner: owner)
            guard waitGraph.withLock({ $0.wait(id, of: owner, for: blockers) }) else {
                return .refused(FopError(EDEADLK))
            }
            let wait = LockWait()
            stripe.inodes[gfid, default: InodeLocks()].posix = posix
            stripe.waits[id] = wait
            stripe.directory?.watcher.waiterCame()
            return .waits(wait)
        case .granted:
            stripe.inodes[gfid, default: InodeLocks()].posix = posix
            // An unlock frees, and so does a write lock that becomes a read lock.
            return .granted(promotePosix(gfid, in: &stripe))
        }
    }

    private func cancelPosixWait(_ id: LockRequestID, _ gfid: Gfid) {
        let cancelled = stripe(gfid).state.withLock { stripe -> LockWait? in
            guard let wait = endWaits([id], in: &stripe).first else { return nil }
            _ = stripe.inodes[gfid]?.posix.cancel(id)
            waitGraph.withLock { $0.end(id) }
            forgetIfEmpty(gfid, in: &stripe)
            return wait
        }
        cancelled?.end(.interrupted)
    }

    private func dropPosixLocks(_ gfid: Gfid, _ drop: (inout PosixLockTable) -> Bool) {
        let granted = stripe(gfid).state.withLock { stripe -> [LockWait] in
            guard stripe.inodes[gfid] != nil, drop(&stripe.inodes[gfid]!.posix) else { return [] }
            defer { forgetIfEmpty(gfid, in: &stripe) }
            return promotePosix(gfid, in: &stripe)
        }
        granted.forEach { $0.end(nil) }
    }

    /// Grants what became free, and notes for those that go on waiting who is in their way now.
    private func promotePosix(_ gfid: Gfid, in stripe: inout Stripe) -> [LockWait] {
        guard let waiting = stripe.inodes[gfid]?.posix.waiters, !waiting.isEmpty else { return [] }
        let granted = stripe.inodes[gfid]!.posix.promote()
        let posix = stripe.inodes[gfid]!.posix
        waitGraph.withLock { graph in
            granted.forEach { graph.end($0) }
            for waiter in posix.waiters {
                graph.update(waiter.id, blockers: posix.blockers(of: waiter.lock, owner: waiter.owner))
            }
        }
        return endWaits(granted, in: &stripe)
    }

    private func forgetIfEmpty(_ gfid: Gfid, in stripe: inout Stripe) {
        if stripe.inodes[gfid]?.isEmpty == true { stripe.inodes[gfid] = nil }
    }
}
