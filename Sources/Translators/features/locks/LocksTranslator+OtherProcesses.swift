import Synchronization
import TranslatorCore

/// What comes from other processes: knocks at lock files, and what holders here ask about them.
extension LocksTranslator {
    /// On the watcher's thread.
    func heard(_ event: LockWatcher.Event) {
        switch event {
        case .knocks(let places):
            for place in places {
                switch place {
                case .file(let number): othersMoved(at: number)
                case .posix(let gfid): othersMovedPosix(gfid)
                }
            }
        case .all:
            for box in stripes {
                let (files, gfids) = box.state.withLock { (Array($0.files.keys), Array($0.posixFiles.keys)) }
                files.forEach { othersMoved(at: $0) }
                gfids.forEach { othersMovedPosix($0) }
            }
        }
    }

    /// Grants what other processes let go of, and tells holders what other processes wait for.
    private func othersMoved(at number: Int) {
        var events: [GraphEvent] = []
        let granted = stripe(file: number).state.withLock { stripe -> [LockWait] in
            guard let file = stripe.files[number] else { return [] }
            var granted: [LockWait] = []
            for key in file.tables {
                granted +=
                    key.kind == InodelkClaim.kind
                    ? revisit(InodelkClaim.self, key, in: &stripe, &events)
                    : revisit(EntrylkClaim.self, key, in: &stripe, &events)
            }
            return granted
        }
        granted.forEach { $0.end(nil) }
        for event in events { volume.notifyParents(event, from: self) }
    }

    private func revisit<Claim: DomainLockClaim>(
        _: Claim.Type, _ key: LockTableKey, in stripe: inout Stripe, _ events: inout [GraphEvent]
    ) -> [LockWait] {
        let result = withTable(key, in: &stripe) {
            (table: inout LockTable<Claim>, others) -> (granted: [LockRequestID], told: [Claim]) in
            let granted = table.promote(others: &others)
            guard notifiesContention, !table.grants.isEmpty, others.isAnythingWanted() else { return (granted, []) }
            let now = volume.environment.time.now()
            var asked = others
            return (granted, table.holdersToTell(now: now, pause: contentionPause) { asked.isWanted($0) })
        }
        guard case .success((let granted, let told)) = result else { return [] }
        events += told.map { $0.contention(key.gfid, domain: key.domain) }
        return endWaits(granted, in: &stripe)
    }
}

extension LocksTranslator: LockContention {
    public func isWanted(_ gfid: Gfid, domain: String, range: LockRange) -> Bool {
        let key = LockTableKey(gfid: gfid, kind: InodelkClaim.kind, domain: InodelkDomain.stored(domain, range))
        let claim = InodelkClaim(range: range, mode: .write)
        let result = stripe(gfid).state.withLock { stripe -> Result<Bool, FopError> in
            if stripe.isStopped { return .success(false) }
            return withTable(key, in: &stripe) { (table, others) in table.isWanted(claim) || others.isWanted(claim) }
        }
        // Who cannot find out had better make way.
        return (try? result.get()) ?? true
    }
}
