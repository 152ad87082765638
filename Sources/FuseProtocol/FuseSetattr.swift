import CFuse
import TranslatorCore

/// Which attributes to change, and to what. Source: linux/fuse.h, `struct fuse_setattr_in`.
public struct FuseSetattr: Sendable, Equatable {
    /// A time to set: the server's now, or a given one.
    public enum Time: Sendable, Equatable { case now, at(Timestamp) }
    /// Set when the caller changes by an open file (ftruncate, and truncation on its way from the page cache).
    public var handle: UInt64?
    public var size: UInt64?
    /// Permissions only count.
    public var mode: UInt32?
    public var uid: UInt32?, gid: UInt32?
    public var atime: Time?, mtime: Time?
    /// With the writeback cache only: what the kernel shows meanwhile.
    public var ctime: Timestamp?
    /// Times that the kernel kept itself (writeback cache), sent without an open file. Of system calls only a
    /// utimensat(2) that leaves the time of access alone looks the same. Source: Linux `fuse_flush_times`.
    public var isFlushOfTimes: Bool {
        ctime != nil && mtime != nil && handle == nil && atime == nil && size == nil && mode == nil && uid == nil
            && gid == nil
    }
    /// A truncation by someone who may not keep set-user-ID bits.
    public var killsPrivileges: Bool

    init(from bytes: inout ByteReader) throws(CodecError) {
        let setattr: fuse_setattr_in = try bytes.structure()
        func has(_ bit: Int32) -> Bool { setattr.valid & UInt32(bit) != 0 }
        func time(_ seconds: UInt64, _ nanoseconds: UInt32, _ given: Int32, _ now: Int32) -> Time? {
            if has(now) { return .now }
            guard has(given) else { return nil }
            return .at(Timestamp(seconds: Int64(bitPattern: seconds), nanoseconds: nanoseconds))
        }
        handle = has(FATTR_FH) ? setattr.fh : nil
        size = has(FATTR_SIZE) ? setattr.size : nil
        mode = has(FATTR_MODE) ? setattr.mode : nil
        uid = has(FATTR_UID) ? setattr.uid : nil
        gid = has(FATTR_GID) ? setattr.gid : nil
        atime = time(setattr.atime, setattr.atimensec, FATTR_ATIME, FATTR_ATIME_NOW)
        mtime = time(setattr.mtime, setattr.mtimensec, FATTR_MTIME, FATTR_MTIME_NOW)
        ctime =
            has(FATTR_CTIME)
            ? Timestamp(seconds: Int64(bitPattern: setattr.ctime), nanoseconds: setattr.ctimensec) : nil
        killsPrivileges = has(FATTR_KILL_SUIDGID)
    }
}
