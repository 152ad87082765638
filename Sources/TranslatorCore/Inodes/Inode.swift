import Synchronization

/// One file, directory or other object of a volume, alive while anybody holds it. There is at most one `Inode` per gfid
/// in an `InodeTable`, so that what translators remember about it (`contexts`) has one place.
public final class Inode: Sendable {
    public let gfid: Gfid
    public let type: FileType
    public let contexts = ContextSlots()
    fileprivate let table: InodeTable?

    fileprivate init(gfid: Gfid, type: FileType, table: InodeTable?) {
        (self.gfid, self.type, self.table) = (gfid, type, table)
    }

    /// An inode outside any table: for tests and for one-off work on a subvolume.
    public convenience init(gfid: Gfid, type: FileType) { self.init(gfid: gfid, type: type, table: nil) }

    deinit { table?.died(UInt(bitPattern: ObjectIdentifier(self)), gfid) }
}

/// Finds the one `Inode` of a gfid. Holds inodes weakly: the mount (by the kernel's lookup counts), open files and
/// requests under way keep them alive. Sharded by gfid, any thread. A shard's lock is taken by dying inodes, so every
/// reference that is loaded under it leaves it.
public final class InodeTable: Sendable {
    private struct Entry {
        weak let inode: Inode?
        /// Whose entry it is, told without loading the reference: what is loaded under the lock may become the last
        /// reference meanwhile, and an inode that died there would ask for the same lock. An address is not used again
        /// before its inode's `deinit` has ended. A number: Swift 6.3 copies an absent entry as if it were there where
        /// an `ObjectIdentifier` stands beside a weak reference.
        let identity: UInt

        init(_ inode: Inode) { (self.inode, identity) = (inode, UInt(bitPattern: ObjectIdentifier(inode))) }
    }
    private final class Shard: Sendable {
        let entries = Mutex<[Gfid: Entry]>([:])
    }
    private static let shardCount = 16
    private let shards = (0..<InodeTable.shardCount).map { _ in Shard() }

    public init() {}

    private func shard(_ gfid: Gfid) -> Shard { shards[Int(truncatingIfNeeded: gfid.low) & (Self.shardCount - 1)] }

    /// The inode of `gfid`, made if nobody holds one. `gfid` must not be `.none`.
    public func inode(_ gfid: Gfid, type: FileType) -> Inode {
        precondition(!gfid.isNone, "an inode needs a gfid")
        return shard(gfid).entries.withLock { entries in
            if let alive = entries[gfid]?.inode { return alive }
            let made = Inode(gfid: gfid, type: type, table: self)
            entries[gfid] = Entry(made)
            return made
        }
    }

    /// The inode of `gfid` if anybody holds it.
    public func find(_ gfid: Gfid) -> Inode? { shard(gfid).entries.withLock { $0[gfid]?.inode } }

    /// Inodes alive now, in no order.
    public var living: [Inode] { shards.flatMap { $0.entries.withLock { $0.values.compactMap(\.inode) } } }

    fileprivate func died(_ identity: UInt, _ gfid: Gfid) {
        // A successor may have been made between the last release and this call: its entry stays.
        shard(gfid).entries.withLock { if $0[gfid]?.identity == identity { $0[gfid] = nil } }
    }
}
