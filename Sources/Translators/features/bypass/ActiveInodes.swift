import Synchronization
import TranslatorCore

/// Inodes that hold a lease or locks, or have a task at work: found by gfid when somebody wants their lock, and all of
/// them when a replica goes.
final class ActiveInodes: Sendable {
    private struct State {
        var inodes: [Gfid: Inode] = [:]
        var files: [Gfid: BypassInode] = [:]
        var waitingForNone: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    subscript(gfid: Gfid) -> BypassInode? { state.withLock { $0.files[gfid] } }
    var all: [BypassInode] { state.withLock { Array($0.files.values) } }
    var count: Int { state.withLock { $0.files.count } }

    func add(_ file: BypassInode) {
        state.withLock {
            $0.inodes[file.gfid] = file.inode
            $0.files[file.gfid] = file
        }
    }

    /// Drops it unless it has become active again.
    func removeIfIdle(_ file: BypassInode) {
        // The inode's last reference may be this one: it dies after the mutex is free.
        let (inode, waiting) = state.withLock { state -> (Inode?, [CheckedContinuation<Void, Never>]) in
            guard !file.guarded.withLock({ $0.state.isActive }) else { return (nil, []) }
            let inode = state.inodes.removeValue(forKey: file.gfid)
            state.files[file.gfid] = nil
            guard state.files.isEmpty else { return (inode, []) }
            defer { state.waitingForNone = [] }
            return (inode, state.waitingForNone)
        }
        waiting.forEach { $0.resume() }
        withExtendedLifetime(inode) {}
    }

    func becomeEmpty() async {
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLock { state in
                if !state.files.isEmpty { state.waitingForNone.append(continuation) }
                return state.files.isEmpty
            }
            if isEmpty { continuation.resume() }
        }
    }
}
