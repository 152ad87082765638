import CFuse
import TranslatorCore

/// READ, READDIR and READDIRPLUS. Source: linux/fuse.h, `struct fuse_read_in`.
public struct FuseRead: Sendable, Equatable {
    public var handle: UInt64
    /// Bytes for READ; a cookie of ours for the other two.
    public var offset: UInt64
    public var bytes: Int
    /// The open flags as they are now (F_SETFL changes some).
    public var flags: OpenFlags

    public init(from bytes: inout ByteReader) throws(CodecError) {
        let read: fuse_read_in = try bytes.structure()
        (handle, offset, self.bytes) = (read.fh, read.offset, Int(read.size))
        flags = OpenFlags(rawValue: Int32(bitPattern: read.flags))
    }
}

/// The arguments of a WRITE; `bytes` of payload follow. Source: linux/fuse.h, `struct fuse_write_in`.
public struct FuseWrite: Sendable, Equatable {
    public var handle: UInt64
    public var offset: UInt64
    public var bytes: Int
    public var flags: OpenFlags
    /// From the page cache: the handle is one that can write, not always the one that was written through.
    public var isFromCache: Bool
    /// By someone who may not keep set-user-ID bits.
    public var killsPrivileges: Bool

    public init(from bytes: inout ByteReader) throws(CodecError) {
        let write: fuse_write_in = try bytes.structure()
        (handle, offset, self.bytes) = (write.fh, write.offset, Int(write.size))
        flags = OpenFlags(rawValue: Int32(bitPattern: write.flags))
        isFromCache = write.write_flags & UInt32(FUSE_WRITE_CACHE) != 0
        killsPrivileges = write.write_flags & UInt32(FUSE_WRITE_KILL_SUIDGID) != 0
    }
}

/// Source: linux/fuse.h, `struct fuse_fallocate_in`.
public struct FuseFallocate: Sendable, Equatable {
    public var handle: UInt64
    public var offset: UInt64, bytes: UInt64
    /// As fallocate(2): 0, or a sum of FALLOC_FL_*.
    public var mode: UInt32

    init(from bytes: inout ByteReader) throws(CodecError) {
        let fallocate: fuse_fallocate_in = try bytes.structure()
        (handle, offset, self.bytes, mode) = (fallocate.fh, fallocate.offset, fallocate.length, fallocate.mode)
    }
}

/// Source: linux/fuse.h, `struct fuse_copy_file_range_in`; the request's own node is the source.
public struct FuseCopyFileRange: Sendable, Equatable {
    public var source: UInt64, sourceOffset: UInt64
    public var sinkNode: UInt64, sink: UInt64, sinkOffset: UInt64
    public var bytes: UInt64, flags: UInt64
    /// The kernel asked by FUSE_COPY_FILE_RANGE_64, whose reply counts in 64 bits.
    public var isReply64: Bool

    init(from bytes: inout ByteReader, isReply64: Bool) throws(CodecError) {
        let copy: fuse_copy_file_range_in = try bytes.structure()
        (source, sourceOffset) = (copy.fh_in, copy.off_in)
        (sinkNode, sink, sinkOffset) = (copy.nodeid_out, copy.fh_out, copy.off_out)
        (self.bytes, flags, self.isReply64) = (copy.len, copy.flags, isReply64)
    }
}
