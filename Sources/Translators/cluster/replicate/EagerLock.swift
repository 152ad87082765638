import TranslatorCore

/// Who of this client may work on one inode's data, and when the lock on all replicas is taken, marked and let go.
/// Decides, never acts: no I/O, no clock, no `await`.
///
///     free → taking → held ⇄ marking
///       ↑               ↓
///       └── closing ←───┘
///
/// One lock on the replicas serves all changes of this client, one after the other and side by side; those that overlap
/// take turns in the order they came, so that every replica sees them in one order. `Waiter` resumes who waits.
struct EagerLock<Waiter> {
    enum Phase: Equatable { case free, taking, held, marking, closing }
    /// What one that enters does first.
    enum Grant: Equatable {
        /// Nothing: the lock is held, and marked if need be.
        case go
        /// Take the lock on the replicas and mark them if need be, then `taken` or `failedToTake`.
        case take
        /// Mark the replicas, then `marked`.
        case mark
    }
    struct Turn: Equatable {
        let number: UInt64
        let range: LockRange
        /// Changes data, so that the replicas must be marked first. Readers that need a stable file do not.
        let marks: Bool
    }
    /// Whom to resume, and with what: the owner does so after it let go of the mutex.
    struct Wakes {
        var granted: [(waiter: Waiter, grant: Grant)] = []
        var closed: [Waiter] = []
    }

    private(set) var phase = Phase.free
    private(set) var isMarked = false
    /// Somebody waits for the lock to be let go: nobody enters any more.
    private(set) var isWanted = false
    private(set) var active: [Turn] = []
    private var waiting: [(turn: Turn, waiter: Waiter)] = []
    private var awaitingClose: [Waiter] = []

    var waitingCount: Int { waiting.count }
    var isIdle: Bool { phase == .held && active.isEmpty }

    /// Nil: it has to wait, with `wait`.
    mutating func enter(_ turn: Turn) -> Grant? {
        guard let grant = grant(turn, behind: waiting.map(\.turn)) else { return nil }
        begin(turn, grant)
        return grant
    }

    mutating func wait(_ turn: Turn, _ waiter: Waiter) { waiting.append((turn, waiter)) }

    /// `turn` waits no more; answers its waiter, or nil when it was granted first. Who waited behind it may go now.
    mutating func cancel(_ turn: Turn) -> (waiter: Waiter, wakes: Wakes)? {
        guard let position = waiting.firstIndex(where: { $0.turn.number == turn.number }) else { return nil }
        let waiter = waiting.remove(at: position).waiter
        return (waiter, admit())
    }

    private func grant(_ turn: Turn, behind earlier: [Turn]) -> Grant? {
        switch phase {
        case .free: return earlier.isEmpty ? .take : nil
        case .taking, .marking, .closing: return nil
        case .held:
            if isWanted || active.contains(where: { $0.range.overlaps(turn.range) }) { return nil }
            if earlier.contains(where: { $0.range.overlaps(turn.range) }) { return nil }
            return turn.marks && !isMarked ? .mark : .go
        }
    }

    private mutating func begin(_ turn: Turn, _ grant: Grant) {
        active.append(turn)
        switch grant {
        case .go: break
        case .take: phase = .taking
        case .mark: phase = .marking
        }
    }

    /// The replicas are locked, and marked if `isMarked`: others may enter.
    mutating func taken(isMarked: Bool) -> Wakes {
        precondition(phase == .taking)
        phase = .held
        self.isMarked = isMarked
        return admit()
    }

    /// They are not locked; `turn` has left.
    mutating func failedToTake(_ turn: Turn) -> Wakes {
        precondition(phase == .taking)
        active.removeAll { $0.number == turn.number }
        return freed()
    }

    mutating func marked() -> Wakes {
        precondition(phase == .marking)
        phase = .held
        isMarked = true
        return admit()
    }

    /// The replicas could not be marked, or it is not known whether they are: nobody may write under this lock any
    /// more. `turn` is still to leave.
    mutating func failedToMark() {
        precondition(phase == .marking)
        phase = .held
        isMarked = true
        isWanted = true
    }

    /// `turn` is done. True: the caller closes, then calls `closed`.
    mutating func leave(_ turn: Turn, keeps: Bool) -> (mustClose: Bool, wakes: Wakes) {
        precondition(phase == .held)
        active.removeAll { $0.number == turn.number }
        if active.isEmpty && (isWanted || (!keeps && waiting.isEmpty)) {
            phase = .closing
            return (true, Wakes())
        }
        return (false, admit())
    }

    /// Whoever is in finishes, nobody else enters, then the lock is let go. True: nobody was in; the caller closes.
    mutating func want() -> Bool {
        switch phase {
        case .free, .closing: return false
        case .taking, .marking: isWanted = true
        case .held:
            isWanted = true
            if active.isEmpty {
                phase = .closing
                return true
            }
        }
        return false
    }

    /// Resumes `waiter` once the lock is let go. False: it is free already.
    mutating func waitForClose(_ waiter: Waiter) -> Bool {
        if phase == .free { return false }
        awaitingClose.append(waiter)
        return true
    }

    /// Nothing is locked any more.
    mutating func closed() -> Wakes {
        precondition(phase == .closing)
        precondition(active.isEmpty)
        return freed()
    }

    private mutating func freed() -> Wakes {
        (phase, isMarked, isWanted) = (.free, false, false)
        defer { awaitingClose = [] }
        var wakes = admit()
        wakes.closed = awaitingClose
        return wakes
    }

    private mutating func admit() -> Wakes {
        var wakes = Wakes()
        var passedOver: [(turn: Turn, waiter: Waiter)] = []
        for next in waiting {
            if let grant = grant(next.turn, behind: passedOver.map(\.turn)) {
                begin(next.turn, grant)
                wakes.granted.append((next.waiter, grant))
            } else {
                passedOver.append(next)
            }
        }
        waiting = passedOver
        return wakes
    }
}
