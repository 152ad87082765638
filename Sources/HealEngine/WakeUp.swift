import Synchronization
import TranslatorCore

/// One task waits until it is signalled or a time has come; a signal that nobody waits for is kept, once.
final class WakeUp: Sendable {
    private struct State {
        var isSignalled = false
        var waiting: CheckedContinuation<Void, Never>?
    }
    private let state = Mutex(State())

    func signal() {
        let waiting = state.withLock { state in
            guard let waiting = state.waiting else {
                state.isSignalled = true
                return CheckedContinuation<Void, Never>?.none
            }
            state.waiting = nil
            return waiting
        }
        waiting?.resume()
    }

    /// Returns at the signal, at `deadline`, or when the task is cancelled.
    func wait(until deadline: MonotonicTime?, _ time: any TimeSource) async {
        guard let deadline else {
            await waitForSignal()
            return
        }
        await withDiscardingTaskGroup { group in
            group.addTask { [self] in
                do { try await time.sleep(until: deadline) } catch { return }
                signal()
            }
            await waitForSignal()
            group.cancelAll()
        }
    }

    private func waitForSignal() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    if state.isSignalled || Task.isCancelled {
                        state.isSignalled = false
                        return true
                    }
                    precondition(state.waiting == nil, "one task waits")
                    state.waiting = continuation
                    return false
                }
                if goesOn { continuation.resume() }
            }
        } onCancel: {
            signal()
        }
    }
}
