import TranslatorCore

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
    mutating func set(_ lock: PosixLock, owner: LockOwner, fd: ObjectIdentifier, id: LockRequestID, canWait: Bool)
        -> Answer
    {
        if conflict(with: lock, owner: owner) != nil {
            guard canWait else { return .refused }
            waiters.append(Waiter(id: id, owner: owner, lock: lock, fd: fd))
            return .waiting
        }
        replace(lock, owner: owner, fd: fd)
        return .granted
    }

    mutating func cancel(_ id: LockRequestID) -> Bool {
        guard let position = waiters.firstIndex(where: { $0.id == id }) else { return false }
        waiters.remove(at: position)
        return true
    }

    /// Grants what can be granted now, oldest first.
    mutating func promote() -> [LockRequestID] {
        var granted: [LockRequestID] = []
        var still: [Waiter] = []
        for waiter in waiters {
            if conflict(with: waiter.lock, owner: waiter.owner) != nil {
                still.append(waiter)
            } else {
                replace(waiter.lock, owner: waiter.owner, fd: waiter.fd)
                granted.append(waiter.id)
            }
        }
        waiters = still
        return granted
    }

    /// Drops all locks of an owner; false when it had none. `promote` comes next.
    mutating func drop(of owner: LockOwner) -> Bool { drop { $0.owner == owner } }
    /// Drops what was taken by an open file that is released.
    mutating func drop(takenBy fd: ObjectIdentifier) -> Bool { drop { $0.fd == fd } }

    private mutating func drop(_ goes: (Held) -> Bool) -> Bool {
        let before = held.count
        held.removeAll(where: goes)
        return held.count != before
    }

    private mutating func replace(_ lock: PosixLock, owner: LockOwner, fd: ObjectIdentifier) {
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
        held = next.sorted { ($0.start, $0.end) < ($1.start, $1.end) }
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
