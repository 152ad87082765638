import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// What INODELK and ENTRYLK do alike: decide in the table under the stripe's mutex, then wake and notify outside it.
extension LocksTranslator {
    func perform<Claim: DomainLockClaim>(
        _ command: LockCommand, _ claim: Claim, _ target: FopTarget, domain: String, in frame: Frame
    ) async throws(FopError) {
        let key = LockTableKey(gfid: target.inode.gfid, kind: Claim.kind, domain: domain)
        switch command {
        case .release: try release(claim, key, owner: frame.lockOwner)
        case .tryAcquire, .acquire:
            try await checkExists(target, in: frame)
            try await acquire(claim, key, owner: frame.lockOwner, canWait: command == .acquire)
        }
    }

    /// What a brick answers for a gfid that it does not have is ESTALE. An inode is asked after once.
    private func checkExists(_ target: FopTarget, in frame: Frame) async throws(FopError) {
        if target.inode.contexts[slot] != nil { return }
        do throws(FopError) {
            _ = try await subvolume.stat(StatRequest(target), in: frame)
        } catch {
            throw error == .noEntry ? .stale : error
        }
        target.inode.contexts.set(SeenOnBrick.mark, at: slot)
    }

    private func acquire<Claim: DomainLockClaim>(
        _ claim: Claim, _ key: LockTableKey, owner: LockOwner, canWait: Bool, isAgain: Bool = false
    ) async throws(FopError) {
        let id = UniqueNumber.next()
        let asked = stripe(key.gfid).state.withLock { stripe in
            ask(claim, key, owner: owner, id: id, canWait: canWait, in: &stripe)
        }
        for holder in asked.told { volume.notifyParents(holder.contention(key.gfid, domain: key.domain), from: self) }
        if let failure = asked.failure {
            guard failure.isOutOfDescriptors, !isAgain else { throw failure }
            DescriptorPressure.shared.relieve()
            return try await acquire(claim, key, owner: owner, canWait: canWait, isAgain: true)
        }
        if asked.answer == .granted { return }
        guard let wait = asked.wait else { throw .tryAgain }
        if let error = await wait.outcome(onCancel: { self.cancel(Claim.self, id, key) }) { throw error }
    }

    private struct Asked<Claim: LockClaim> {
        var answer: LockTable<Claim>.Answer
        var wait: LockWait?
        /// Claims whose holders are to hear of it.
        var told: [Claim] = []
        var failure: FopError?
    }

    private func ask<Claim: DomainLockClaim>(
        _ claim: Claim, _ key: LockTableKey, owner: LockOwner, id: LockRequestID, canWait: Bool,
        in stripe: inout Stripe
    ) -> Asked<Claim> {
        if stripe.isStopped { return Asked(answer: .refused, failure: .notConnected) }
        let result = withTable(key, in: &stripe) { (table, others) -> Asked<Claim> in
            var asked = Asked(answer: table.request(claim, owner: owner, id: id, canWait: canWait, others: &others))
            if asked.answer != .granted, notifiesContention {
                let now = volume.environment.time.now()
                asked.told = table.holdersToTell(about: claim, of: owner, now: now, pause: contentionPause)
            }
            if asked.answer == .refused { asked.failure = others.failure }
            return asked
        }
        guard case .success(var asked) = result else {
            if case .failure(let error) = result { return Asked(answer: .refused, failure: error) }
            preconditionFailure()
        }
        guard asked.answer == .waiting else { return asked }
        let wait = LockWait()
        stripe.waits[id] = wait
        stripe.directory?.watcher.waiterCame()
        asked.wait = wait
        return asked
    }

