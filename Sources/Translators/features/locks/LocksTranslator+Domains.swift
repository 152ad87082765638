import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// What INODELK and ENTRYLK do alike: decide in the table under the stripe's mutex, then wake and notify outside it.
extension LocksTranslator {
    func perform<Claim: DomainLockClaim>(
        _ command: LockCommand, _ claim: Claim, _ target: FopTarget, domain: String, in frame: Frame
    ) async throws(FopError) {
        let gfid = target.inode.gfid
        switch command {
        case .release: try release(claim, gfid, domain: domain, owner: frame.lockOwner)
        case .tryAcquire, .acquire:
            try await checkExists(target.inode, in: frame)
            try await acquire(claim, gfid, domain: domain, owner: frame.lockOwner, canWait: command == .acquire)
        }
    }

    /// What a brick answers for a gfid that it does not have is ESTALE. An inode is asked after once.
    private func checkExists(_ inode: Inode, in frame: Frame) async throws(FopError) {
        if inode.contexts[slot] != nil { return }
        do throws(FopError) {
            _ = try await subvolume.stat(StatRequest(.inode(inode)), in: frame)
        } catch {
            throw error == .noEntry ? .stale : error
        }
        inode.contexts.set(SeenOnBrick.mark, at: slot)
    }

    private func acquire<Claim: DomainLockClaim>(
        _ claim: Claim, _ gfid: Gfid, domain: String, owner: LockOwner, canWait: Bool
    ) async throws(FopError) {
        let id = UniqueNumber.next()
        let (answer, wait, told) = stripe(gfid).state.withLock { stripe in
            ask(claim, gfid, domain: domain, owner: owner, id: id, canWait: canWait, in: &stripe)
        }
        for holder in told { volume.notifyParents(holder.contention(gfid, domain: domain), from: self) }
        if answer == .granted { return }
        guard let wait else { throw .tryAgain }
        if let error = await wait.outcome(onCancel: { self.cancel(Claim.self, id, gfid, domain: domain) }) {
            throw error
        }
    }

    private func ask<Claim: DomainLockClaim>(
        _ claim: Claim, _ gfid: Gfid, domain: String, owner: LockOwner, id: LockRequestID, canWait: Bool,
        in stripe: inout Stripe
    ) -> (LockTable<Claim>.Answer, LockWait?, told: [Claim]) {
        if stripe.isStopped { return (.refused, nil, []) }
        let (answer, told) = withTable(gfid, domain: domain, in: &stripe) {
            (table, others) -> (LockTable<Claim>.Answer, [Claim]) in
            let answer = table.request(claim, owner: owner, id: id, canWait: canWait, others: &others)
            guard answer != .granted, notifiesContention else { return (answer, []) }
            let now = volume.environment.time.now()
            return (answer, table.holdersToTell(about: claim, of: owner, now: now, pause: contentionPause))
        }
        guard answer == .waiting else { return (answer, nil, told) }
        let wait = LockWait()
        stripe.waits[id] = wait
        return (answer, wait, told)
    }

    private func release<Claim: DomainLockClaim>(
        _ claim: Claim, _ gfid: Gfid, domain: String, owner: LockOwner
    ) throws(FopError) {
        let (wasHeld, granted) = stripe(gfid).state.withLock { stripe in
            let (wasHeld, ids) = withTable(gfid, domain: domain, in: &stripe) {
                (table: inout LockTable<Claim>, others) -> (Bool, [LockRequestID]) in
                guard table.release(claim, owner: owner, others: &others) else { return (false, []) }
                return (true, table.promote(others: &others))
            }
            return (wasHeld, ids.compactMap { stripe.waits.removeValue(forKey: $0) })
        }
        granted.forEach { $0.end(nil) }
        if !wasHeld { throw .invalid }
    }

    /// Ends a wait with EINTR, unless it was granted first.
    private func cancel<Claim: DomainLockClaim>(_: Claim.Type, _ id: LockRequestID, _ gfid: Gfid, domain: String) {
        let (cancelled, granted) = stripe(gfid).state.withLock { stripe -> (LockWait?, [LockWait]) in
            guard let wait = stripe.waits.removeValue(forKey: id) else { return (nil, []) }
            let ids = withTable(gfid, domain: domain, in: &stripe) {
                (table: inout LockTable<Claim>, others) -> [LockRequestID] in
                let waited = table.cancel(id, others: &others)
                precondition(waited, "a wait that was not ended is in its table")
                return table.promote(others: &others)
            }
            return (wait, ids.compactMap { stripe.waits.removeValue(forKey: $0) })
        }
        granted.forEach { $0.end(nil) }
        cancelled?.end(.interrupted)
    }

    /// Works on one table, made if need be and forgotten when it is empty afterwards.
    private func withTable<Claim: DomainLockClaim, Result>(
        _ gfid: Gfid, domain: String, in stripe: inout Stripe,
        _ body: (inout LockTable<Claim>, inout NoOtherProcesses<Claim>) -> Result
    ) -> Result {
        var others = NoOtherProcesses<Claim>()
        let result = Claim.withTables(of: &stripe.inodes[gfid, default: InodeLocks()]) { tables in
            let result = body(&tables[domain, default: LockTable()], &others)
            if tables[domain]!.isEmpty { tables[domain] = nil }
            return result
        }
        if stripe.inodes[gfid]!.isEmpty { stripe.inodes[gfid] = nil }
        return result
    }
}

/// Hung on an inode that was found on the brick.
final class SeenOnBrick: Sendable {
    static let mark = SeenOnBrick()
}

extension LocksTranslator: LockContention {
    public func isWanted(_ gfid: Gfid, domain: String, range: LockRange) -> Bool {
        let stored = InodelkDomain.stored(domain, range)
        return stripe(gfid).state.withLock { stripe in
            stripe.inodes[gfid]?.inodelks[stored]?.isWanted(InodelkClaim(range: range, mode: .write)) ?? false
        }
    }
}
