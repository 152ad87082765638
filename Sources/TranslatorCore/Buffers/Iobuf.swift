import CPosix
import Glibc
import Synchronization

/// Page-aligned memory for the payload of fops, filled by one owner and then frozen and shared.
/// Source: GlusterFS `iobuf.h`; the seed's document is the contract. Memory goes home to its pool at the last
/// reference.
public final class Iobuf: Sendable {
    // Safe because only `IobufDraft`, which has one owner, writes through `base` and sets `count`, and it is consumed
    // by `freeze` before the iobuf can be shared. `IobufHandle` keeps the same rule by a flag.
    nonisolated(unsafe) let base: UnsafeMutableRawPointer
    /// Bytes that were filled. GlusterFS: `iobuf_size`.
    nonisolated(unsafe) public internal(set) var count: Int
    /// Bytes of the block that `base` points at. GlusterFS: `iobuf_pagesize`.
    public let capacity: Int
    /// Where the memory goes. It outlives the pool, so that a late buffer does no harm.
    private let home: IobufCache
    /// `IobufCache.classesMax`: none, a plain allocation.
    private let sizeClass: Int
    private let tracker: IobufTracker?

    init(base: UnsafeMutableRawPointer, capacity: Int, home: IobufCache, sizeClass: Int, tracker: IobufTracker?) {
        (self.base, self.capacity, count) = (base, capacity, capacity)
        (self.home, self.sizeClass, self.tracker) = (home, sizeClass, tracker)
    }

    /// The filled bytes. Good while somebody holds the iobuf: a local one may be let go after its last mention, which
    /// this can be; `withBytes` keeps it.
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Calls `body` with the filled bytes and keeps the iobuf meanwhile.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body($0.bytes) }
    }

    /// Calls `body` with the filled bytes as an iovec, valid during the call. GlusterFS: `iobuf_to_iovec`.
    public func withIovec<Result>(_ body: (iovec) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(iovec(iov_base: $0.base, iov_len: $0.count)) }
    }

    /// Writes a step of manual counting into the trail of a tracked buffer.
    func note(_ step: () -> String) { if let tracker { tracker.note(self, step()) } }

    deinit {
        let block = IobufBlock(base: base, capacity: capacity, home: home, sizeClass: sizeClass)
        if let tracker, tracker.keeps(block) { return }
        block.goHome()
    }
}

/// A block of memory without an owner, and where it belongs.
struct IobufBlock: Sendable {
    // Safe because a block has one holder at a time: the iobuf that ends, then the quarantine or the cache.
    nonisolated(unsafe) let base: UnsafeMutableRawPointer
    let capacity: Int
    let home: IobufCache
    let sizeClass: Int

    var isPlain: Bool { sizeClass == IobufCache.classesMax }

    @inline(__always) func goHome() {
        if isPlain {
            endCounting()
            IobufMemory.free(base, capacity)
        } else {
            home.takeBack(base, sizeClass)
        }
    }

    /// It is nobody's any more, but it does not come back either.
    func endCounting() {
        if isPlain { home.accounts.plainReturned(capacity) } else { home.forget(sizeClass) }
    }
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
