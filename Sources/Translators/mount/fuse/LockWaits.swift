import Synchronization

/// Lock requests that wait, by the number by which an INTERRUPT names them.
///
/// An interrupt may be read by another worker before the one that read the request has said so here; such early ones
/// are remembered, the last `earlyMax` of them (most belong to requests that are not interruptible and mean nothing).
/// Only waits for fcntl(2) and flock(2) locks end early: interrupting a write in the middle of a transaction would show
/// programs an EINTR that no local file system gives them.
final class LockWaits: Sendable {
    private static let earlyMax = 256

    private enum Wait {
        case starting(isInterrupted: Bool)
        case waiting(Task<Void, Never>)
    }
    private struct State {
        var waits: [UInt64: Wait] = [:]
        var early: [UInt64] = []
    }
    private let state = Mutex(State())

    /// Before the request's task is made.
    func begin(_ unique: UInt64) {
        state.withLock { state in
            let position = state.early.firstIndex(of: unique)
            if let position { state.early.remove(at: position) }
            state.waits[unique] = .starting(isInterrupted: position != nil)
        }
    }

    /// After its task has run up to its end or its first suspension.
    func waits(_ unique: UInt64, _ task: Task<Void, Never>) {
        let isInterrupted = state.withLock { state in
            guard case .starting(let isInterrupted) = state.waits[unique] else { return false }
            state.waits[unique] = .waiting(task)
            return isInterrupted
        }
        if isInterrupted { task.cancel() }
    }

    /// Before the request is answered.
    func end(_ unique: UInt64) { state.withLock { $0.waits[unique] = nil } }

    func interrupt(_ unique: UInt64) {
        let task: Task<Void, Never>? = state.withLock { state in
            switch state.waits[unique] {
            case .waiting(let task): return task
            case .starting: state.waits[unique] = .starting(isInterrupted: true)
            case nil:
                if state.early.count == Self.earlyMax { state.early.removeFirst() }
                state.early.append(unique)
            }
            return nil
        }
        task?.cancel()
    }

    func interruptAll() { for unique in state.withLock({ Array($0.waits.keys) }) { interrupt(unique) } }
    var count: Int { state.withLock { $0.waits.count } }
}
