import CFuse
import TranslatorCore

/// What the mount tells the kernel unasked: a reply with unique 0 whose error field holds the kind (positive).
/// Source: linux/fuse.h, `enum fuse_notify_code`.
public enum FuseNotification {
    /// Drops what is cached of a node: attributes, and pages from `offset` on (0 and length 0: all). Dirty pages of the
    /// writeback cache are written out on the way, by WRITE requests that are served meanwhile.
    public static func invalidateInode(node: UInt64, offset: Int64 = 0, length: Int64 = 0) -> [UInt8] {
        let body = fuse_notify_inval_inode_out(ino: node, off: offset, len: length)
        return header(FUSE_NOTIFY_INVAL_INODE, bodyBytes: MemoryLayout.size(ofValue: body)) + fuseBytes(of: body)
    }

    /// Drops a cached name, or the knowledge that it is absent.
    public static func invalidateEntry(parent: UInt64, name: EntryName) -> [UInt8] {
        let body = fuse_notify_inval_entry_out(parent: parent, namelen: UInt32(name.bytes.count), flags: 0)
        let bytes = MemoryLayout.size(ofValue: body) + name.bytes.count + 1
        return header(FUSE_NOTIFY_INVAL_ENTRY, bodyBytes: bytes) + fuseBytes(of: body) + name.bytes + [0]
    }

    private static func header(_ code: fuse_notify_code, bodyBytes: Int) -> [UInt8] {
        fuseBytes(
            of: fuse_out_header(
                len: UInt32(FuseReplyHeader.bytes + bodyBytes), error: Int32(bitPattern: code.rawValue), unique: 0))
    }
}
