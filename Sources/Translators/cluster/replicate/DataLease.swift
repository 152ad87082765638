import ReplicaState
import TranslatorCore

/// What this client holds on the replicas while it changes one inode's data: who is locked, marked, and still good.
struct DataLease: Sendable {
    struct Replica: Sendable {
        /// Holds the lock, under this number of losses of its connection; nil: it was not there, or refused.
        var lockedAt: UInt64?
        /// Its dirty count was raised.
        var isMarked = false
        /// Did all that was asked of it so far.
        var isGood = false
        /// Unaccused when it was marked: its size is the file's.
        var isUnaccused = true
        /// The good ones have already counted what it misses.
        var isBlamed = false
    }
    var replicas: [Replica]
    /// Where to send locks and marks: the file as the first change had it open, or the inode.
    let fd: ReplicaFd?
    /// The one replica that has everything, where it is known.
    var relied: Int?
    /// Some change has succeeded, so that who is not good misses something.
    var hasChanged = false
    /// The file's size, once somebody needed it; kept true by every change under the lock.
    var size: UInt64?

    /// `held`: where the lock is, under these numbers of losses.
    init(held: [Bool], _ losses: [UInt64], _ fd: ReplicaFd?) {
        self.fd = fd
        replicas = zip(held, losses).map { $0 ? Replica(lockedAt: $1, isGood: true) : Replica() }
    }

    /// Locked still, and good.
    func taking(_ losses: [UInt64]) -> [Bool] {
        replicas.indices.map { replicas[$0].isGood && replicas[$0].lockedAt == losses[$0] }
    }
    func locked(_ losses: [UInt64]) -> [Bool] { replicas.indices.map { replicas[$0].lockedAt == losses[$0] } }

    /// Those that took part are `succeeded`, all others missed it.
    mutating func failed(allBut succeeded: [Bool]) {
        for replica in replicas.indices where !succeeded[replica] { replicas[replica].isGood = false }
    }

    /// Which copies are whole: nobody accuses them, and where one is relied on it is that one.
    var isWhole: [Bool] { replicas.indices.map { replicas[$0].isUnaccused && (relied ?? $0) == $0 } }

    /// Whether one that has everything is among those that may speak. A stale copy that took a change which every good
    /// one missed must not blame them: each would accuse the other, and the file would be in split-brain. Everybody
    /// stays dirty then, and a heal copies from the good ones. GlusterFS: "in-flight split-brain", `afr-transaction.c`.
    func hasGood(_ losses: [UInt64]) -> Bool { hasGood(among: taking(losses)) }
    func hasGood(among some: [Bool]) -> Bool { zip(some, isWhole).contains { $0 && $1 } }

    /// Whom the good ones must still blame.
    func toBlame(_ losses: [UInt64]) -> [Bool] {
        zip(taking(losses), replicas).map { isTaking, replica in !isTaking && !replica.isBlamed }
    }

    func owesMarks(_ losses: [UInt64]) -> Bool { hasChanged && toBlame(losses).contains(true) }

    mutating func note(_ effect: SizeEffect) {
        guard let known = size else { return }
        switch effect {
        case .none: break
        case .atLeast(let end): size = max(known, end)
        case .exactly(let now): size = now
        case .unknown: size = nil
        }
    }
}

/// What a change that succeeded did to the file's size.
enum SizeEffect: Sendable {
    case none, unknown
    case atLeast(UInt64), exactly(UInt64)
}
