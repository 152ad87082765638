import TranslatorCore

/// On which replicas' roots this mount has said that its target may hold more (`AheadMark`), and who relies on that.
/// Decides, never acts.
///
/// A mark stands with a lock on the same root that lives as long as the mount's connection: whoever is granted it knows
/// that the mount is gone.
struct AheadState {
    enum Step: Equatable {
        /// All that can be reached know; an epoch may be opened, and `left` is owed when it is, or is not.
        case announced
        /// Tell those that do not know, then `ended`.
        case announce
        /// Somebody tells or takes back just now: ask again when woken.
        case wait
    }

    /// By replica: the lock there, where the mark is set too.
    private(set) var locks: [HeldLock?]
    private(set) var isWorking = false
    /// Epochs that are being opened now.
    private(set) var openings = 0
    private var waiters: [CheckedContinuation<Void, Never>] = []

    init(replicaCount: Int) { locks = Array(repeating: nil, count: replicaCount) }

    var isAnnounced: Bool { locks.contains { $0 != nil } }

    mutating func enter(up: [Bool]) -> Step {
        if isWorking { return .wait }
        guard up.indices.contains(where: { up[$0] && locks[$0] == nil }) else {
            openings += 1
            return .announced
        }
        isWorking = true
        return .announce
    }

    mutating func left() { openings -= 1 }

    /// False when it ended meanwhile.
    mutating func waits(_ waiter: CheckedContinuation<Void, Never>) -> Bool {
        if isWorking { waiters.append(waiter) }
        return isWorking
    }

    mutating func announced(_ lock: HeldLock) { locks[lock.replica] = lock }

    /// Its lock is gone, and whether its mark still stands nobody knows.
    mutating func lost(_ replica: Int) { locks[replica] = nil }

    /// Whether marks may be taken back now: no epoch is being opened, everybody can be told.
    mutating func beginWithdrawal(up: [Bool]) -> Bool {
        guard !isWorking, openings == 0, isAnnounced, !up.contains(false) else { return false }
        isWorking = true
        return true
    }

    /// Whom to wake. `isWithdrawn`: the locks are gone, and the marks too as far as they came off.
    mutating func ended(isWithdrawn: Bool = false) -> [CheckedContinuation<Void, Never>] {
        isWorking = false
        if isWithdrawn { locks = locks.map { _ in nil } }
        defer { waiters = [] }
        return waiters
    }
}
