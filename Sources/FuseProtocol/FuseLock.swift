import CFuse
import TranslatorCore

/// A lock request of fcntl(2) or flock(2). Source: linux/fuse.h, `struct fuse_lk_in`, `struct fuse_file_lock`.
public struct FuseLock: Sendable, Equatable {
    /// The kernel's OFFSET_MAX: "to the end, however far that is".
    public static let endOfFile: UInt64 = 1 << 63 - 1

    public var handle: UInt64
    /// A scrambled pointer: of a process's descriptor table for fcntl(2), of an open file for flock(2).
    public var owner: UInt64
    public var lock: PosixLock
    public var isFlock: Bool

    init(from bytes: inout ByteReader) throws(CodecError) {
        let request: fuse_lk_in = try bytes.structure()
        (handle, owner) = (request.fh, request.owner)
        isFlock = request.lk_flags & UInt32(FUSE_LK_FLOCK) != 0
        let lk = request.lk
        guard lk.start <= lk.end, lk.end <= Self.endOfFile else {
            throw CodecError("a lock from \(lk.start) to \(lk.end)")
        }
        guard let kind = PosixLock.Kind(rawValue: lk.type) else { throw CodecError("a lock of type \(lk.type)") }
        let length = lk.end == Self.endOfFile ? 0 : lk.end - lk.start + 1
        lock = PosixLock(kind: kind, range: LockRange(start: lk.start, length: length), pid: Int32(bitPattern: lk.pid))
    }
}

extension fuse_lk_out {
    /// The reply to GETLK.
    public init(_ lock: PosixLock) {
        let range = lock.range
        let end = range.length == 0 ? FuseLock.endOfFile : range.start + range.length - 1
        self.init(
            lk: fuse_file_lock(
                start: range.start, end: end, type: lock.kind.rawValue, pid: UInt32(bitPattern: lock.pid)))
    }
}
