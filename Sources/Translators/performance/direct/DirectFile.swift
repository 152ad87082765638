import Synchronization
import TranslatorCore

/// Hung on a file that is open on both sides.
final class DirectFd: Sendable {
    /// The directory that it was opened in.
    let visit: UInt64
    let inode: DirectInode
    init(visit: UInt64, inode: DirectInode) { (self.visit, self.inode) = (visit, inode) }
}

/// What `performance/direct` hangs on an inode.
final class DirectInode: Sendable {
    struct Late {
        /// Of the last write that the brick's process may not know of.
        var time = Timestamp.zero
        /// Whether nothing was written since the process was told, or is being told.
        var isTold = true
        /// Whether the process did not find the file any more.
        var isNameless = false
        /// The last of those that are telling it.
        var telling: Task<Void, Never>?
        var tellings = 0
    }
    let late = Mutex(Late())
}

/// Inodes whose times the brick's process does not know yet; some of them it may have been told meanwhile.
final class LateInodes: Sendable {
    private let inodes = Mutex<[ObjectIdentifier: Inode]>([:])
    func add(_ inode: Inode) { inodes.withLock { $0[ObjectIdentifier(inode)] = inode } }
    func take() -> [Inode] {
        inodes.withLock { inodes in
            defer { inodes = [:] }
            return Array(inodes.values)
        }
    }
}

/// Since the start.
final class DirectCounters: Sendable {
    let openedDirect = Atomic<UInt64>(0), openedByWire = Atomic<UInt64>(0)
    let timesTold = Atomic<UInt64>(0)
}
