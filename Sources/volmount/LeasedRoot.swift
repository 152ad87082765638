import ReplicaState
import TranslatorCore

/// What a mount holds its lease on: the root of one replica set, or of a brick that stands alone. Every replica set of
/// a distributed volume is one.
struct LeasedRoot: Sendable {
    let translator: any Translator
    /// Where the locks are taken.
    let replicas: [any Translator]
    let domain: String
    let quorum: QuorumRule
    /// Which replicas can be asked now.
    let up: @Sendable () -> [Bool]

    private init(_ set: any ReplicaSet) {
        (translator, replicas, quorum) = (set, set.replicas, set.quorum)
        domain = ReplicaLocks(replicate: set.lockDomain).lease
        up = { set.up }
    }
    private init(brick: any Translator) {
        (translator, replicas, quorum) = (brick, [brick], .none)
        domain = ReplicaLocks(replicate: brick.name).lease
        up = { [true] }
    }

    /// Empty for a volume whose bricks keep no locks: nobody can be kept out of it.
    static func all(of graph: Graph) -> [LeasedRoot] {
        let sets = graph.translators.compactMap { $0 as? any ReplicaSet }
        if !sets.isEmpty { return sets.map { LeasedRoot($0) } }
        return graph.translators.filter { $0 is any LockContention }.map { LeasedRoot(brick: $0) }
    }

    /// A brick that is a directory of this machine, where mounts leave notices.
    var localBrick: String? { replicas.lazy.compactMap { $0.localBrick?.brickDirectory }.first }
}
