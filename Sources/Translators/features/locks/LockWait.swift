import Synchronization
import TranslatorCore

/// One request's wait: a suspended task, no thread. Ends exactly once, granted (nil) or with an error; whoever ends it
/// first decides, and that is whoever took it out of the table.
final class LockWait: Sendable {
    private enum State {
        case pending
        case suspended(UnsafeContinuation<FopError?, Never>)
        case ended(FopError?)
    }
    private let state = Mutex(State.pending)

    func end(_ outcome: FopError?) {
        let continuation = state.withLock { state -> UnsafeContinuation<FopError?, Never>? in
            defer { state = .ended(outcome) }
            switch state {
            case .pending: return nil
            case .suspended(let continuation): return continuation
            case .ended: preconditionFailure("a lock wait ends once")
            }
        }
        continuation?.resume(returning: outcome)
    }

    /// Suspends until `end`. `onCancel` is called when the task is cancelled, on any thread; it may end the wait.
    func outcome(onCancel: @escaping @Sendable () -> Void) async -> FopError? {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let ended: FopError?? = state.withLock { state in
                    if case .ended(let outcome) = state { return .some(outcome) }
                    state = .suspended(continuation)
                    return nil
                }
                if let ended { continuation.resume(returning: ended) }
            }
        } onCancel: {
            onCancel()
        }
    }
}
