import TranslatorCore

/// What other processes have to say about the POSIX locks of one inode. Called under the lock that guards the table, so
/// it must not wait.
protocol PosixLocksElsewhere {
    /// This process's locks shall be `new` instead of `old`; they differ within `range` at most. False, and nothing
    /// changed, when another process is in the way; never false where the new ones hold nothing more.
    mutating func change(from old: [PosixLockTable.Held], to new: [PosixLockTable.Held], in range: LockRange) -> Bool
    /// Whether any request here waits, so that others know.
    mutating func waiting(_ isWaiting: Bool)
}

/// There are none.
struct NoPosixLocksElsewhere: PosixLocksElsewhere {
    func change(from old: [PosixLockTable.Held], to new: [PosixLockTable.Held], in range: LockRange) -> Bool { true }
    func waiting(_ isWaiting: Bool) {}
}

/// The POSIX locks of one inode. One owner's locks never conflict with each other: a new one replaces what it covers of
/// the old ones, and neighbours of one kind merge. Decides, never acts. Source: fcntl(2), "Advisory record locking".
struct PosixLockTable: Sendable {
    struct Held: Equatable, Sendable {
        var owner: LockOwner
        var isWrite: Bool
        /// `start ..< end`; `end` is `UInt64.max` where the lock has no end.
        var start: UInt64, end: UInt64
        var pid: Int32
        /// The open file by which it was taken: its release drops the lock.
        var fd: ObjectIdentifier

        var range: LockRange { LockRange(start: start, length: end == .max ? 0 : end - start) }
    }
    struct Waiter: Sendable {
        let id: LockRequestID
        let owner: LockOwner
        let lock: PosixLock
        let fd: ObjectIdentifier
    }
    enum Answer: Equatable { case granted, refused, waiting }

    /// Sorted by start; those of one owner do not overlap, and neighbours of one kind have merged.
    private(set) var held: [Held] = []
    private(set) var waiters: [Waiter] = []

    var isEmpty: Bool { held.isEmpty && waiters.isEmpty }
    var count: Int { held.count + waiters.count }

    /// The first lock in the way of `lock`.
    func conflict(with lock: PosixLock, owner: LockOwner) -> Held? {
        guard lock.kind != .unlock else { return nil }
        return held.first {
            $0.owner != owner && ($0.isWrite || lock.kind == .write) && $0.start < lock.range.end
                && lock.range.start < $0.end
        }
    }

    /// Everybody in the way of `lock`.
    func blockers(of lock: PosixLock, owner: LockOwner) -> Set<LockOwner> {
        var found: Set<LockOwner> = []
        for other in held
        where other.owner != owner && (other.isWrite || lock.kind == .write) && other.start < lock.range.end
            && lock.range.start < other.end
        { found.insert(other.owner) }
        return found
    }

    /// Sets or clears `lock`. After an unlock or a change to a weaker kind `promote` comes next.
    mutating func set(
        _ lock: PosixLock, owner: LockOwner, fd: ObjectIdentifier, id: LockRequestID, canWait: Bool,
        elsewhere: inout some PosixLocksElsewhere
    ) -> Answer {
        if admit(lock, owner: owner, fd: fd, &elsewhere) { return .granted }
        guard canWait else { return .refused }
        elsewhere.waiting(true)
        // What was in the way elsewhere may have gone before our wait could be seen there: ask once more.
        if admit(lock, owner: owner, fd: fd, &elsewhere) {
            elsewhere.waiting(!waiters.isEmpty)
            return .granted
        }
        waiters.append(Waiter(id: id, owner: owner, lock: lock, fd: fd))
        return .waiting
    }

    mutating func cancel(_ id: LockRequestID, elsewhere: inout some PosixLocksElsewhere) -> Bool {
        guard let position = waiters.firstIndex(where: { $0.id == id }) else { return false }
        waiters.remove(at: position)
        elsewhere.waiting(!waiters.isEmpty)
        return true
    }

