import CFuse
import TranslatorCore

/// How long the kernel may believe what it was told.
public struct FuseValidity: Sendable, Hashable {
    public let seconds: UInt64
    public let nanoseconds: UInt32

    /// Negative durations are none.
    public init(_ duration: Duration) {
        let (seconds, attoseconds) = max(duration, .zero).components
        (self.seconds, nanoseconds) = (UInt64(seconds), UInt32(attoseconds / 1_000_000_000))
    }
    public static let none = FuseValidity(.zero)
}

extension fuse_attr {
    /// Source: linux/fuse.h, `struct fuse_attr`. Times before 1970 travel as the two's complement of their seconds.
    public init(_ iatt: Iatt) {
        self.init()
        (ino, size, blocks) = (iatt.inodeNumber, iatt.size, iatt.blocks)
        (atime, atimensec) = (UInt64(bitPattern: iatt.atime.seconds), iatt.atime.nanoseconds)
        (mtime, mtimensec) = (UInt64(bitPattern: iatt.mtime.seconds), iatt.mtime.nanoseconds)
        (ctime, ctimensec) = (UInt64(bitPattern: iatt.ctime.seconds), iatt.ctime.nanoseconds)
        (mode, nlink, uid, gid) = (iatt.mode, iatt.nlink, iatt.uid, iatt.gid)
        // The kernel's 32-bit form (20 bits of minor, 12 of major) is the lower half of glibc's dev_t.
        rdev = UInt32(truncatingIfNeeded: iatt.rdev)
        blksize = iatt.blockSize
    }
}

extension fuse_attr_out {
    /// The reply to GETATTR and SETATTR.
    public init(_ iatt: Iatt, valid: FuseValidity) {
        self.init()
        (attr_valid, attr_valid_nsec, attr) = (valid.seconds, valid.nanoseconds, fuse_attr(iatt))
    }
}

extension fuse_entry_out {
    /// The reply to LOOKUP, MKDIR and all that make or find an entry. Node numbers are never used twice, so their
    /// generation is always 0.
    public init(node: UInt64, _ iatt: Iatt, entryValid: FuseValidity, attributesValid: FuseValidity) {
        self.init()
        nodeid = node
        (entry_valid, entry_valid_nsec) = (entryValid.seconds, entryValid.nanoseconds)
        (attr_valid, attr_valid_nsec) = (attributesValid.seconds, attributesValid.nanoseconds)
        attr = fuse_attr(iatt)
    }

    /// "There is no such name", to be believed for a while: node 0.
    public static func absent(valid: FuseValidity) -> fuse_entry_out {
        var entry = fuse_entry_out()
        (entry.entry_valid, entry.entry_valid_nsec) = (valid.seconds, valid.nanoseconds)
        return entry
    }
}

extension fuse_statfs_out {
    public init(_ status: FileSystemStatus) {
        self.init()
        (st.blocks, st.bfree, st.bavail) = (status.blocks, status.blocksFree, status.blocksAvailable)
        (st.files, st.ffree) = (status.files, status.filesFree)
        st.bsize = UInt32(truncatingIfNeeded: status.blockSize)
        st.frsize = UInt32(truncatingIfNeeded: status.fragmentSize)
        st.namelen = UInt32(truncatingIfNeeded: status.nameBytesMax)
    }
}
