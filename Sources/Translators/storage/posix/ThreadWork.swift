import Synchronization
import TranslatorCore

/// Work that may block for long in system calls, on a thread of its own, awaited by a task: the health check of a disk
/// that hangs, the deletion of a big tree. The first of the work's end, the deadline and the task's cancellation
/// counts.
enum ThreadWork {
    enum Outcome<Value: Sendable>: Sendable {
        case done(Value)
        case timedOut
        case cancelled
    }

    /// `work` asks its argument now and then whether it should give up. `timeout` zero: none.
    static func run<Value: Sendable>(
        name: String, timeout: Duration = .zero, on time: any TimeSource,
        _ work: @escaping @Sendable (_ isGivenUp: @escaping @Sendable () -> Bool) -> Value
    ) async -> Outcome<Value> {
        let ending = Ending<Value>()
        let alarm: Task<Void, Never>? =
            timeout == .zero
            ? nil
            : Task {
                do { try await time.sleep(for: timeout) } catch { return }
                ending.end(.timedOut)
            }
        defer { alarm?.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                ending.wait(continuation)
                WorkerThread.start(name: name) { ending.end(.done(work { ending.hasEnded })) }
            }
        } onCancel: {
            ending.end(.cancelled)
        }
    }

    private final class Ending<Value: Sendable>: Sendable {
        private struct State {
            var outcome: Outcome<Value>?
            var continuation: CheckedContinuation<Outcome<Value>, Never>?
        }
        private let state = Mutex(State())

        var hasEnded: Bool { state.withLock { $0.outcome != nil } }

        func wait(_ continuation: CheckedContinuation<Outcome<Value>, Never>) {
            let outcome = state.withLock { state in
                if state.outcome == nil { state.continuation = continuation }
                return state.outcome
            }
            if let outcome { continuation.resume(returning: outcome) }
        }

        /// Only the first end counts.
        func end(_ outcome: Outcome<Value>) {
            let waiting: CheckedContinuation<Outcome<Value>, Never>? = state.withLock { state in
                guard state.outcome == nil else { return nil }
                state.outcome = outcome
                defer { state.continuation = nil }
                return state.continuation
            }
            waiting?.resume(returning: outcome)
        }
    }
}
