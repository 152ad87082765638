import Synchronization
import TranslatorCore

/// The inodes whose data lock this client holds now, so that notices find them and their locks can be let go when idle.
/// Keeps them alive until then.
final class OpenLeases: Sendable {
    struct Lease: Sendable {
        let inode: Inode
        let context: ReplicaInode
    }
    private struct State {
        var open: [Gfid: Lease] = [:]
        var reaper: Task<Void, Never>?
        var isStopped = false
    }
    private let state = Mutex(State())

    var all: [Lease] { state.withLock { Array($0.open.values) } }
    subscript(gfid: Gfid) -> Lease? { state.withLock { $0.open[gfid] } }
    /// `reap` runs in a task of its own from the first open lease on, until it finds none.
    func opened(_ lease: Lease, on executor: any TaskExecutor, reap: @escaping @Sendable () async -> Void) {
        state.withLock { state in
            state.open[lease.inode.gfid] = lease
            guard state.reaper == nil, !state.isStopped else { return }
            state.reaper = Task(executorPreference: executor) { await reap() }
        }
    }

    func closed(_ inode: Inode) { state.withLock { $0.open[inode.gfid] = nil } }

    /// Asked by the reaper: false when there is nothing left to wait for; then it ends, and the next lease starts
    /// another.
    func goesOn() -> Bool {
        state.withLock { state in
            if !state.open.isEmpty && !state.isStopped { return true }
            state.reaper = nil
            return false
        }
    }

    func stop() async {
        let reaper = state.withLock { state in
            state.isStopped = true
            return state.reaper
        }
        reaper?.cancel()
        await reaper?.value
    }
}
