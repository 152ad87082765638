/// Which 4 KiB blocks of a file are dirty: a bitmap of 32 blocks below each 128 KiB page that is dirty in part, and
/// runs of pages that are dirty in whole. At once the dirty state, the write record and the heal range of writes that
/// are known by block, not by byte (DESIGN §3.5, §5). Memory: one entry for each page dirty in part, one for each run.
public struct DirtyBlocks: Equatable, Sendable {
    public static let blockBytes: UInt64 = 4096
    public static let pageBytes: UInt64 = 128 * 1024
    static let blocksPerPage = pageBytes / blockBytes

    /// By page number; never 0, never all ones.
    private var partial: [UInt64: UInt32] = [:]
    /// In page numbers, not bytes.
    private var whole = ByteRanges()

    public init() {}

    public var isEmpty: Bool { partial.isEmpty && whole.isEmpty }
    public var blockCount: UInt64 {
        partial.values.reduce(whole.byteCount * Self.blocksPerPage) { $0 + UInt64($1.nonzeroBitCount) }
    }
    public var byteCount: UInt64 { blockCount * Self.blockBytes }

    /// Marks every block that `range` touches. Offsets of files are below 2^63.
    public mutating func insert(_ range: ByteRange) {
        let firstBlock = range.start / Self.blockBytes, lastBlock = (range.end - 1) / Self.blockBytes
        let firstPage = firstBlock / Self.blocksPerPage, lastPage = lastBlock / Self.blocksPerPage
        let head = UInt32.max << UInt32(firstBlock % Self.blocksPerPage)
        let tail = UInt32.max >> UInt32(Self.blocksPerPage - 1 - lastBlock % Self.blocksPerPage)
        guard firstPage < lastPage else {
            insert(head & tail, intoPage: firstPage)
            return
        }
        insert(head, intoPage: firstPage)
        insert(tail, intoPage: lastPage)
        if firstPage + 1 < lastPage { insertWhole(ByteRange(start: firstPage + 1, end: lastPage)) }
    }

    private mutating func insert(_ bits: UInt32, intoPage page: UInt64) {
        guard !whole.contains(page) else { return }
        let union = partial[page, default: 0] | bits
        if union == .max {
            insertWhole(ByteRange(start: page, end: page + 1))
        } else {
            partial[page] = union
        }
    }

    private mutating func insertWhole(_ pages: ByteRange) {
        whole.insert(pages)
        if pages.count < UInt64(partial.count) {
            for page in pages.start..<pages.end { partial[page] = nil }
        } else {
            partial = partial.filter { !($0.key >= pages.start && $0.key < pages.end) }
        }
    }

    public mutating func formUnion(_ other: DirtyBlocks) {
        for run in other.whole.ranges { insertWhole(run) }
        for (page, bits) in other.partial { insert(bits, intoPage: page) }
    }

    /// Empties it and hands out what it held: the swap of a roll.
    public mutating func take() -> DirtyBlocks {
        defer { self = DirtyBlocks() }
        return self
    }

    public func contains(_ offset: UInt64) -> Bool {
        let block = offset / Self.blockBytes, page = block / Self.blocksPerPage
        return whole.contains(page) || partial[page, default: 0] >> UInt32(block % Self.blocksPerPage) & 1 == 1
    }

    /// The dirty blocks as byte ranges, ascending, neighbours made one.
    public var ranges: ByteRanges {
        var found = whole.ranges.map { ByteRange(start: $0.start * Self.pageBytes, end: $0.end * Self.pageBytes) }
        for (page, bits) in partial {
            var (left, position) = (bits, UInt64(0))
            while left != 0 {
                let skipped = left.trailingZeroBitCount
                let run = (~(left >> UInt32(skipped))).trailingZeroBitCount
                let start = page * Self.pageBytes + (position + UInt64(skipped)) * Self.blockBytes
                found.append(ByteRange(start: start, end: start + UInt64(run) * Self.blockBytes))
                position += UInt64(skipped + run)
                left = skipped + run >= 32 ? 0 : left >> UInt32(skipped + run)
            }
        }
        return ByteRanges(found)
    }
}
