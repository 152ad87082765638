import Synchronization
import TranslatorCore

/// A clock that stands still until a test moves it: same calls, same run. Sleepers wake in the order of their
/// deadlines.
///
/// A sleeper that wakes runs when the executor gets to it, and reads the time that `advance` ended at: move in steps
/// where the time between matters.
public final class ManualClock: TimeSource {
    private struct Sleeper {
        let number: UInt64
        let deadline: MonotonicTime
        let continuation: CheckedContinuation<Bool, Never>
    }
    private struct State {
        var now: MonotonicTime
        var wall: Timestamp
        var sleepers: [Sleeper] = []
        var cancelled: Set<UInt64> = []
    }
    private let state: Mutex<State>

    /// Starts at `now` nanoseconds, and at `wallClock` for people (by default 2023-11-14 22:13:20 UTC).
    public init(now: Int64 = 1_000_000_000, wallClock: Timestamp = Timestamp(seconds: 1_700_000_000, nanoseconds: 0)) {
        state = Mutex(State(now: MonotonicTime(nanoseconds: now), wall: wallClock))
    }

    public func now() -> MonotonicTime { state.withLock { $0.now } }
    public func wallClock() -> Timestamp { state.withLock { $0.wall } }

    /// How many tasks sleep now.
    public var sleeperCount: Int { state.withLock { $0.sleepers.count } }
    /// When the first of them wakes; nil when nobody sleeps.
    public var nextDeadline: MonotonicTime? { state.withLock { $0.sleepers.map(\.deadline).min() } }

    /// Moves the time on and wakes everybody whose deadline was reached.
    public func advance(by duration: Duration) {
        precondition(duration >= .zero, "a monotonic clock never goes back")
        let woken = state.withLock { state in
            state.now = state.now + duration
            state.wall = state.wall.adding(duration)
            let due = state.sleepers.filter { $0.deadline <= state.now }
            state.sleepers.removeAll { $0.deadline <= state.now }
            return due.sorted { ($0.deadline, $0.number) < ($1.deadline, $1.number) }
        }
        woken.forEach { $0.continuation.resume(returning: true) }
    }

    /// Moves the time to the first sleeper's deadline. False when nobody sleeps.
    @discardableResult public func advanceToNextDeadline() -> Bool {
        guard let next = nextDeadline else { return false }
        advance(by: max(.zero, next - now()))
        return true
    }

    /// Steps the wall clock alone, as an operator or NTP would.
    public func setWallClock(_ time: Timestamp) { state.withLock { $0.wall = time } }

    public func sleep(until deadline: MonotonicTime) async throws(CancellationError) {
        let number = UniqueNumber.next()
        let slept = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if state.cancelled.remove(number) != nil { return false }
                    if deadline <= state.now { return true }
                    state.sleepers.append(Sleeper(number: number, deadline: deadline, continuation: continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            cancel(number)
        }
        state.withLock { _ = $0.cancelled.remove(number) }
        guard slept, !Task.isCancelled else { throw CancellationError() }
    }

    private func cancel(_ number: UInt64) {
        let sleeper = state.withLock { state -> Sleeper? in
            guard let position = state.sleepers.firstIndex(where: { $0.number == number }) else {
                // Cancelled before it could fall asleep.
                state.cancelled.insert(number)
                return nil
            }
            return state.sleepers.remove(at: position)
        }
        sleeper?.continuation.resume(returning: false)
    }
}

extension Timestamp {
    fileprivate func adding(_ duration: Duration) -> Timestamp {
        let total = Int64(nanoseconds) + duration.wholeNanoseconds
        return Timestamp(seconds: seconds + total / 1_000_000_000, nanoseconds: UInt32(total % 1_000_000_000))
    }
}
