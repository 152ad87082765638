import Synchronization
import TranslatorCore

/// Node numbers and their inodes, counted as the kernel counts: each reply that names a node adds one lookup, FORGET
/// takes lookups off. Numbers are never used twice, so that a late request cannot mean another file.
final class NodeTable: Sendable {
    /// The kernel's fixed number for the root (linux/fuse.h, FUSE_ROOT_ID).
    static let rootNumber: UInt64 = 1
    private static let shardBits: UInt64 = 4

    private struct Entry {
        let node: Node
        /// The kernel's lookups.
        var lookups: UInt64
        /// Open files: their RELEASE may come after the last FORGET.
        var opens = 0
    }
    private struct State {
        var entries: [UInt64: Entry] = [:]
        var numbers: [Gfid: UInt64] = [:]
        var lastSequence: UInt64 = 0
    }
    private final class Shard: Sendable {
        let state = Mutex(State())
    }
    private let shards = (0..<(1 << NodeTable.shardBits)).map { _ in Shard() }
    let root: Node

    init(root: Inode) { self.root = Node(number: Self.rootNumber, inode: root) }

    /// Both maps of an inode are in one shard: its number ends in the shard's position.
    private func shard(_ position: UInt64) -> Shard { shards[Int(position & (1 << Self.shardBits - 1))] }

    /// The node of a number that the kernel has not forgotten.
    subscript(number: UInt64) -> Node? {
        if number == Self.rootNumber { return root }
        return shard(number).state.withLock { $0.entries[number]?.node }
    }

    /// The node of `inode`, with one lookup more, for a reply that names it.
    func remember(_ inode: Inode) -> Node {
        if inode.gfid == .root { return root }
        return shard(inode.gfid.low).state.withLock { state in
            if let number = state.numbers[inode.gfid] {
                state.entries[number]!.lookups += 1
                return state.entries[number]!.node
            }
            state.lastSequence += 1
            let number = state.lastSequence << Self.shardBits | inode.gfid.low & (1 << Self.shardBits - 1)
            let node = Node(number: number, inode: inode)
            state.entries[number] = Entry(node: node, lookups: 1)
            state.numbers[inode.gfid] = number
            return node
        }
    }

    /// Takes lookups off; answers the inode when nobody holds it any more.
    func forget(_ number: UInt64, lookups: UInt64) -> Inode? {
        change(number) { $0.lookups -= min($0.lookups, lookups) }
    }

    func opened(_ node: Node) { _ = change(node.number) { $0.opens += 1 } }
    func closed(_ node: Node) -> Inode? { change(node.number) { $0.opens -= 1 } }

    private func change(_ number: UInt64, _ body: (inout Entry) -> Void) -> Inode? {
        guard number != Self.rootNumber else { return nil }
        return shard(number).state.withLock { state in
            guard var entry = state.entries[number] else { return nil }
            body(&entry)
            guard entry.lookups == 0, entry.opens <= 0 else {
                state.entries[number] = entry
                return nil
            }
            state.entries[number] = nil
            state.numbers[entry.node.inode.gfid] = nil
            return entry.node.inode
        }
    }

    /// Nodes that the kernel remembers, the root left out.
    var count: Int { shards.reduce(0) { $0 + $1.state.withLock { $0.entries.count } } }

    /// Forgets everything, as the kernel does when it is unmounted.
    func removeAll() -> [Inode] {
        shards.flatMap { shard in
            shard.state.withLock { state in
                defer { state = State(lastSequence: state.lastSequence) }
                return state.entries.values.map(\.node.inode)
            }
        }
    }
}
