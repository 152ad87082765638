import HealEngine
import HealProtocol
import Synchronization
import TranslatorCore
import TranslatorTesting
import Translators

/// What all processes of a simulation have: connections that can be cut and made to fail.
class SimulatedProcess: @unchecked Sendable {
    // Safe because every task of a simulation runs on one thread; SeededExecutor traps on any other.
    let name: String
    let graph: Graph
    private(set) var isAlive = true
    /// Replicas that it alone cannot reach.
    var unreachable: Set<Int> = []

    init(_ name: String, _ graph: Graph) { (self.name, self.graph) = (name, graph) }

    func storage(_ replica: Int) -> MemoryStorage {
        graph.translators.lazy.compactMap { $0 as? MemoryStorage }.dropFirst(replica).first!
    }
    func faulty(_ replica: Int) -> FaultyTranslator { graph["vol-client-\(replica)"] as! FaultyTranslator }

    func cut(_ replica: Int, landsLate: Bool = false) { storage(replica).cut(landsLate: landsLate) }
    func reconnect(_ replica: Int) { if isAlive { storage(replica).reconnect() } }

    /// kill -9: its locks are gone, and nothing that it does any more reaches a brick, but what is on its way may.
    func die(replicas: Int, landsLate: Bool) {
        isAlive = false
        for replica in 0..<replicas { cut(replica, landsLate: landsLate) }
    }
}

/// A mount: `cluster/replicate`, and for a writer `features/bypass` on it.
final class SimulatedMount: SimulatedProcess, @unchecked Sendable {
    // Safe because of what its superclass says.
    let journal: SimulatedJournal?
    /// The one file, open.
    var fd: Fd?

    init(_ name: String, _ graph: Graph, journal: SimulatedJournal?) {
        self.journal = journal
        super.init(name, graph)
    }
    var top: any Translator { graph.top }
    var bypass: BypassTranslator? { graph.top as? BypassTranslator }

    override func die(replicas: Int, landsLate: Bool) {
        journal?.die()
        super.die(replicas: replicas, landsLate: landsLate)
    }
}

/// A healer: the engine, and what its process tells it about writers.
final class SimulatedHealer: SimulatedProcess, @unchecked Sendable {
    // Safe because of what its superclass says.
    let pipeline: HealPipeline
    var run: Task<Void, Never>?
    /// Looks after marks of mounts that are gone, until it is told that it leaves.
    var clearing: Task<Void, Never>?
    var isLeaving = false

    init(_ name: String, _ graph: Graph, edges: SimulatedEdges) {
        let set = graph.top as! any ReplicaSet
        pipeline = HealPipeline(set, explanations: edges, writers: edges, listener: edges)
        super.init(name, graph)
    }

    override func die(replicas: Int, landsLate: Bool) {
        super.die(replicas: replicas, landsLate: false)
        pipeline.stop()
        run?.cancel()
    }
}