    /// Grants what can be granted now, oldest first.
    mutating func promote(elsewhere: inout some PosixLocksElsewhere) -> [LockRequestID] {
        guard !waiters.isEmpty else { return [] }
        var granted: [LockRequestID] = []
        var still: [Waiter] = []
        for waiter in waiters {
            if admit(waiter.lock, owner: waiter.owner, fd: waiter.fd, &elsewhere) {
                granted.append(waiter.id)
            } else {
                still.append(waiter)
            }
        }
        waiters = still
        elsewhere.waiting(!waiters.isEmpty)
        return granted
    }

    /// Drops all locks of an owner; false when it had none. `promote` comes next.
    mutating func drop(of owner: LockOwner, elsewhere: inout some PosixLocksElsewhere) -> Bool {
        drop(&elsewhere) { $0.owner == owner }
    }
    /// Drops what was taken by an open file that is released.
    mutating func drop(takenBy fd: ObjectIdentifier, elsewhere: inout some PosixLocksElsewhere) -> Bool {
        drop(&elsewhere) { $0.fd == fd }
    }

    private mutating func drop(_ elsewhere: inout some PosixLocksElsewhere, _ goes: (Held) -> Bool) -> Bool {
        let left = held.filter { !goes($0) }
        guard left.count != held.count else { return false }
        _ = elsewhere.change(from: held, to: left, in: .whole)
        held = left
        return true
    }

    private mutating func admit(
        _ lock: PosixLock, owner: LockOwner, fd: ObjectIdentifier, _ elsewhere: inout some PosixLocksElsewhere
    ) -> Bool {
        guard conflict(with: lock, owner: owner) == nil else { return false }
        let next = replacing(lock, owner: owner, fd: fd)
        guard elsewhere.change(from: held, to: next, in: lock.range) else { return false }
        held = next
        return true
    }

    private func replacing(_ lock: PosixLock, owner: LockOwner, fd: ObjectIdentifier) -> [Held] {
        var (start, end) = (lock.range.start, lock.range.end)
        let isWrite = lock.kind == .write
        var next: [Held] = []
        next.reserveCapacity(held.count + 2)
        for other in held {
            guard other.owner == owner else {
                next.append(other)
                continue
            }
            if lock.kind != .unlock, other.isWrite == isWrite, other.start <= end, start <= other.end {
                // Touches or overlaps and is of the same kind: one lock from now on.
                (start, end) = (min(start, other.start), max(end, other.end))
                continue
            }
            guard other.start < end, start < other.end else {
                next.append(other)
                continue
            }
            if other.start < start {
                var front = other
                front.end = start
                next.append(front)
            }
            if other.end > end {
                var back = other
                back.start = end
                next.append(back)
            }
        }
        if lock.kind != .unlock {
            next.append(Held(owner: owner, isWrite: isWrite, start: start, end: end, pid: lock.pid, fd: fd))
        }
        return next.sorted { ($0.start, $0.end) < ($1.start, $1.end) }
    }
}

/// Who waits for whom among the owners of POSIX locks, across inodes: finds the wait that would close a circle.
struct WaitGraph: Sendable {
    private var waits: [LockRequestID: (owner: LockOwner, blockers: Set<LockOwner>)] = [:]

    /// False, and nothing changed, when one of `blockers` waits for `owner`, directly or by others: EDEADLK.
    mutating func wait(_ id: LockRequestID, of owner: LockOwner, for blockers: Set<LockOwner>) -> Bool {
        var open = Array(blockers)
        var seen = blockers
        while let next = open.popLast() {
            if next == owner { return false }
            for (_, wait) in waits where wait.owner == next {
                for blocker in wait.blockers where seen.insert(blocker).inserted { open.append(blocker) }
            }
        }
        waits[id] = (owner, blockers)
        return true
    }

    /// Others are in the way now.
    mutating func update(_ id: LockRequestID, blockers: Set<LockOwner>) { waits[id]?.blockers = blockers }
    mutating func end(_ id: LockRequestID) { waits[id] = nil }
}
