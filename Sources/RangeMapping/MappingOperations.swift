/// What a range is mapped for. There is one operations table for each, converted one at a time (DESIGN §5).
/// Source: Linux `iomap.h`, IOMAP_WRITE, IOMAP_DIRECT, IOMAP_DAX, IOMAP_REPORT.
public enum MappingAccess: Sendable { case read, bufferedWrite, directWrite, daxWrite, xattr, seek }

/// The operations table of one kind of access: a `begin` and an `end` around every stretch that is worked on.
/// Source: Linux `struct iomap_ops`.
public protocol MappingOperations: Sendable {
    associatedtype Failure: Error
    var access: MappingAccess { get }

    /// The mapping at `range.start`, reserved or allocated where the access needs that. It begins at or before
    /// `range.start`, reaches behind it, and may end before or behind `range.end`.
    func begin(_ range: ByteRange) async throws(Failure) -> Mapping

    /// The work on `range` of `mapping` ended after `processed` bytes: 0 when it failed. Gives back what was not used.
    func end(_ range: ByteRange, processed: UInt64, mapping: Mapping) async throws(Failure)
}

extension MappingOperations {
    public func end(_ range: ByteRange, processed: UInt64, mapping: Mapping) async throws(Failure) {}

    /// Walks `range` mapping by mapping: `begin`, then `work` on what lies in the range, then `end`, which is called
    /// when `work` throws too. `work` answers how many bytes it did; fewer than given end the walk. Returns all that
    /// were done. Source: Linux `iomap_iter`.
    @discardableResult
    public func walk(
        _ range: ByteRange, _ work: (Mapping) async throws(Failure) -> UInt64
    ) async throws(Failure) -> UInt64 {
        var at = range.start
        while at < range.end {
            let left = ByteRange(start: at, end: range.end)
            let mapping = try await begin(left)
            precondition(mapping.offset <= at && mapping.end > at, "begin maps the start of what was asked")
            let piece = mapping.clipped(to: left)!
            let done: UInt64
            do throws(Failure) {
                done = try await work(piece)
            } catch {
                try await end(piece.range, processed: 0, mapping: mapping)
                throw error
            }
            precondition(done <= piece.length, "work does no more than it was given")
            try await end(piece.range, processed: done, mapping: mapping)
            at += done
            if done < piece.length { break }
        }
        return at - range.start
    }

    /// The mappings of `range`, clipped to it; neighbours of one kind are made one.
    public func mappings(in range: ByteRange) async throws(Failure) -> [Mapping] {
        var found: [Mapping] = []
        try await walk(range) { piece throws(Failure) in
            if let last = found.last, last.kind == piece.kind,
                last.flags.subtracting(.last) == piece.flags.subtracting(.last)
            {
                found[found.count - 1] = Mapping(
                    offset: last.offset, length: last.length + piece.length, kind: piece.kind, flags: piece.flags)
            } else {
                found.append(piece)
            }
            return piece.length
        }
        return found
    }
}
