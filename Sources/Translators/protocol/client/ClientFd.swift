import Synchronization
import TranslatorCore
import WireProtocol

/// What `protocol/client` hangs on an open file or directory: its number on the brick, and what opens it again.
final class ClientFd: Sendable {
    private struct State {
        var number: Int64
        /// Of the connection that the number belongs to.
        var generation: UInt64
        /// Who may have POSIX locks through it.
        var owners: Set<LockOwner> = []
    }
    let inode: Inode
    let flags: OpenFlags
    private let state: Mutex<State>

    init(_ fd: Fd, number: Int64, generation: UInt64) {
        (inode, flags) = (fd.inode, fd.flags)
        state = Mutex(State(number: number, generation: generation))
    }

    /// Nil when it is not open on that connection.
    func number(on generation: UInt64) -> Int64? {
        state.withLock { $0.generation == generation ? $0.number : nil }
    }

    /// False when it is open there already, or on a later connection: that number stays.
    func reopened(as number: Int64, on generation: UInt64) -> Bool {
        state.withLock { state in
            guard state.generation < generation else { return false }
            (state.number, state.generation) = (number, generation)
            return true
        }
    }

    /// POSIX locks were taken through it; they are not taken again on another connection.
    var hasLocks: Bool { state.withLock { !$0.owners.isEmpty } }
    func hasLocks(of owner: LockOwner) -> Bool { state.withLock { $0.owners.contains(owner) } }

    /// The brick granted this, or took it back.
    func changed(_ lock: PosixLock, of owner: LockOwner) {
        if lock.kind != .unlock {
            state.withLock { _ = $0.owners.insert(owner) }
        } else if lock.range == .whole {
            letGo(owner)
        }
    }
    /// All locks of this owner are gone.
    func letGo(_ owner: LockOwner) { state.withLock { _ = $0.owners.remove(owner) } }
}
