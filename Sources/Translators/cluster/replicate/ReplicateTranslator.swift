import ReplicaState
import Synchronization
import TranslatorCore

/// `cluster/replicate`: keeps the same files on all its subvolumes, and counts on the good replicas what the others
/// missed.
///
/// GlusterFS's AFR: locks, marks and order are those of gluster-disk-format.md §3, so that genuine clients and healers
/// work on the same bricks at the same time. It never heals; a healer process does.
public final class ReplicateTranslator: ReplicaSet, GraphRefining {
    public static let type: TranslatorType = "cluster/replicate"
    public static let aliases: [TranslatorType] = ["cluster/afr"]
    public static let summary = "Keeps the same files on all its subvolumes, and counts what each of them missed."
    public static let needs: SubvolumeNeed = .atLeast(2)

    /// Which replicas serve fops, and how often that changed.
    struct Connections: Sendable {
        var up: [Bool]
        /// How often each went down: what was locked under another number is locked no more.
        var losses: [UInt64]
        /// Goes up with every change: what was believed of replicas before has to be asked again.
        var generation: UInt64 = 1
        /// Whether anything was ever heard of each.
        var heard: [Bool]
    }
    struct State: Sendable {
        var connections: Connections
        var settings: ReplicateSettings
        /// From the volfile; once started, what the bricks agree on.
        var volumeID: Gfid?
        var names: (any NameObserver)?
        /// What was found before the start, of bricks that this process serves.
        var roles: [VolumeSurvey.Role?]
        /// Held until bricks that are made have their volume-id.
        var claims: [any BrickClaim] = []
    }

    public let volume: Volume
    public let replicas: [any Translator]
    public let pendingKeys: [String]
    let locks: ReplicaLocks
    /// Whether this process serves each replica's brick, so that winding to it does not wait for another one.
    let isServedHere: [Bool]
    let state: Mutex<State>
    let leases = OpenLeases()
    /// How often somebody doubted what was known of a file.
    let doubts = Atomic<UInt64>(0)

    public init(_ volume: Volume) throws(VolfileError) {
        self.volume = volume
        replicas = volume.subvolumes
        let names = volume.options.list("afr-pending-xattr")
        let suffixes = names.isEmpty ? volume.subvolumes.map(\.name) : names
        guard suffixes.count == volume.subvolumes.count, Set(suffixes).count == suffixes.count else {
            throw volume.error(
                "option \"afr-pending-xattr\" must name each of its \(volume.subvolumes.count) subvolumes once, in their order"
            )
        }
        pendingKeys = suffixes.map { "trusted.afr." + $0 }
        let volumeID = try Self.volumeID(of: volume)
        locks = ReplicaLocks(replicate: volume.name)
        isServedHere = volume.subvolumes.map(\.isBrickServedHere)
        let count = volume.subvolumes.count
        let connections = Connections(
            up: Array(repeating: false, count: count), losses: Array(repeating: 0, count: count),
            heard: Array(repeating: false, count: count))
        let settings = try ReplicateSettings(volume.options, of: volume)
        state = Mutex(
            State(
                connections: connections, settings: settings, volumeID: volumeID,
                roles: Array(repeating: nil, count: count)))
    }

    private static func volumeID(of volume: Volume) throws(VolfileError) -> Gfid? {
        guard let text = volume.options.text(ifSet: "volume-id") else { return nil }
        guard let id = Gfid(text) else {
            throw volume.error("option \"volume-id\" is \"\(text)\", which is not a UUID such as \(Gfid.random())")
        }
        return id
    }

    /// An embedded brick that has started serves, whether it says so or not.
    public func start() async throws(VolfileError) {
        try await finishMaking()
        for replica in replicas.indices where isServedHere[replica] && replicas[replica].localBrick?.isServing == true {
            changeUp(replica, to: true, onlyIfUnheard: true)
        }
    }

    public func stop() async {
        await leases.stop()
        for lease in leases.all { await settle(lease.inode) }
    }

    public func reconfigure(_ options: OptionValues) throws(VolfileError) {
        let settings = try ReplicateSettings(options, of: volume)
        state.withLock { $0.settings = settings }
    }

