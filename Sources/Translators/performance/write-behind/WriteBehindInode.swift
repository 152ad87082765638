import Synchronization
import TranslatorCore

/// What `performance/write-behind` hangs on an inode.
final class WriteBehindInode: Sendable {
    typealias Pending = PendingWrites<CheckedContinuation<WriteBehindAnswer, Never>>
    let gfid: Gfid
    let pending: Mutex<Pending>
    /// Somebody of this mount took a POSIX lock, which a flush lets go of.
    let hadLocks = Atomic<Bool>(false)

    init(gfid: Gfid, limits: Pending.Limits) {
        self.gfid = gfid
        pending = Mutex(Pending(limits: limits))
    }
}

/// The inodes that have something pending.
final class DirtyInodes: Sendable {
    private let inodes = Mutex<[ObjectIdentifier: WriteBehindInode]>([:])
    var all: [WriteBehindInode] { inodes.withLock { Array($0.values) } }
    func add(_ inode: WriteBehindInode) { inodes.withLock { $0[ObjectIdentifier(inode)] = inode } }
    func remove(_ inode: WriteBehindInode) { inodes.withLock { $0[ObjectIdentifier(inode)] = nil } }
}

/// Since the start.
final class WriteBehindCounters: Sendable {
    let taken = Atomic<UInt64>(0), writtenThrough = Atomic<UInt64>(0), waitedForRoom = Atomic<UInt64>(0)
    /// Writes that went down for those that were taken: fewer where neighbours were joined.
    let sent = Atomic<UInt64>(0), failed = Atomic<UInt64>(0)
    /// Failures that nobody could be told of before the file was closed.
    let untold = Atomic<UInt64>(0)
    let flushedBehind = Atomic<UInt64>(0)
}
