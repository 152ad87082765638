import CPosix
import Glibc
import Synchronization

/// Where iobufs come from and go home to.
public final class IobufPool: Sendable {
    /// GlusterFS `iobuf_get`: 128 KiB.
    public static let defaultBytes = 128 * 1024
    /// Above this a draft is a plain allocation (`iobuf_get2`).
    public static let pooledBytesMax = 1024 * 1024
    public static let alignment = 4096

    public init() {}

    /// A buffer of at least `bytes` (0: the default), writable until frozen.
    public func draft(bytes: Int = 0) -> IobufDraft {
        let wanted = bytes == 0 ? Self.defaultBytes : bytes
        let capacity = (wanted + Self.alignment - 1) / Self.alignment * Self.alignment
        var memory: UnsafeMutableRawPointer?
        precondition(
            posix_memalign(&memory, Self.alignment, capacity) == 0, "out of memory for an iobuf of \(capacity) bytes")
        return IobufDraft(Iobuf(base: memory!, capacity: capacity, pool: self))
    }

    func takeBack(_ base: UnsafeMutableRawPointer, capacity: Int) { free(base) }
}