    /// The index of each brick must watch exactly these keys (DESIGN §3.3, "Index").
    public static func refine(_ plan: inout GraphPlan, at volume: Int) throws(VolfileError) {
        let planned = plan.volumes[volume]
        let listed = planned.text(of: "afr-pending-xattr")?.split(separator: ",").map { $0.filter { $0 != " " } } ?? []
        let suffixes = listed.isEmpty ? planned.subvolumes.map { plan.volumes[$0].name } : listed
        let keys = suffixes.map { "trusted.afr." + $0 }.joined(separator: ",")
        for index in plan.nearest("features/index", below: volume) {
            plan.handDown("xattrop-pending-watchlist", keys, to: index)
            plan.handDown("xattrop-dirty-watchlist", PendingCounts.dirtyKey, to: index)
        }
    }
}

// What it shows to those above.
extension ReplicateTranslator {
    public var lockDomain: String { locks.data }
    public var volumeID: Gfid? { state.withLock { $0.volumeID } }
    public var up: [Bool] { state.withLock { $0.connections.up } }
    public var quorum: QuorumRule { settings.quorum }
    public var ensuresDurability: Bool { settings.ensuresDurability }
    public var locksEagerly: Bool { settings.locksEagerly }
    var settings: ReplicateSettings { state.withLock { $0.settings } }
    var connections: Connections { state.withLock { $0.connections } }
}

// What it hears from below.
extension ReplicateTranslator {
    public func notify(_ event: GraphEvent, from subvolume: any Translator) {
        let replica = replicas.firstIndex { $0 === subvolume }
        switch event {
        case .subvolumeUp:
            if let replica { changeUp(replica, to: true) }
        case .subvolumeDown:
            if let replica { changeUp(replica, to: false) }
        case .inodelkContention(let gfid, let domain, _):
            if domain == lockDomain { closeWanted(gfid) }
            volume.notifyParents(event, from: self)
        default: volume.notifyParents(event, from: self)
        }
    }

    private func changeUp(_ replica: Int, to isUp: Bool, onlyIfUnheard: Bool = false) {
        let change = state.withLock { state -> (before: Int, after: Int)? in
            if onlyIfUnheard && state.connections.heard[replica] { return nil }
            state.connections.heard[replica] = true
            guard state.connections.up[replica] != isUp else { return nil }
            let before = state.connections.up.count { $0 }
            state.connections.up[replica] = isUp
            state.connections.generation += 1
            if !isUp { state.connections.losses[replica] += 1 }
            return (before, before + (isUp ? 1 : -1))
        }
        guard let change else { return }
        volume.log(isUp ? .info : .warning, "replica \"\(replicas[replica].name)\" is \(isUp ? "up" : "down")")
        // A lease without this replica ends soon, so that the next one has it again.
        if isUp { leases.all.forEach { closeWanted($0.inode.gfid) } }
        volume.notifyParents(isUp ? .replicaUp(replica) : .replicaDown(replica), from: self)
        if change.before == 0 { volume.notifyParents(.subvolumeUp, from: self) }
        if change.after == 0 { volume.notifyParents(.subvolumeDown, from: self) }
    }
}

extension ReplicateTranslator {
    /// How many inodes' data locks this client holds now.
    public var openLeaseCount: Int { leases.all.count }

    public func dump() -> StateDump? {
        let (connections, settings) = (connections, settings)
        var replicas: [StateDump.Value] = []
        for (position, replica) in self.replicas.enumerated() {
            replicas.append(
                .table([
                    ("name", .text(replica.name)), ("pending-key", .text(pendingKeys[position])),
                    ("up", .flag(connections.up[position])), ("local", .flag(replica.localBrick != nil)),
                ]))
        }
        return StateDump([
            ("replicas", .list(replicas)),
            ("quorum", .text("\(settings.quorum)")),
            ("quorum-met", .flag(settings.quorum.isMet(by: connections.up))),
            ("data-locks-held", .integer(Int64(openLeaseCount))),
        ])
    }
}
