import ReplicaState
import TranslatorCore

/// Bricks in memory, and any number of clients connected to all of them: writers and healers of different processes.
public final class SimulatedReplicas: Sendable {
    public let bricks: [MemoryBrick]
    private let prefix = "bricks-\(UniqueNumber.next())"

    public init(count: Int, losesPower: Bool = false, pause: @escaping @Sendable () async -> Void = {}) {
        precondition(count >= 2)
        bricks = (0..<count).map { _ in MemoryBrick(losesPower: losesPower, pause: pause) }
        for (number, brick) in bricks.enumerated() { MemoryStorage.offer(brick, as: "\(prefix)-\(number)") }
    }
    deinit { for number in bricks.indices { MemoryStorage.withdraw("\(prefix)-\(number)") } }

    public var pendingKeys: [String] { bricks.indices.map { "trusted.afr.vol-client-\($0)" } }
    public var bypassKeys: [String] { pendingKeys.map { BypassCounts.key(for: $0) } }
    public let lockDomain = "vol-replicate-0"

    /// A client of its own: connections, inodes, lock owners. With `observed` each connection, `vol-client-<n>`, is a
    /// `FaultyTranslator` over a `RecordingTranslator`. Not started yet.
    public func connect(
        observed: Bool = false, durable: Bool = true, environment: GraphEnvironment
    ) throws(VolfileError) -> Client {
        let options = "option ensure-durability \(durable ? "on" : "off")"
        return Client(
            try graph(
                of: "testing/replica-set", options,
                connections: observed ? ["testing/recording", "testing/faulty"] : [], environment: environment))
    }

    /// A process's graph: its connections, `vol-client-<n>`, each with these translators on it (below the last one
    /// `vol-1-<n>`, `vol-2-<n>`…); a `type` that stands on all of them; and what `above` says.
    public func graph(
        of type: TranslatorType, _ options: String = "", above: String = "", connections: [TranslatorType],
        environment: GraphEnvironment
    ) throws(VolfileError) -> Graph {
        var text = ""
        for number in bricks.indices {
            var below: String?
            for (layer, type) in (["testing/memory"] + connections).enumerated() {
                let name = layer == connections.count ? "vol-client-\(number)" : "vol-\(layer)-\(number)"
                let stands = below.map { "subvolumes \($0)" } ?? "option brick \(prefix)-\(number)"
                text += "volume \(name)\n type \(type)\n \(stands)\nend-volume\n"
                below = name
            }
        }
        let children = bricks.indices.map { "vol-client-\($0)" }.joined(separator: " ")
        text += """
            volume \(lockDomain)
             type \(type)
             \(options)
             subvolumes \(children)
            end-volume
            \(above)
            """
        return try Graph.fromText(text, file: "simulated.vol", environment: environment)
    }

    /// One process's connections.
    public final class Client: Sendable {
        public let graph: Graph
        public let replicaSet: ReplicaSetStub
        init(_ graph: Graph) {
            self.graph = graph
            replicaSet = graph.top as! ReplicaSetStub
        }
        public var storages: [MemoryStorage] { graph.translators.compactMap { $0 as? MemoryStorage } }
        public func faulty(_ replica: Int) -> FaultyTranslator {
            replicaSet.replicas[replica] as! FaultyTranslator
        }
        /// What went down to a brick, in order.
        public func recorder(_ replica: Int) -> RecordingTranslator {
            replicaSet.replicas[replica].subvolume as! RecordingTranslator
        }
        /// kill -9: every lock it holds is gone, nothing it does any more reaches a brick.
        public func die() { storages.forEach { $0.cut() } }
    }

    // What the marks say, and what they should.

    public func counts(_ gfid: Gfid, on replica: Int, about other: Int) -> PendingCounts {
        bricks[replica].counts(gfid, pendingKeys[other])
    }
    public func epochs(_ gfid: Gfid, on replica: Int, about other: Int) -> BypassCounts {
        guard let counts = try? BypassCounts(xattr: bricks[replica].xattr(gfid, bypassKeys[other])) else {
            fatalError("a bypass xattr is not 12 bytes")
        }
        return counts
    }
    public func dirty(_ gfid: Gfid, on replica: Int) -> PendingCounts {
        bricks[replica].counts(gfid, PendingCounts.dirtyKey)
    }

    /// Whether any replica holds a data count, or is dirty.
    public func isDataPending(_ gfid: Gfid) -> Bool {
        bricks.indices.contains { i in
            dirty(gfid, on: i).data != 0 || bricks.indices.contains { counts(gfid, on: i, about: $0).data != 0 }
        }
    }
    /// Nobody holds or waits for a lock on any brick.
    public var isUnlocked: Bool { bricks.allSatisfy { $0.isUnlocked } }
    /// Content, size and holes.
    public func areEqual(_ gfid: Gfid) -> Bool {
        haveEqualContent(gfid) && Set(bricks.map { $0.dataMap(gfid) }).count == 1
    }
    public func haveEqualContent(_ gfid: Gfid) -> Bool {
        let first = bricks[0].content(gfid)
        return bricks.dropFirst().allSatisfy { $0.content(gfid) == first }
    }

    /// Makes the marks of an ordinary write that `other` missed, on `replica`.
    public func accuse(
        _ gfid: Gfid, on replica: Int, about other: Int, _ counts: PendingCounts = PendingCounts(data: 1)
    ) {
        bricks[replica].setXattr(gfid, pendingKeys[other], counts.xattr)
    }
    /// Sets *opened* and *healed* on the target about a sink.
    public func setEpochs(_ gfid: Gfid, on replica: Int, about other: Int, opened: Int32, healed: Int32) {
        bricks[replica].setXattr(gfid, bypassKeys[other], BypassCounts(opened: opened, healed: healed).xattr)
    }
    public func setDirty(_ gfid: Gfid, on replica: Int, _ data: Int32 = 1) {
        bricks[replica].setXattr(gfid, PendingCounts.dirtyKey, PendingCounts(data: data).xattr)
    }
}