    private func release<Claim: DomainLockClaim>(
        _ claim: Claim, _ key: LockTableKey, owner: LockOwner
    ) throws(FopError) {
        let (wasHeld, granted) = stripe(key.gfid).state.withLock { stripe -> (Bool, [LockWait]) in
            if stripe.isStopped { return (true, []) }
            let result = withTable(key, in: &stripe) {
                (table: inout LockTable<Claim>, others) -> (Bool, [LockRequestID]) in
                guard table.release(claim, owner: owner, others: &others) else { return (false, []) }
                return (true, table.promote(others: &others))
            }
            guard case .success((let wasHeld, let ids)) = result else { return (false, []) }
            return (wasHeld, endWaits(ids, in: &stripe))
        }
        granted.forEach { $0.end(nil) }
        if !wasHeld { throw .invalid }
    }

    /// Ends a wait with EINTR, unless it was granted first.
    private func cancel<Claim: DomainLockClaim>(_: Claim.Type, _ id: LockRequestID, _ key: LockTableKey) {
        let (cancelled, granted) = stripe(key.gfid).state.withLock { stripe -> (LockWait?, [LockWait]) in
            guard let wait = endWaits([id], in: &stripe).first else { return (nil, []) }
            let result = withTable(key, in: &stripe) {
                (table: inout LockTable<Claim>, others) -> [LockRequestID] in
                let waited = table.cancel(id, others: &others)
                precondition(waited, "a wait that was not ended is in its table")
                return table.promote(others: &others)
            }
            return (wait, endWaits((try? result.get()) ?? [], in: &stripe))
        }
        granted.forEach { $0.end(nil) }
        cancelled?.end(.interrupted)
    }

    /// Takes them out; the caller ends them once it has left the stripe.
    func endWaits(_ ids: [LockRequestID], in stripe: inout Stripe) -> [LockWait] {
        ids.compactMap { id in
            guard let wait = stripe.waits.removeValue(forKey: id) else { return nil }
            stripe.directory?.watcher.waiterWent()
            return wait
        }
    }

    /// Works on one table and its lock file, made or opened if need be and let go of when the table is empty
    /// afterwards. Fails when the lock file cannot be opened.
    func withTable<Claim: DomainLockClaim, Value>(
        _ key: LockTableKey, in stripe: inout Stripe,
        _ body: (inout LockTable<Claim>, inout ElsewhereLocks<Claim>) -> Value
    ) -> Result<Value, FopError> {
        let place = LockPlace(key.gfid, kind: key.kind, domain: key.domain)
        let file: KernelLockFile?
        do throws(FopError) { file = try lockFile(place.file, in: &stripe) } catch { return .failure(error) }
        var others = ElsewhereLocks<Claim>(file: file, region: place.region)
        let (value, isEmpty) = Claim.withTables(of: &stripe.inodes[key.gfid, default: InodeLocks()]) { tables in
            let value = body(&tables[key.domain, default: LockTable()], &others)
            let isEmpty = tables[key.domain]!.isEmpty
            if isEmpty { tables[key.domain] = nil }
            return (value, isEmpty)
        }
        if stripe.inodes[key.gfid]!.isEmpty { stripe.inodes[key.gfid] = nil }
        if let file { note(key, isEmpty: isEmpty, in: file, &stripe) }
        if let failure = others.failure {
            volume.log(.error, "gfid \(key.gfid): lock file \(place.file) of the brick: \(failure)")
        }
        return .success(value)
    }

    private func lockFile(_ number: Int, in stripe: inout Stripe) throws(FopError) -> KernelLockFile? {
        if let open = stripe.files[number] { return open }
        guard let directory = stripe.directory else { return nil }
        let opened = try directory.open(number)
        stripe.files[number] = opened
        return opened
    }

    private func note(_ key: LockTableKey, isEmpty: Bool, in file: KernelLockFile, _ stripe: inout Stripe) {
        guard isEmpty else {
            file.tables.insert(key)
            return
        }
        file.tables.remove(key)
        let idle = stripe.files.values.count { $0.tables.isEmpty }
        if idle > Self.idleFilesMax, file.tables.isEmpty, let directory = stripe.directory {
            directory.closed(file)
            stripe.files[file.number] = nil
        }
    }
}

/// Hung on an inode that was found on the brick.
final class SeenOnBrick: Sendable {
    static let mark = SeenOnBrick()
}
