import TranslatorCore

/// Bytes `first...last` of a region's map: what stands in the kernel for a range of a file or a name of a directory.
struct KernelSpan: Hashable, Sendable {
    var first: UInt64, last: UInt64

    static let bits: UInt64 = 30
    static let whole = KernelSpan(first: 0, last: 1 << bits - 1)

    func overlaps(_ other: KernelSpan) -> Bool { first <= other.last && other.first <= last }
}

extension KernelSpan {
    private static let fineEnd: UInt64 = 1 << 41, top: UInt64 = 1 << 63 - 1 << 16

    /// A range of offsets, in grains of 4 KiB up to 2 TiB, of 32 GiB above, exact in the last 64 KiB before 2^63, where
    /// the protocol's reserved bytes are. Ranges that overlap have spans that overlap; ranges that do not may share a
    /// grain, which costs processes a wait, never their exclusion. Owners within a process are told apart exactly.
    init(_ range: LockRange) {
        let end = min(range.end, 1 << 63)
        self.init(first: Self.grain(range.start), last: Self.grain(max(range.start, end - 1)))
    }

    private static func grain(_ offset: UInt64) -> UInt64 {
        if offset < fineEnd { return offset >> 12 }
        if offset < top { return 1 << 29 + (offset - fineEnd) >> 35 }
        return 1 << 30 - 1 << 16 + (offset - top)
    }

    /// One name of a directory: a byte by its hash.
    init(_ name: EntryName) {
        let byte = LockHash(name.bytes).value & (1 << Self.bits - 1)
        self.init(first: byte, last: byte)
    }
}

/// Where the locks of one (inode, kind, domain) are in the kernel: which lock file, and which 4 GiB of its offsets.
///
/// There are 256 files, few enough that a process keeps open what it has opened: opening one and watching it costs more
/// than a lock. 31 bits more choose the region. Two places that fall together, 39 bits alike, wait for each other for
/// nothing; they never lose a lock, because a process keeps its union by region. All processes must compute the same,
/// so a change here needs another name for the directory.
struct LockPlace: Hashable, Sendable {
    static let fileCount = 256
    let file: Int
    let region: UInt64

    init(_ gfid: Gfid, kind: UInt8, domain: String) {
        file = Self.file(of: gfid)
        var hash = LockHash(gfid)
        hash.add(UInt64(kind))
        hash.add(bytes: domain.utf8)
        region = hash.value & (1 << 31 - 1)
    }

    /// All locks of an inode are in one file.
    static func file(of gfid: Gfid) -> Int { Int(LockHash(gfid).value & UInt64(fileCount - 1)) }
}

/// 64 bits, the same in every process and version: SplitMix64's mixing over words and bytes.
struct LockHash {
    private(set) var value: UInt64 = 0

    init(_ gfid: Gfid) {
        add(gfid.high)
        add(gfid.low)
    }
    init(_ bytes: some Sequence<UInt8>) { add(bytes: bytes) }

    mutating func add(_ word: UInt64) {
        var mixed = (value ^ word) &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        value = mixed ^ mixed >> 31
    }
    mutating func add(bytes: some Sequence<UInt8>) {
        var word: UInt64 = 0
        var count: UInt64 = 0
        for byte in bytes {
            word = word << 8 | UInt64(byte)
            count += 1
            if count.isMultiple(of: 8) { add(word) }
        }
        add(word)
        add(count)
    }
}
