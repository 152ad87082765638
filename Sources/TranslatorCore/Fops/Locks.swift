/// Shared or exclusive.
public enum LockMode: UInt32, Sendable { case read = 0, write = 1 }

/// `acquire` waits until granted (the task's cancellation ends the wait with EINTR), `tryAcquire` answers EAGAIN.
public enum LockCommand: Sendable { case tryAcquire, acquire, release }

/// Bytes `start ..< start + length`; length 0 means to infinity. Both below 2^63.
public struct LockRange: Hashable, Sendable {
    public let start: UInt64, length: UInt64
    public init(start: UInt64, length: UInt64) { (self.start, self.length) = (start, length) }

    public static let whole = LockRange(start: 0, length: 0)
    /// AFR's metadata lock; a brick redirects it to the domain `DOMAIN:metadata` (gluster-wire.md §9).
    public static let metadata = LockRange(start: 1 << 63 - 2, length: 0)

    /// One past the last byte; saturates at the top of UInt64, which stands for infinity.
    public var end: UInt64 { length == 0 ? .max : start + length }
    public func overlaps(_ other: LockRange) -> Bool { start < other.end && other.start < end }
}

/// Byte-range advisory locks per (inode, domain), owned by `frame.lockOwner`. They stack: each grant needs its own
/// release with the same range (gluster-wire.md §9).
public struct InodelkRequest: Sendable {
    public let target: FopTarget
    public let domain: String
    public let command: LockCommand
    public let mode: LockMode
    public let range: LockRange
    public var xdata: Xdata
    public init(
        _ target: FopTarget, domain: String, command: LockCommand, mode: LockMode = .write, range: LockRange,
        xdata: Xdata = [:]
    ) {
        (self.target, self.domain, self.command) = (target, domain, command)
        (self.mode, self.range, self.xdata) = (mode, range, xdata)
    }
}

/// Locks on a name in a directory, or on the whole directory (`name` nil), per domain. Read locks conflict with each
/// other too, as on GlusterFS's bricks.
public struct EntrylkRequest: Sendable {
    public let target: FopTarget
    public let domain: String
    public let name: EntryName?
    public let command: LockCommand
    public let mode: LockMode
    public var xdata: Xdata
    public init(
        _ target: FopTarget, domain: String, name: EntryName?, command: LockCommand, mode: LockMode = .write,
        xdata: Xdata = [:]
    ) {
        (self.target, self.domain, self.name) = (target, domain, name)
        (self.command, self.mode, self.xdata) = (command, mode, xdata)
    }
}

/// A lock of fcntl(2) or flock(2), as applications take them.
public struct PosixLock: Equatable, Sendable {
    /// What is asked for; raw values are those of GlusterFS's wire.
    public enum Kind: UInt32, Sendable { case read = 0, write = 1, unlock = 2 }
    public var kind: Kind
    public var range: LockRange
    /// The process that holds it, for F_GETLK.
    public var pid: Int32
    public init(kind: Kind, range: LockRange, pid: Int32) { (self.kind, self.range, self.pid) = (kind, range, pid) }
}

/// POSIX locks, owned by `frame.lockOwner`: same-owner locks merge and split as fcntl(2) says.
public struct LkRequest: Sendable {
    /// F_GETLK, F_SETLK, F_SETLKW of fcntl(2).
    public enum Command: Sendable { case get, set, setWait }
    public let fd: Fd
    public let command: Command
    public let lock: PosixLock
    public var xdata: Xdata
    public init(fd: Fd, command: Command, lock: PosixLock, xdata: Xdata = [:]) {
        (self.fd, self.command, self.lock, self.xdata) = (fd, command, lock, xdata)
    }
}

/// For `get` the lock in the way, or the asked one with kind `unlock`; else the asked one.
public struct LkReply: Sendable {
    public var lock: PosixLock
    public init(lock: PosixLock) { self.lock = lock }
}
