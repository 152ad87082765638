import RangeMapping
import TranslatorCore

/// What is data, what is a hole, and what is allocated and was never written, in one open file of a local replica.
///
/// SEEK has the first word: what it calls data is data, whatever FIEMAP says of extents under pages that are still in
/// memory. Only of what reads as zeros is FIEMAP asked whether there is room for it on the disk.
struct AllocationMapping: MappingOperations {
    let access = MappingAccess.seek
    let seek: SeekMapping
    let brick: any AllocationSource

    /// Nil for a replica that is not a directory of this machine.
    init?(_ seek: SeekMapping) {
        guard let brick = seek.replica.localBrick as? any AllocationSource else { return nil }
        (self.seek, self.brick) = (seek, brick)
    }

    func begin(_ range: ByteRange) async throws(FopError) -> Mapping {
        let found = try await seek.begin(range)
        guard found.kind.readsAsZeros, let zeros = found.range.intersection(range) else { return found }
        guard
            let extent = try brick.extents(of: seek.fd, in: zeros, writesBack: false).first(where: {
                $0.end > zeros.start
            }),
            extent.offset < zeros.end
        else { return Mapping(offset: zeros.start, length: zeros.count, kind: .hole) }
        guard extent.offset <= zeros.start else {
            return Mapping(offset: zeros.start, length: extent.offset - zeros.start, kind: .hole)
        }
        // Written since SEEK looked: neither zeros to reserve nor a hole to make.
        let kind = extent.kind == .unwritten ? extent.kind : .mapped
        return Mapping(offset: zeros.start, length: min(extent.end, zeros.end) - zeros.start, kind: kind)
    }

    /// Where `range` is a hole, and reads as zeros.
    func holes(in range: ByteRange) async throws(FopError) -> ByteRanges {
        ByteRanges(try await mappings(in: range).filter { $0.kind == .hole }.map(\.range))
    }

    /// Where `range` is allocated and the file system counts it as never written: it may be data in memory, unless the
    /// file is written out first.
    func unwritten(in range: ByteRange, writesBack: Bool = false) throws(FopError) -> ByteRanges {
        ByteRanges(try extents(in: range, writesBack: writesBack).filter { $0.kind == .unwritten }.map(\.range))
            .intersection(range)
    }

    /// What is allocated from `offset` on, behind the end of the file.
    func allocated(from offset: UInt64) throws(FopError) -> ByteRanges {
        let behind = ByteRange(start: offset, end: Self.end)
        return ByteRanges(try extents(in: behind).map(\.range)).intersection(behind)
    }

    private func extents(in range: ByteRange, writesBack: Bool = false) throws(FopError) -> [Mapping] {
        var found: [Mapping] = []
        var at = range.start
        while at < range.end {
            let extents = try brick.extents(
                of: seek.fd, in: ByteRange(start: at, end: range.end), writesBack: writesBack)
            found += extents
            guard extents.count == AllocationLimits.extentsMax, let last = extents.last else { break }
            at = last.end
        }
        return found
    }

    private static let end = UInt64(Int64.max)
}
