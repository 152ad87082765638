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
        case .get: return LkReply(lock: try conflict(request, gfid, frame.lockOwner))
        case .set, .setWait:
            try await set(request, gfid, frame.lockOwner)
            return LkReply(lock: request.lock)
        }
    }

    public func flush(_ request: FlushRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        dropPosixLocks(request.fd.inode.gfid) { $0.drop(of: frame.lockOwner, elsewhere: &$1) }
        return try await subvolume.flush(request, in: frame)
    }

    public func release(_ fd: Fd) async {
        dropPosixLocks(fd.inode.gfid) { $0.drop(takenBy: ObjectIdentifier(fd), elsewhere: &$1) }
        await subvolume.release(fd)
    }

    private func conflict(_ request: LkRequest, _ gfid: Gfid, _ owner: LockOwner) throws(FopError) -> PosixLock {
        let result = stripe(gfid).state.withLock { stripe -> Result<PosixLock?, FopError> in
            withPosixTable(gfid, in: &stripe) { (table, elsewhere) throws(FopError) -> PosixLock? in
                if let found = table.conflict(with: request.lock, owner: owner) {
                    return PosixLock(kind: found.isWrite ? .write : .read, range: found.range, pid: found.pid)
                }
                return try elsewhere.file?.conflict(with: request.lock)
            }
        }
        return try result.get() ?? PosixLock(kind: .unlock, range: request.lock.range, pid: 0)
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
        typealias Outcome = (PosixLockTable.Answer, granted: [LockRequestID])
        let result = withPosixTable(gfid, in: &stripe) { (table, elsewhere) throws(FopError) -> Outcome in
            let answer = table.set(
                request.lock, owner: owner, fd: ObjectIdentifier(request.fd), id: id,
                canWait: request.command == .setWait, elsewhere: &elsewhere)
            switch answer {
            // An unlock frees, and so does a write lock that becomes a read lock.
            case .granted: return (answer, promotePosix(&table, &elsewhere))
            case .refused: throw elsewhere.failure ?? .tryAgain
            case .waiting:
                let blockers = table.blockers(of: request.lock, owner: owner)
                if waitGraph.withLock({ $0.wait(id, of: owner, for: blockers) }) { return (answer, []) }
                _ = table.cancel(id, elsewhere: &elsewhere)
                throw FopError(EDEADLK)
            }
        }
        switch result {
        case .failure(let error): return .refused(error)
        case .success((.waiting, _)):
            let wait = LockWait()
            stripe.waits[id] = wait
            stripe.directory?.watcher.waiterCame()
            return .waits(wait)
        case .success((_, let granted)): return .granted(endWaits(granted, in: &stripe))
        }
    }

    private func cancelPosixWait(_ id: LockRequestID, _ gfid: Gfid) {
        let cancelled = stripe(gfid).state.withLock { stripe -> LockWait? in
            guard let wait = endWaits([id], in: &stripe).first else { return nil }
            _ = withPosixTable(gfid, in: &stripe) { (table, elsewhere) throws(FopError) in
                table.cancel(id, elsewhere: &elsewhere)
            }
            waitGraph.withLock { $0.end(id) }
            return wait
        }
        cancelled?.end(.interrupted)
    }

    private func dropPosixLocks(
        _ gfid: Gfid, _ drop: @Sendable (inout PosixLockTable, inout PosixFileElsewhere) -> Bool
    ) {
        let granted = stripe(gfid).state.withLock { stripe -> [LockWait] in
            guard let inode = stripe.inodes[gfid], !inode.posix.isEmpty else { return [] }
            let result = withPosixTable(gfid, in: &stripe) { (table, elsewhere) throws(FopError) in
                drop(&table, &elsewhere) ? promotePosix(&table, &elsewhere) : []
            }
            return endWaits((try? result.get()) ?? [], in: &stripe)
        }
        granted.forEach { $0.end(nil) }
    }

    /// Another process let go of something on `gfid`, or may have.
    func othersMovedPosix(_ gfid: Gfid) {
        let granted = stripe(gfid).state.withLock { stripe -> [LockWait] in
            guard let inode = stripe.inodes[gfid], !inode.posix.waiters.isEmpty else { return [] }
            let result = withPosixTable(gfid, in: &stripe) { (table, elsewhere) throws(FopError) in
                promotePosix(&table, &elsewhere)
            }
            return endWaits((try? result.get()) ?? [], in: &stripe)
        }
        granted.forEach { $0.end(nil) }
    }

    /// Grants what became free, and notes for those that go on waiting who is in their way now.
    private func promotePosix(
        _ table: inout PosixLockTable, _ elsewhere: inout PosixFileElsewhere
    ) -> [LockRequestID] {
        if table.waiters.isEmpty { return [] }
        let granted = table.promote(elsewhere: &elsewhere)
        waitGraph.withLock { graph in
            granted.forEach { graph.end($0) }
            for waiter in table.waiters {
                graph.update(waiter.id, blockers: table.blockers(of: waiter.lock, owner: waiter.owner))
            }
        }
        return granted
    }

    /// Works on one inode's table and its lock file, as `withTable` does.
    private func withPosixTable<Value>(
        _ gfid: Gfid, in stripe: inout Stripe,
        _ body: (inout PosixLockTable, inout PosixFileElsewhere) throws(FopError) -> Value
    ) -> Result<Value, FopError> {
        let file: PosixLockFile?
        do throws(FopError) { file = try posixFile(gfid, in: &stripe) } catch { return .failure(error) }
        var elsewhere = PosixFileElsewhere(file)
        let result: Result<Value, FopError>
        do throws(FopError) {
            result = .success(try body(&stripe.inodes[gfid, default: InodeLocks()].posix, &elsewhere))
        } catch {
            result = .failure(error)
        }
        let isIdle = stripe.inodes[gfid]!.posix.isEmpty
        if stripe.inodes[gfid]!.isEmpty { stripe.inodes[gfid] = nil }
        if let failure = elsewhere.failure { volume.log(.error, "gfid \(gfid): POSIX lock file: \(failure)") }
        if isIdle { closeIdlePosixFiles(&stripe) }
        return result
    }

    private func posixFile(_ gfid: Gfid, in stripe: inout Stripe) throws(FopError) -> PosixLockFile? {
        if let open = stripe.posixFiles[gfid] { return open }
        guard let directory = stripe.directory else { return nil }
        let opened = try directory.openPosix(gfid)
        stripe.posixFiles[gfid] = opened
        return opened
    }

    /// A few stay open: whoever locks once will soon lock again.
    private func closeIdlePosixFiles(_ stripe: inout Stripe) {
        let idle = stripe.posixFiles.keys.filter { stripe.inodes[$0]?.posix.isEmpty ?? true }
        for gfid in idle.dropFirst(Self.idlePosixFilesMax) {
            guard let file = stripe.posixFiles.removeValue(forKey: gfid) else { continue }
            stripe.directory?.closed(file)
        }
    }
}
