import CPosix
import Glibc
import Synchronization

/// Page-aligned memory for the payload of fops, filled by one owner and then frozen and shared.
/// Source: GlusterFS `iobuf.h`; the seed's document is the contract. Memory goes home to its pool at the last reference.
public final class Iobuf: Sendable {
    // Safe because only `IobufDraft`, which has one owner, writes through `base` and sets `count`, and it is consumed by
    // `freeze` before the iobuf can be shared.
    nonisolated(unsafe) fileprivate let base: UnsafeMutableRawPointer
    /// Bytes that were filled.
    nonisolated(unsafe) public fileprivate(set) var count: Int
    /// Bytes of the block `base` points at.
    let capacity: Int
    private let pool: IobufPool

    init(base: UnsafeMutableRawPointer, capacity: Int, pool: IobufPool) {
        (self.base, self.capacity, count, self.pool) = (base, capacity, capacity, pool)
    }

    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    deinit { pool.takeBack(base, capacity: capacity) }
}

/// An iobuf being filled: one owner, writable, not shared. `freeze` makes it an `Iobuf`; dropped, its memory goes home.
public struct IobufDraft: ~Copyable, Sendable {
    private let iobuf: Iobuf

    init(_ iobuf: Iobuf) { self.iobuf = iobuf }

    public var capacity: Int { iobuf.capacity }

    /// All of it, aligned to `IobufPool.alignment`. Valid while the draft is.
    public var bytes: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: iobuf.base, count: iobuf.capacity)
    }

    /// Ends the filling: the first `count` bytes are the buffer from now on.
    public consuming func freeze(count: Int) -> Iobuf {
        precondition(count >= 0)
        precondition(count <= iobuf.capacity, "\(count) bytes do not fit an iobuf of \(iobuf.capacity)")
        iobuf.count = count
        return iobuf
    }
}
