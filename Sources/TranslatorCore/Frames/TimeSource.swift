import CPosix
import Glibc

/// Nanoseconds on a clock that never goes back; its zero means nothing.
public struct MonotonicTime: Hashable, Sendable, Comparable {
    public let nanoseconds: Int64
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static func < (a: MonotonicTime, b: MonotonicTime) -> Bool { a.nanoseconds < b.nanoseconds }
    public static func + (a: MonotonicTime, b: Duration) -> MonotonicTime {
        MonotonicTime(nanoseconds: a.nanoseconds + b.wholeNanoseconds)
    }
    public static func - (a: MonotonicTime, b: MonotonicTime) -> Duration {
        .nanoseconds(a.nanoseconds - b.nanoseconds)
    }
}

extension Duration {
    /// Saturates: options allow durations that do not fit 64 bits of nanoseconds.
    public var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min / 2 : .max / 2 }
        return product + attoseconds / 1_000_000_000
    }
    public var inSeconds: Double { Double(wholeNanoseconds) / 1e9 }
}

/// The one clock a graph, an engine or a test is given. Tests and the simulator hand in a manual one.
public protocol TimeSource: Sendable {
    func now() -> MonotonicTime
    func wallClock() -> Timestamp
    /// Returns at `deadline` or, by throwing, when the task is cancelled.
    func sleep(until deadline: MonotonicTime) async throws(CancellationError)
}

extension TimeSource {
    public func sleep(for duration: Duration) async throws(CancellationError) {
        try await sleep(until: now() + duration)
    }
}

/// CLOCK_MONOTONIC, CLOCK_REALTIME and the runtime's timers.
public struct SystemTimeSource: TimeSource {
    public init() {}

    public func now() -> MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    public func wallClock() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(seconds: Int64(time.tv_sec), nanoseconds: UInt32(time.tv_nsec))
    }

    public func sleep(until deadline: MonotonicTime) async throws(CancellationError) {
        let left = deadline - now()
        if left > .zero {
            do { try await Task.sleep(for: left) } catch { throw CancellationError() }
        }
        if Task.isCancelled { throw CancellationError() }
    }
}
