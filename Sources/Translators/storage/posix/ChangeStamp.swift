import CPosix
import Glibc
import TranslatorCore

/// Of one state of one inode: `XdataKey.changeStamp`.
enum ChangeStamp {
    /// File systems take ctime from a clock that goes in ticks of up to 10 ms (CONFIG_HZ=100): of two changes within a
    /// tick the second may leave the same ctime. What changed longer ago than this gets another one by the next.
    private static let settled = Int64(100_000_000)

    /// Of what `status` was read from, which is to be done before anything else is read. Nil: a change just before
    /// could not be told from one that comes. So it is always where ctime has no fractions: a file system may keep
    /// full seconds only (ext4 with inodes of 128 bytes).
    static func of(_ status: stat) -> UInt64? {
        let changed = status.st_ctim
        guard changed.tv_nsec != 0 else { return nil }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let age = Int64(now.tv_sec - changed.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec - changed.tv_nsec)
        guard age > settled else { return nil }
        // Device and inode: a brick may have been put in another's place.
        var digest = WordDigest()
        digest.add(UInt64(status.st_dev))
        digest.add(UInt64(status.st_ino))
        digest.add(Int64(changed.tv_sec))
        digest.add(Int64(changed.tv_nsec))
        return digest.value
    }
}
