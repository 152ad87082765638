import TranslatorCore

/// Names one request for a lock in this process, from when it is asked until it is granted, refused or taken back.
typealias LockRequestID = UInt64

/// What other processes have to say about the locks of one (gfid, domain). Called under the lock that guards the table,
/// so it must not wait.
protocol OtherProcesses<Claim> {
    associatedtype Claim: LockClaim
    /// Takes `claim` if no other process is in the way, which includes those that have waited longer unless `isNested`.
    /// `id` is that of a request which was announced by `waits`; nil: a new one.
    mutating func take(_ claim: Claim, waiting id: LockRequestID?, isNested: Bool) -> Bool
    /// `claim` was taken and is not held any more.
    mutating func giveBack(_ claim: Claim)
    /// A request waits; others shall see it and not overtake it. A nested one does not stand in line itself.
    mutating func waits(_ id: LockRequestID, for claim: Claim, isNested: Bool)
    /// It waits no longer, whatever the reason. Called after `take` where it was granted.
    mutating func waitsNoMore(_ id: LockRequestID, for claim: Claim)
}

/// There are none.
struct NoOtherProcesses<Claim: LockClaim>: OtherProcesses {
    func take(_ claim: Claim, waiting id: LockRequestID?, isNested: Bool) -> Bool { true }
    func giveBack(_ claim: Claim) {}
    func waits(_ id: LockRequestID, for claim: Claim, isNested: Bool) {}
    func waitsNoMore(_ id: LockRequestID, for claim: Claim) {}
}

/// The locks of one inode in one domain: who holds, who waits. Decides, never acts: no clock, no `await`; the kernel's
/// word comes in as `OtherProcesses`. Source: gluster-wire.md §9.
///
/// A request goes: asked → granted → released; asked → waiting → granted, or taken back; asked → refused.
/// - A claim conflicts with those of other owners only. Grants of one owner stack: each needs a release of its own.
/// - A request that conflicts with one already waiting waits behind it, even where it could be granted, unless its
///   owner holds or waits for something here (it is *nested*): whoever holds a lock gets what it needs to finish.
struct LockTable<Claim: LockClaim>: Sendable {
    struct Grant: Sendable {
        let owner: LockOwner
        let claim: Claim
        /// When the holder was last told that somebody waits.
        var noticed: MonotonicTime?
    }
    struct Waiter: Sendable {
        let id: LockRequestID
        let owner: LockOwner
        let claim: Claim
    }
    enum Answer: Equatable { case granted, refused, waiting }

    /// In the order in which they were granted, and asked for.
    private(set) var grants: [Grant] = []
    private(set) var waiters: [Waiter] = []

    var isEmpty: Bool { grants.isEmpty && waiters.isEmpty }
    /// What `glusterfs.inodelk-count` counts.
    var count: Int { grants.count + waiters.count }

    /// Asks for `claim`. `.waiting` only if `canWait`; then `id` comes out of `promote` once it is granted.
    mutating func request(
        _ claim: Claim, owner: LockOwner, id: LockRequestID, canWait: Bool, others: inout some OtherProcesses<Claim>
    ) -> Answer {
        let isNested = grants.contains { $0.owner == owner } || waiters.contains { $0.owner == owner }
        let isFree =
            !isHeld(against: claim, by: owner)
            && (isNested || !waiters.contains { $0.claim.conflicts(with: claim) })
        if isFree, others.take(claim, waiting: nil, isNested: isNested) {
            grants.append(Grant(owner: owner, claim: claim, noticed: nil))
            return .granted
        }
        guard canWait else { return .refused }
        waiters.append(Waiter(id: id, owner: owner, claim: claim))
        others.waits(id, for: claim, isNested: isNested)
        // What was in the way elsewhere may have gone before our wait could be seen there: ask once more.
        if isFree, others.take(claim, waiting: id, isNested: isNested) {
            waiters.removeLast()
            grants.append(Grant(owner: owner, claim: claim, noticed: nil))
            others.waitsNoMore(id, for: claim)
            return .granted
        }
        return .waiting
    }

    /// Takes off the newest grant of `owner` that `claim` names; false when there is none. `promote` comes next.
    mutating func release(_ claim: Claim, owner: LockOwner, others: inout some OtherProcesses<Claim>) -> Bool {
        guard let position = grants.lastIndex(where: { $0.owner == owner && claim.releases($0.claim) }) else {
            return false
        }
        others.giveBack(grants.remove(at: position).claim)
        return true
    }

    /// Takes a waiting request back; false when it waits no more. `promote` comes next.
    mutating func cancel(_ id: LockRequestID, others: inout some OtherProcesses<Claim>) -> Bool {
        guard let position = waiters.firstIndex(where: { $0.id == id }) else { return false }
        let waiter = waiters.remove(at: position)
        others.waitsNoMore(id, for: waiter.claim)
        return true
    }

    /// Grants what can be granted now, in the order in which it was asked for, and names it.
    mutating func promote(others: inout some OtherProcesses<Claim>) -> [LockRequestID] {
        guard !waiters.isEmpty else { return [] }
        var granted: [LockRequestID] = []
        var still: [Waiter] = []
        for waiter in waiters {
            let isNested =
                grants.contains { $0.owner == waiter.owner } || still.contains { $0.owner == waiter.owner }
            if !isHeld(against: waiter.claim, by: waiter.owner),
                isNested || !still.contains(where: { $0.claim.conflicts(with: waiter.claim) }),
                others.take(waiter.claim, waiting: waiter.id, isNested: isNested)
            {
                grants.append(Grant(owner: waiter.owner, claim: waiter.claim, noticed: nil))
                granted.append(waiter.id)
                others.waitsNoMore(waiter.id, for: waiter.claim)
            } else {
                still.append(waiter)
            }
        }
        waiters = still
        return granted
    }

    /// The grants in the way of `claim` whose holders are to be told: at once, then every `pause` at most.
    mutating func holdersToTell(
        about claim: Claim, of owner: LockOwner, now: MonotonicTime, pause: Duration
    ) -> [Claim] {
        tell(now: now, pause: pause) { $0.owner != owner && $0.claim.conflicts(with: claim) }
    }

    /// The same for grants that somebody in another process waits for; `isWanted` says which.
    mutating func holdersToTell(
        now: MonotonicTime, pause: Duration, where isWanted: (Claim) -> Bool
    ) -> [Claim] {
        tell(now: now, pause: pause) { isWanted($0.claim) }
    }

    private mutating func tell(now: MonotonicTime, pause: Duration, which: (Grant) -> Bool) -> [Claim] {
        var told: [Claim] = []
        for position in grants.indices {
            if let last = grants[position].noticed, now - last < pause { continue }
            guard which(grants[position]) else { continue }
            grants[position].noticed = now
            told.append(grants[position].claim)
        }
        return told
    }

    /// Whether somebody waits here for what conflicts with `claim`.
    func isWanted(_ claim: Claim) -> Bool { waiters.contains { $0.claim.conflicts(with: claim) } }

    private func isHeld(against claim: Claim, by owner: LockOwner) -> Bool {
        grants.contains { $0.owner != owner && $0.claim.conflicts(with: claim) }
    }
}
