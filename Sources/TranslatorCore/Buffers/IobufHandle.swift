import Synchronization

/// A reference to an iobuf counted by hand, for the C library and plug-ins, which ARC does not reach: the seed's
/// `struct iobuf *`. Every `get`, `get2` and `ref` needs its own `unref`.
///
/// A number, not a pointer: one that was unref'd once too often is known for what it is, and traps. The raw value is
/// never 0 and fits a `void *`.
public struct IobufHandle: Hashable, Sendable, RawRepresentable {
    /// The slot in the table and how often the slot was used before: high and low 32 bits.
    public let rawValue: UInt64
    public init?(rawValue: UInt64) {
        guard rawValue != 0 else { return nil }
        self.rawValue = rawValue
    }

    init(slot: UInt32, generation: UInt32) { rawValue = UInt64(slot) << 32 | UInt64(generation) }
    var slot: Int { Int(rawValue >> 32) }
    var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue) }
}

extension IobufPool {
    /// A buffer of the default size, with one reference. GlusterFS: `iobuf_get`.
    public func get(
        owner: String = "", fop: Fop? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> IobufHandle {
        get2(0, owner: owner, fop: fop, file: file, line: line)
    }

    /// A buffer of at least `bytes`, with one reference; 0 is the default size. GlusterFS: `iobuf_get2`.
    public func get2(
        _ bytes: Int, owner: String = "", fop: Fop? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> IobufHandle {
        IobufHandleTable.shared.insert(
            take(bytes: bytes, owner: owner, fop: fop, file: file, line: line), isFrozen: false)
    }

    /// The same with an alignment of its own: a power of two. GlusterFS: `iobuf_get_page_aligned`; here every iobuf is
    /// aligned to 4,096 already, and more than that is not offered.
    public func getPageAligned(
        _ bytes: Int, alignment: Int, owner: String = "", fop: Fop? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) -> IobufHandle {
        precondition(
            alignment > 0 && Self.alignment.isMultiple(of: alignment), "an alignment of \(alignment) is not offered")
        return get2(bytes, owner: owner, fop: fop, file: file, line: line)
    }
}

extension IobufHandle {
    /// One more reference to a buffer that ARC counts too: it lives until both let go. It is frozen, so not writable.
    public init(_ iobuf: Iobuf) { self = IobufHandleTable.shared.insert(iobuf, isFrozen: true) }

    /// One more reference. GlusterFS: `iobuf_ref`. Traps when the last one is gone.
    @discardableResult public func ref(file: StaticString = #fileID, line: UInt = #line) -> IobufHandle {
        let iobuf = IobufHandleTable.shared.ref(self)
        iobuf.note { "ref at \(file):\(line)" }
        return self
    }

    /// One less; at none the buffer goes home, unless a frozen `Iobuf` of it is still held. GlusterFS: `iobuf_unref`.
    /// Traps when there is none to give back.
    public func unref(file: StaticString = #fileID, line: UInt = #line) {
        let iobuf = IobufHandleTable.shared.unref(self)
        iobuf.note { "unref at \(file):\(line)" }
    }

    /// References held by hand; 0 after the last `unref`.
    public var references: Int { IobufHandleTable.shared.references(self) }
    /// Bytes of its block. GlusterFS: `iobuf_pagesize`.
    public var capacity: Int { IobufHandleTable.shared.find(self).iobuf.capacity }
    /// Bytes that were filled; the whole block until frozen. GlusterFS: `iobuf_size`.
    public var count: Int { IobufHandleTable.shared.find(self).iobuf.count }

    /// Where to write, until it is frozen. GlusterFS: `iobuf->ptr`. Valid while a reference is held.
    public var bytes: UnsafeMutableRawBufferPointer {
        let (iobuf, isFrozen) = IobufHandleTable.shared.find(self)
        precondition(!isFrozen, "a frozen iobuf is shared and not to be written")
        return UnsafeMutableRawBufferPointer(start: iobuf.base, count: iobuf.capacity)
    }

    /// Ends the filling, once: the first `count` bytes are the buffer from now on. The result may travel the stack;
    /// this handle's references stay as they are.
    @discardableResult public func freeze(count: Int) -> Iobuf { IobufHandleTable.shared.freeze(self, count: count) }

    /// The frozen buffer. Traps before `freeze`.
    public var iobuf: Iobuf {
        let (iobuf, isFrozen) = IobufHandleTable.shared.find(self)
        precondition(isFrozen, "an iobuf is shared after it was frozen")
        return iobuf
    }
}

/// All handles of the process.
final class IobufHandleTable: Sendable {
    static let shared = IobufHandleTable()

    private struct Slot: Sendable {
        var generation: UInt32 = 1
        var references = 0
        var iobuf: Iobuf?
        var isFrozen = false
    }
    private struct State: Sendable {
        var slots: [Slot] = []
        var free: [UInt32] = []

        /// The slot of a living handle; traps for all others.
        func living(_ handle: IobufHandle) -> Int {
            precondition(
                handle.slot < slots.count && slots[handle.slot].generation == handle.generation
                    && slots[handle.slot].references > 0,
                "this iobuf has no reference left: it was unref'd once too often")
            return handle.slot
        }
    }
    private let state = Mutex(State())

    func insert(_ iobuf: Iobuf, isFrozen: Bool) -> IobufHandle {
        state.withLock { state in
            let slot = state.free.popLast() ?? UInt32(state.slots.count)
            if slot == state.slots.count { state.slots.append(Slot()) }
            let position = Int(slot)
            state.slots[position].references = 1
            state.slots[position].iobuf = iobuf
            state.slots[position].isFrozen = isFrozen
            return IobufHandle(slot: slot, generation: state.slots[position].generation)
        }
    }

    func ref(_ handle: IobufHandle) -> Iobuf {
        state.withLock { state in
            let slot = state.living(handle)
            state.slots[slot].references += 1
            return state.slots[slot].iobuf!
        }
    }

    /// Answers the buffer, so that the last reference goes outside the lock.
    func unref(_ handle: IobufHandle) -> Iobuf {
        state.withLock { state in
            let slot = state.living(handle)
            let iobuf = state.slots[slot].iobuf!
            state.slots[slot].references -= 1
            if state.slots[slot].references == 0 {
                state.slots[slot].iobuf = nil
                // 0 is left out, so that no handle is 0.
                state.slots[slot].generation = max(1, state.slots[slot].generation &+ 1)
                state.free.append(UInt32(slot))
            }
            return iobuf
        }
    }

    func references(_ handle: IobufHandle) -> Int {
        state.withLock { state in
            guard handle.slot < state.slots.count, state.slots[handle.slot].generation == handle.generation else {
                return 0
            }
            return state.slots[handle.slot].references
        }
    }

    func find(_ handle: IobufHandle) -> (iobuf: Iobuf, isFrozen: Bool) {
        state.withLock { state in
            let slot = state.slots[state.living(handle)]
            return (slot.iobuf!, slot.isFrozen)
        }
    }

    func freeze(_ handle: IobufHandle, count: Int) -> Iobuf {
        state.withLock { state in
            let slot = state.living(handle)
            let iobuf = state.slots[slot].iobuf!
            precondition(!state.slots[slot].isFrozen, "an iobuf is frozen once")
            precondition(
                count >= 0 && count <= iobuf.capacity, "\(count) bytes do not fit an iobuf of \(iobuf.capacity)")
            iobuf.count = count
            state.slots[slot].isFrozen = true
            return iobuf
        }
    }
}
