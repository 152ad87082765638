import Synchronization

/// Gfids for new files: random, but for the first two bytes, which stay the same for `runLength` in a row.
///
/// By those bytes a brick files its handles (`.glusterfs/28/96/2896…`). Were they random too, nearly each of the first
/// 65,536 files would have every brick make a directory: with its block, its bitmaps and its part of the next journal
/// commit, more work than the file itself. 104 random bits are left, so that two gfids are as unlikely to meet as ever;
/// in the long run the directories fill as evenly.
public final class NewGfids: Sendable {
    /// As many names of handles as find room in one block of 4 KiB.
    public static let runLength = 64
    private let run = Mutex<(prefix: UInt64, left: Int)>((0, 0))

    public init() {}

    /// A version 4 UUID.
    public func next() -> Gfid {
        let random = Gfid.random()
        let prefix = run.withLock { run in
            if run.left == 0 { run = (random.high >> 48, Self.runLength) }
            run.left -= 1
            return run.prefix
        }
        return Gfid(high: prefix << 48 | random.high & (1 << 48 - 1), low: random.low)
    }
}
