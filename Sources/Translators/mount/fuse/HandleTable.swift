import Synchronization
import TranslatorCore

/// One open file or directory of the kernel's: what its `fh` stands for.
final class OpenHandle: Sendable {
    let fd: Fd
    let node: Node
    /// The flock(2) lock that this open holds, and by which owner.
    let flock = Mutex<Flock?>(nil)
    /// No program has it open: the mount holds it for one that is about to use it (`SecondWalks`). Whoever sets it to
    /// false is the one to close it, or to hand it to the kernel.
    let isHeldByMount: Atomic<Bool>

    struct Flock {
        let mode: LockMode
        let owner: LockOwner
    }

    init(fd: Fd, node: Node, isHeldByMount: Bool = false) {
        (self.fd, self.node) = (fd, node)
        self.isHeldByMount = Atomic(isHeldByMount)
    }
}

/// The numbers of open files. A number holds its slot's generation, so that one that was released means nothing.
///
/// Layout: generation in the upper half, slot << 3 | shard below. Looked up by every READ and WRITE: an array access
/// under a lock that other workers rarely hold.
final class HandleTable: Sendable {
    private struct Slot {
        var handle: OpenHandle?
        var generation: UInt32
    }
    private struct State {
        var slots: [Slot] = []
        var free: [Int] = []
    }
    private final class Shard: Sendable {
        let state = Mutex(State())
    }
    private static let shardBits = 3
    private let shards = (0..<(1 << HandleTable.shardBits)).map { _ in Shard() }
    private let next = Atomic<Int>(0)

    private static func parts(_ number: UInt64) -> (shard: Int, slot: Int, generation: UInt32) {
        let low = Int(number & 0xFFFF_FFFF)
        return (low & (1 << shardBits - 1), low >> shardBits, UInt32(number >> 32))
    }

    subscript(number: UInt64) -> OpenHandle? {
        let (shard, slot, generation) = Self.parts(number)
        return shards[shard].state.withLock { state in
            guard slot < state.slots.count, state.slots[slot].generation == generation else { return nil }
            return state.slots[slot].handle
        }
    }

    func add(_ handle: OpenHandle) -> UInt64 {
        let shard = next.wrappingAdd(1, ordering: .relaxed).newValue & (1 << Self.shardBits - 1)
        return shards[shard].state.withLock { state in
            let slot = state.free.popLast() ?? state.slots.count
            if slot == state.slots.count { state.slots.append(Slot(handle: nil, generation: 1)) }
            state.slots[slot].handle = handle
            return Self.number(shard, slot, state.slots[slot].generation)
        }
    }

    func remove(_ number: UInt64) -> OpenHandle? {
        let (shard, slot, generation) = Self.parts(number)
        return shards[shard].state.withLock { state in
            guard slot < state.slots.count, state.slots[slot].generation == generation,
                let handle = state.slots[slot].handle
            else { return nil }
            state.slots[slot].handle = nil
            state.slots[slot].generation &+= 1
            state.free.append(slot)
            return handle
        }
    }

    /// Any through which `node` is open, held so or not; nil: either way. Looks at all: for what is rare.
    func first(of node: Node, isHeldByMount held: Bool?) -> (number: UInt64, handle: OpenHandle)? {
        for (position, shard) in shards.enumerated() {
            let found = shard.state.withLock { state -> (UInt64, OpenHandle)? in
                for (slot, entry) in state.slots.enumerated() {
                    guard let handle = entry.handle, handle.node === node else { continue }
                    if let held, handle.isHeldByMount.load(ordering: .relaxed) != held { continue }
                    return (Self.number(position, slot, entry.generation), handle)
                }
                return nil
            }
            if let found { return found }
        }
        return nil
    }

    private static func number(_ shard: Int, _ slot: Int, _ generation: UInt32) -> UInt64 {
        UInt64(generation) << 32 | UInt64(slot << shardBits | shard)
    }

    var count: Int { shards.reduce(0) { $0 + $1.state.withLock { $0.slots.count - $0.free.count } } }

    func removeAll() -> [OpenHandle] {
        shards.flatMap { shard in
            shard.state.withLock { state in
                let open = state.slots.compactMap(\.handle)
                for slot in state.slots.indices where state.slots[slot].handle != nil {
                    state.slots[slot].handle = nil
                    state.slots[slot].generation &+= 1
                    state.free.append(slot)
                }
                return open
            }
        }
    }
}
