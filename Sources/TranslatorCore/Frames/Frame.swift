import CPosix
import Glibc

/// Who holds a lock: 8 bytes, never zero. On the wire the big-endian bytes (gluster-wire.md §3). The full owner of a
/// lock is the pair (connection, owner).
public struct LockOwner: Hashable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) {
        precondition(rawValue != 0, "a lock owner is not zero")
        self.rawValue = rawValue
    }

    /// A fresh owner, not used before by this process.
    public static func unique() -> LockOwner { LockOwner(rawValue: UniqueNumber.next()) }
}

/// Who asked: the credentials of the calling process.
public struct Caller: Hashable, Sendable {
    /// Negative pids are internal clients: −6 is a self-heal daemon (gluster-wire.md §3).
    public var pid: Int32
    public var uid: UInt32, gid: UInt32
    public var groups: [UInt32]

    public init(pid: Int32, uid: UInt32, gid: UInt32, groups: [UInt32] = []) {
        (self.pid, self.uid, self.gid, self.groups) = (pid, uid, gid, groups)
    }

    public static let selfHeal = Caller(pid: -6, uid: 0, gid: 0)
    public static let root = Caller(pid: 0, uid: 0, gid: 0)
    /// A client's work on its own account: nobody's removal of a file waits for its INODELKs (gluster-wire.md §9), and
    /// of the negative pids this alone is served like a user's request. Source: GlusterFS `glusterfs.h`,
    /// GF_CLIENT_PID_NO_ROOT_SQUASH; `io-threads.c`.
    public static let onOwnAccount = Caller(pid: -4, uid: 0, gid: 0)
}

/// What one request carries beside its arguments, from the mount down to the bricks and back. Immutable; a translator
/// that needs another lock owner derives a frame.
public final class Frame: Sendable {
    public let caller: Caller
    public let lockOwner: LockOwner
    /// The one time that all replicas record for this request ("consistent time"); zero for healers.
    public let time: Timestamp
    /// Whether opening and reading set the access time on bricks that keep consistent times; without it they never do.
    public let recordsAccess: Bool
    /// Names the request in traces and in `InterruptibleWaits`: on a mount the kernel's own number, which is even
    /// (Linux `FUSE_REQ_ID_STEP`); for what nobody asked from outside an odd one.
    public let unique: UInt64

    public init(
        caller: Caller, lockOwner: LockOwner = .unique(), time: Timestamp = .zero, recordsAccess: Bool = false,
        unique: UInt64 = UniqueNumber.next() << 1 | 1
    ) {
        (self.caller, self.lockOwner, self.time, self.unique) = (caller, lockOwner, time, unique)
        self.recordsAccess = recordsAccess
    }

    public func with(lockOwner: LockOwner) -> Frame {
        Frame(caller: caller, lockOwner: lockOwner, time: time, recordsAccess: recordsAccess, unique: unique)
    }
    public func recordingAccess() -> Frame {
        Frame(caller: caller, lockOwner: lockOwner, time: time, recordsAccess: true, unique: unique)
    }
}
