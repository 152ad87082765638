import CFuse
import TranslatorCore

/// The 40 bytes in front of every request. Source: linux/fuse.h, `struct fuse_in_header`.
public struct FuseRequestHeader: Sendable, Equatable {
    public static let bytes = 40
    /// A WRITE's header and arguments. Buffers are split here, so that its payload begins at the second one.
    public static let writeBytes = bytes + 40

    /// The whole request: this header, the arguments, the payload.
    public var messageBytes: Int
    /// Raw, because newer kernels know more.
    public var opcode: UInt32
    /// Names the request until it is answered; an interrupt has this number with bit 0 set.
    public var unique: UInt64
    public var node: UInt64
    public var uid: UInt32, gid: UInt32
    /// The calling thread's process as the mount's pid namespace sees it; 0 from outside, and for the kernel's own
    /// writes.
    public var pid: UInt32
    /// Bytes of extensions at the end of the request, which only features ask for that we do not.
    public var extensionBytes: Int

    public init(from bytes: inout ByteReader) throws(CodecError) {
        let header: fuse_in_header = try bytes.structure()
        guard header.len >= Self.bytes else { throw CodecError("a request of \(header.len) bytes") }
        (messageBytes, opcode, unique) = (Int(header.len), header.opcode, header.unique)
        (node, uid, gid, pid) = (header.nodeid, header.uid, header.gid, header.pid)
        extensionBytes = Int(header.total_extlen) * 8
        guard extensionBytes <= messageBytes - Self.bytes else {
            throw CodecError("extensions longer than the request")
        }
    }

    public var known: FuseOpcode? { FuseOpcode(rawValue: opcode) }
}

/// The 16 bytes in front of every reply. Source: linux/fuse.h, `struct fuse_out_header`.
public enum FuseReplyHeader {
    public static let bytes = 16

    /// A reply with `bodyBytes` of body; `error` is a positive errno, and then there is no body.
    @inlinable
    public static func make(unique: UInt64, bodyBytes: Int = 0, error: Int32 = 0) -> fuse_out_header {
        precondition(error >= 0)
        precondition(error == 0 || bodyBytes == 0, "an error has no body")
        return fuse_out_header(len: UInt32(bytes + bodyBytes), error: -error, unique: unique)
    }
}
