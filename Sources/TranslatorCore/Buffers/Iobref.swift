import Synchronization

/// Several iobufs held as one, counted by hand: the seed's `struct iobref`. Code that ARC counts for uses `Payload`.
///
/// It takes a reference of its own to each iobuf; the last `unref`, or `clear`, gives them all back.
public final class Iobref: Sendable {
    /// Room to begin with; grows as required.
    public static let slotsAtFirst = 16

    private struct State: Sendable {
        var references = 1
        var iobufs: [IobufHandle] = []

        mutating func takeAll() -> [IobufHandle] {
            defer { iobufs = [] }
            return iobufs
        }
    }
    private let state = Mutex(State())

    /// With one reference. GlusterFS: `iobref_new`.
    public init() { state.withLock { $0.iobufs.reserveCapacity(Self.slotsAtFirst) } }

    deinit { state.withLock { $0.iobufs }.forEach { $0.unref() } }

    /// One more reference. GlusterFS: `iobref_ref`.
    @discardableResult public func ref() -> Iobref {
        state.withLock { state in
            precondition(state.references > 0, "this iobref has no reference left")
            state.references += 1
        }
        return self
    }

    /// One less; at none every iobuf is unref'd. GlusterFS: `iobref_unref`.
    public func unref() {
        let dropped = state.withLock { state -> [IobufHandle] in
            precondition(state.references > 0, "this iobref was unref'd once too often")
            state.references -= 1
            return state.references == 0 ? state.takeAll() : []
        }
        dropped.forEach { $0.unref() }
    }

    /// Adds an iobuf and takes a reference to it. GlusterFS: `iobref_add`.
    public func add(_ iobuf: IobufHandle) {
        iobuf.ref()
        state.withLock { state in
            precondition(state.references > 0, "this iobref has no reference left")
            state.iobufs.append(iobuf)
        }
    }

    /// Adds all iobufs of `other`, which keeps its own references: both are to be unref'd. GlusterFS: `iobref_merge`.
    public func merge(_ other: Iobref) {
        // The references are taken under the other's lock, so that nobody clears it in between.
        let added = other.state.withLock { from in
            precondition(from.references > 0, "the iobref to merge has no reference left")
            return from.iobufs.map { $0.ref() }
        }
        state.withLock { state in
            precondition(state.references > 0, "this iobref has no reference left")
            state.iobufs += added
        }
    }

    /// Unrefs every iobuf, and the iobref itself. GlusterFS: `iobref_clear`.
    public func clear() {
        state.withLock { $0.takeAll() }.forEach { $0.unref() }
        unref()
    }

    public var references: Int { state.withLock { $0.references } }
    public var iobufs: [IobufHandle] { state.withLock { $0.iobufs } }
    /// Bytes in all. GlusterFS: `iobref_size`.
    public var bytes: Int { iobufs.reduce(0) { $0 + $1.count } }
    /// What travels the stack; every iobuf must be frozen.
    public var payload: Payload { Payload(iobufs.map { IobufSlice($0.iobuf) }) }
}
