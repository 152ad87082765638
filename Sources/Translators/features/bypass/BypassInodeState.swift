import ReplicaState
import TranslatorCore

/// What one inode of this mount is doing with its lease and its epochs, and what it does next. Decides, never acts: no
/// I/O, no clock, no `await`. `BypassInode` holds it under a mutex; `BypassTranslator` does what an `Outcome` says.
///
///     closed ──first write──► opening ──refused──► closed (data fops detour for a while)
///                                │ opened
///                                ▼
///                               open ◄──► rolling (a task asks for the next mark; writes go on)
///                                │ idle, last close, contention, limit, lock lost, failed roll
///                                ▼
///       closed ◄── releasing ◄── draining (no data fop is admitted; those in flight land)
struct BypassInodeState: Hashable {
    enum Phase: Hashable, Sendable { case closed, opening, open, draining, releasing }

    /// How a data fop shares the inode with others: writes of known ranges run side by side; what depends on the size
    /// (append, truncate) runs alone.
    enum Access: Hashable, Sendable { case shared, exclusive }

    enum Admission: Hashable {
        /// Write to the target, in this epoch; `leave` when it has landed.
        case target(generation: Int32)
        case replicate(Detour)
        /// Ask again when woken.
        case wait
    }

    /// What a task has to do now: one at a time for an inode.
    enum Work: Hashable, Sendable {
        /// Take the lease if it is not held, open an epoch: `opened` or `refused`.
        case open
        /// Ask for the mark of the next epoch: `rolled` or `rollFailed`.
        case roll
        /// Give back epoch lock and epoch mark, and the lease too if asked: `released`.
        case release(lease: Bool)
    }

    /// What follows from a decision, in the order in which it is to be done.
    struct Outcome: Hashable {
        /// To be published, before anything else.
        var closed: [ClosedEpoch] = []
        var work: Work?
        /// Call `tick` at this time, or earlier.
        var deadline: MonotonicTime?
        /// Whoever waits asks again.
        var wakes = false
        /// The epoch that was open gets no successor, for counters.
        var drains: CloseReason?

        var isNothing: Bool { closed.isEmpty && work == nil && deadline == nil && !wakes && drains == nil }
    }

    struct Timing: Hashable, Sendable {
        /// `epoch-duration`, `epoch-idle`.
        var duration: Duration, idle: Duration
    }

    struct ActiveDetour: Hashable {
        let reason: Detour
        let until: MonotonicTime
        /// Data fops wait for its end instead of taking it.
        var blocks: Bool
    }

    struct PlannedClose: Hashable {
        let reason: CloseReason
        let until: MonotonicTime
    }

    var phase = Phase.closed
    /// The epoch that new writes belong to: in `open` and `draining`.
    var current: Epoch?
    /// The one before it, while writes of it are in flight.
    var previous: Epoch?
    var isRolling = false
    var holdsLease = false
    /// Open files of this mount.
    var opens = 0
    /// Size of the target's copy while an epoch is open: nobody else changes it then. Nil when a failed fop left it
    /// open.
    var size: UInt64?
    /// Epochs not yet healed, of the sink that is furthest behind, as the last xattrop said.
    var missing: Int32 = 0

    let timing: Timing
    var detour: ActiveDetour?
    var rollIsWanted = false
    /// In `draining` and `releasing`: the lease goes too. `leaseIsStale`: it goes right after that.
    var losesLease = false, leaseIsStale = false
    var closeAfterOpening: PlannedClose?
    var lostTargetWhileOpening = false
    var isExclusive = false
    var lastTicket: UInt64 = 0
    var exclusiveTickets: [UInt64] = []
    var lastUse = MonotonicTime(nanoseconds: 0)
    var wakeAt: MonotonicTime?

    init(timing: Timing) { self.timing = timing }

    var inFlight: Int { (current?.inFlight ?? 0) + (previous?.inFlight ?? 0) }
    /// Whether locks, lease or a task are left that somebody has to look after.
    var isActive: Bool { phase != .closed || holdsLease }
    /// Whether the target alone has the newest data of an epoch that is open.
    var hasEpoch: Bool { current != nil }
    func isClosed(_ generation: Int32) -> Bool {
        current?.generation != generation && previous?.generation != generation
    }
    var detourReason: Detour? { detour?.reason }
    /// Whether `over-limit block` makes data fops wait.
    var isHeldBack: Bool { phase == .closed && detour?.blocks == true }
}
