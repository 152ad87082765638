import CAllocationCount
import CPosix
import Glibc

/// How many heap allocations a piece of work makes on the calling thread: "at most N per write" as a test.
public enum AllocationCount {
    /// False under a sanitizer, which owns malloc: for `.enabled(if:)`.
    public static var isCounting: Bool { callocationcount_is_counting() != 0 }

    /// Allocations of `body`, run `times` times, divided by `times`. Traps when `body` changes the thread: what runs
    /// elsewhere is not seen. Let it run once before, so that lazy things are there.
    public static func average(
        times: Int = 1000, _ body: () async throws -> Void
    ) async rethrows -> Double {
        precondition(times > 0)
        try await body()
        let thread = gettid()
        let before = callocationcount_allocations()
        for _ in 0..<times { try await body() }
        let after = callocationcount_allocations()
        precondition(gettid() == thread, "the work went to another thread: its allocations there are not counted")
        return Double(after - before) / Double(times)
    }
}
