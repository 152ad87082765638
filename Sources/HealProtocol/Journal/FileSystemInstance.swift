/// One life of a file system: from its mount to the end of its last use. Within one, whatever was written is there, in
/// its page cache if not on its disk. After it, within one boot too, all that nobody synced may be gone: data, the tail
/// of a journal, and xattrs back to any older value (DESIGN §3.2).
public struct FileSystemInstance: Equatable, Sendable {
    /// Inode number of its directory in sysfs, which the kernel gives out once in a boot: the same in every mount
    /// namespace and container. 0: it has none (neither ext4, xfs nor f2fs), or /sys is not mounted.
    public var superblock: UInt64
    /// `STATX_MNT_ID_UNIQUE` (statx(2), Linux 6.8) of the mount through which it was seen, given out once in a boot.
    /// 0: an older kernel.
    public var mount: UInt64

    public init(superblock: UInt64, mount: UInt64) { (self.superblock, self.mount) = (superblock, mount) }

    /// What is not known can be proved neither way.
    public static let unknown = FileSystemInstance(superblock: 0, mount: 0)

    /// What two sightings prove.
    public enum Comparison: Equatable, Sendable { case same, other, unknown }

    /// Of this boot, both. Another mount need not be another instance, but the same one always is the same.
    public func compared(with other: FileSystemInstance) -> Comparison {
        if superblock != 0, other.superblock != 0 { return superblock == other.superblock ? .same : .other }
        return mount != 0 && mount == other.mount ? .same : .unknown
    }
}
