import Synchronization
import TranslatorCore

/// Somebody waits for an answer that may be long in coming, and may go away meanwhile.
///
/// States: new → waiting → ended, by the answer or by the waiter's cancellation, whichever is first; whoever comes
/// second hears that. Source: `LockCommand.acquire`, which a cancelled task leaves with EINTR.
final class AbandonableWait<Reply: Sendable>: Sendable {
    private enum State: Sendable {
        case new
        case waiting(CheckedContinuation<Result<Reply, FopError>, Never>)
        /// The answer came before anybody waited.
        case answered(Result<Reply, FopError>)
        case ended
    }
    private let state = Mutex(State.new)

    /// The answer; EINTR once the task is cancelled. To be called once.
    func value() async throws(FopError) -> Reply {
        let result: Result<Reply, FopError> = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let early = state.withLock { state -> Result<Reply, FopError>? in
                    switch state {
                    case .answered(let result):
                        state = .ended
                        return result
                    case .new:
                        state = .waiting(waiter)
                        return nil
                    case .ended: return .failure(.interrupted)
                    case .waiting: preconditionFailure("two wait for one answer")
                    }
                }
                if let early { waiter.resume(returning: early) }
            }
        } onCancel: {
            let waiter = state.withLock { state -> CheckedContinuation<Result<Reply, FopError>, Never>? in
                switch state {
                case .waiting(let waiter):
                    state = .ended
                    return waiter
                case .new: state = .ended
                case .answered, .ended: break
                }
                return nil
            }
            waiter?.resume(returning: .failure(.interrupted))
        }
        return try result.get()
    }

    /// The answer. False: nobody waits any more, and what was granted is to be given back.
    func answer(_ result: Result<Reply, FopError>) -> Bool {
        let (waiter, isTaken) = state.withLock {
            state -> (CheckedContinuation<Result<Reply, FopError>, Never>?, Bool) in
            switch state {
            case .waiting(let waiter):
                state = .ended
                return (waiter, true)
            case .new:
                state = .answered(result)
                return (nil, true)
            case .answered, .ended: return (nil, false)
            }
        }
        waiter?.resume(returning: result)
        return isTaken
    }
}
