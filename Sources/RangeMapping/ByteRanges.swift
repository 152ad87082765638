/// Bytes `start ..< end` of a file; never empty.
public struct ByteRange: Hashable, Sendable, CustomStringConvertible {
    public let start: UInt64, end: UInt64

    public init(start: UInt64, end: UInt64) {
        precondition(start < end, "a byte range is not empty")
        (self.start, self.end) = (start, end)
    }

    /// From `offset` on for `bytes`; nil when there are none. Ends at the top of UInt64 at the latest.
    public init?(offset: UInt64, bytes: UInt64) {
        let (end, overflow) = offset.addingReportingOverflow(bytes)
        guard bytes > 0 else { return nil }
        self.init(start: offset, end: overflow ? .max : end)
    }

    public var count: UInt64 { end - start }
    public var description: String { "\(start)..<\(end)" }

    /// What both have; nil when that is nothing.
    public func intersection(_ other: ByteRange) -> ByteRange? {
        let (low, high) = (max(start, other.start), min(end, other.end))
        return low < high ? ByteRange(start: low, end: high) : nil
    }

    /// The smallest range of whole `grain`s that holds this one. `grain` is a power of two.
    public func expanded(toMultiplesOf grain: UInt64) -> ByteRange {
        precondition(grain.nonzeroBitCount == 1, "a grain is a power of two")
        let (high, overflow) = end.addingReportingOverflow(grain - 1)
        return ByteRange(start: start & ~(grain - 1), end: overflow ? .max : high & ~(grain - 1))
    }

    /// The same bytes in ranges that do not cross a multiple of `grain`, a power of two; ascending.
    public func split(atMultiplesOf grain: UInt64) -> some Sequence<ByteRange> {
        precondition(grain.nonzeroBitCount == 1, "a grain is a power of two")
        return sequence(state: start) { [end] at -> ByteRange? in
            guard at < end else { return nil }
            let last = at | (grain - 1)
            let next = last < end ? last + 1 : end
            defer { at = next }
            return ByteRange(start: at, end: next)
        }
    }
}

/// An exact set of bytes of a file, as sorted ranges that neither overlap nor touch. What the records of an epoch say
/// was written, and what a heal copies: write records are exact to the byte.
public struct ByteRanges: Equatable, Sendable {
    /// Ascending; between two neighbours at least one byte is not in the set.
    public private(set) var ranges: [ByteRange] = []

    public init() {}

    /// The union of `unsorted`, in any order, overlapping or not.
    public init(_ unsorted: some Sequence<ByteRange>) {
        for range in unsorted.sorted(by: { $0.start < $1.start }) {
            guard let last = ranges.last, range.start <= last.end else {
                ranges.append(range)
                continue
            }
            if range.end > last.end { ranges[ranges.count - 1] = ByteRange(start: last.start, end: range.end) }
        }
    }

    public init(_ range: ByteRange) { ranges = [range] }

    public var isEmpty: Bool { ranges.isEmpty }
    /// One past the highest byte; 0 when empty.
    public var end: UInt64 { ranges.last?.end ?? 0 }
    /// Bytes in the set; saturates.
    public var byteCount: UInt64 {
        ranges.reduce(0) { total, range in
            let (sum, overflow) = total.addingReportingOverflow(range.count)
            return overflow ? .max : sum
        }
    }

    /// The position of the first range that ends behind `offset`.
    func position(endingBehind offset: UInt64) -> Int {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].end > offset { high = middle } else { low = middle + 1 }
        }
        return low
    }

    public mutating func insert(_ range: ByteRange) {
        guard let last = ranges.last, range.start <= last.end else {
            ranges.append(range)
            return
        }
        // The first one that touches it, so an end equal to its start counts.
        let first = range.start == 0 ? 0 : position(endingBehind: range.start - 1)
        var (low, high, next) = (range.start, range.end, first)
        while next < ranges.count, ranges[next].start <= range.end {
            (low, high) = (min(low, ranges[next].start), max(high, ranges[next].end))
            next += 1
        }
        ranges.replaceSubrange(first..<next, with: [ByteRange(start: low, end: high)])
    }

    public mutating func formUnion(_ other: ByteRanges) {
        if ranges.isEmpty { ranges = other.ranges } else { self = ByteRanges(ranges + other.ranges) }
    }

    public func contains(_ offset: UInt64) -> Bool {
        let found = position(endingBehind: offset)
        return found < ranges.count && ranges[found].start <= offset
    }

    public func intersects(_ range: ByteRange) -> Bool {
        let found = position(endingBehind: range.start)
        return found < ranges.count && ranges[found].start < range.end
    }

    /// The part of the set that lies in `range`.
    public func intersection(_ range: ByteRange) -> ByteRanges {
        var result = ByteRanges()
        var next = position(endingBehind: range.start)
        while next < ranges.count, let part = ranges[next].intersection(range) {
            result.ranges.append(part)
            next += 1
        }
        return result
    }

    /// The first stretch of the set at or behind `offset`; nil when there is none.
    public func first(atOrBehind offset: UInt64) -> ByteRange? {
        let found = position(endingBehind: offset)
        guard found < ranges.count else { return nil }
        return ByteRange(start: max(offset, ranges[found].start), end: ranges[found].end)
    }
}
