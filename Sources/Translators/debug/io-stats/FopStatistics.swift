import Synchronization
import TranslatorCore

/// Counts of one fop, by any number of threads at once without a lock. A reader may see a call counted and its latency
/// not yet.
final class FopStatistics: Sendable {
    /// Bucket n: from 2^n up to 2^(n+1), the last one without an end; bucket 0 has 0 too.
    static let bucketCount = 40

    private let calls = Atomic<UInt64>(0), failures = Atomic<UInt64>(0)
    private let bytes = Atomic<UInt64>(0)
    private let timed = Atomic<UInt64>(0), nanoseconds = Atomic<UInt64>(0), longest = Atomic<UInt64>(0)
    private let latencies = InlineArray<40, Atomic<UInt64>> { _ in Atomic(0) }
    private let sizes = InlineArray<40, Atomic<UInt64>> { _ in Atomic(0) }

    init() {}

    func ended(bytes moved: Int, failed: Bool) {
        calls.wrappingAdd(1, ordering: .relaxed)
        if failed { failures.wrappingAdd(1, ordering: .relaxed) }
        guard moved > 0 else { return }
        bytes.wrappingAdd(UInt64(moved), ordering: .relaxed)
        sizes[Self.bucket(UInt64(moved))].wrappingAdd(1, ordering: .relaxed)
    }

    func took(_ duration: Duration) {
        let spent = UInt64(max(0, duration.wholeNanoseconds))
        timed.wrappingAdd(1, ordering: .relaxed)
        nanoseconds.wrappingAdd(spent, ordering: .relaxed)
        longest.max(spent, ordering: .relaxed)
        latencies[Self.bucket(spent)].wrappingAdd(1, ordering: .relaxed)
    }

    static func bucket(_ value: UInt64) -> Int { min(bucketCount - 1, max(0, 63 - value.leadingZeroBitCount)) }

    var callCount: Int { Int(calls.load(ordering: .relaxed)) }

    /// What was counted; nil when the fop was never called.
    func dump() -> StateDump.Value? {
        let calls = callCount
        guard calls > 0 else { return nil }
        var entries: [(String, StateDump.Value)] = [
            ("calls", .integer(Int64(calls))), ("failures", .integer(Int64(failures.load(ordering: .relaxed)))),
        ]
        let moved = bytes.load(ordering: .relaxed)
        if moved > 0 {
            entries += [("bytes", .integer(Int64(moved))), ("sizes-bytes", Self.histogram(sizes))]
        }
        let timed = timed.load(ordering: .relaxed)
        if timed > 0 {
            entries += [
                ("latency-average-ns", .integer(Int64(nanoseconds.load(ordering: .relaxed) / timed))),
                ("latency-p50-ns", .integer(Int64(Self.quantile(0.5, latencies)))),
                ("latency-p99-ns", .integer(Int64(Self.quantile(0.99, latencies)))),
                ("latency-max-ns", .integer(Int64(longest.load(ordering: .relaxed)))),
                ("latencies-ns", Self.histogram(latencies)),
            ]
        }
        return .table(entries)
    }

    /// Counts by lower bound, empty buckets left out.
    private static func histogram(_ buckets: borrowing InlineArray<40, Atomic<UInt64>>) -> StateDump.Value {
        var rows: [(String, StateDump.Value)] = []
        for position in 0..<bucketCount {
            let count = buckets[position].load(ordering: .relaxed)
            if count > 0 { rows.append(("\(position == 0 ? 0 : 1 << position)", .integer(Int64(count)))) }
        }
        return .table(rows)
    }

    /// An upper bound: the end of the bucket in which the quantile lies.
    private static func quantile(_ share: Double, _ buckets: borrowing InlineArray<40, Atomic<UInt64>>) -> UInt64 {
        var total: UInt64 = 0
        for position in 0..<bucketCount { total += buckets[position].load(ordering: .relaxed) }
        var seen: UInt64 = 0
        for position in 0..<bucketCount {
            seen += buckets[position].load(ordering: .relaxed)
            if seen > 0, Double(seen) >= Double(total) * share { return 1 << UInt64(position + 1) }
        }
        return 0
    }
}
