import DaemonProcess
import FuseMount
import HealProtocol
import ReplicaState
import Synchronization
import TranslatorCore
import Translators

/// What a mount does while a replica is away that, as the others' roots say, may hold more than they do: the target of
/// another bypass mount (heal-protocol.md §3.1 step 9). Asked at the mount, and whenever a replica comes or goes.
final class MissingTarget: Translator {
    static let type: TranslatorType = "volmount/missing-target"
    static let needs: SubvolumeNeed = .exactly(1)

    enum Policy: String, CaseIterable, Sendable {
        /// No mount; in one that runs content is neither read nor written, EIO.
        case refuse
        /// What the others hold is read, nothing is changed.
        case readOnly = "read-only"
        /// What the others hold is all there is.
        case believe
    }

    let volume: Volume
    private let set: any ReplicaSet
    private let policy: Policy
    private let gate: WriteGate
    private let own: Set<Gfid>
    private let looking = WantedWork()
    private let isClosed = Mutex(false)
    /// While the gate is closed: marks may be taken off by hand.
    private static let lookPause = Duration.seconds(2)

    init(_ set: any ReplicaSet, own: Set<Gfid>, policy: Policy, gate: WriteGate) {
        (self.set, self.own, self.policy, self.gate) = (set, own, policy, gate)
        let below = set.volume
        // Without options nothing can be wrong with them.
        volume = Volume(
            name: below.name + "-missing-target", type: Self.type, options: try! OptionValues([:], declarations: []),
            subvolumes: [set], slot: below.slot, environment: below.environment, location: below.location)
    }

    /// Not made from a volfile.
    init(_ volume: Volume) throws(VolfileError) { throw volume.error("\(Self.type) is volmount's own") }

    /// All of a started graph's. Throws where one is missing and nothing is to be mounted then; `settings` come back
    /// read-only where that was asked for.
    static func watch(
        _ graph: Graph, _ policy: Policy, _ settings: inout FuseMountSettings, gate: WriteGate
    ) async throws(DaemonFailure) -> [MissingTarget] {
        let bypasses = graph.translators.compactMap { $0 as? BypassTranslator }
        var watches: [MissingTarget] = []
        for set in graph.translators.compactMap({ $0 as? any ReplicaSet }) {
            let own = Set(bypasses.filter { $0.subvolume === set }.map(\.mountID))
            let watch = MissingTarget(set, own: own, policy: policy, gate: gate)
            let missing = await watch.missingAtStart()
            if !missing.isEmpty {
                switch policy {
                case .refuse: throw DaemonFailure(.startUp, "\(set.volume.location): \(watch.sentence(missing))")
                case .readOnly: _ = settings.kernelFlags.take("ro")
                case .believe: break
                }
                set.volume.log(.warning, watch.sentence(missing))
            }
            set.volume.addParent(watch)
            watches.append(watch)
        }
        return watches
    }

    /// Whether a mount that only reads has to go on so; the log says why.
    func keepsFromWriting() async -> Bool {
        let missing = policy == .believe ? [] : await missing()
        if !missing.isEmpty { set.volume.log(.warning, sentence(missing)) }
        return !missing.isEmpty
    }

    func stop() async { await looking.end() }

    func notify(_ event: GraphEvent, from subvolume: any Translator) {
        switch event {
        case .replicaDown, .replicaUp: looking.want(in: volume.environment) { await self.look() }
        default: break
        }
    }
}

// Looking.
extension MissingTarget {
    /// A brick beyond a network may be on its way up.
    private func missingAtStart() async -> [AheadMark] {
        var found = await missing()
        let mayCome = zip(set.replicas, set.up).contains { !$1 && !$0.isBrickServedHere }
        for _ in 0..<20 where mayCome && !found.isEmpty {
            _ = try? await volume.environment.time.sleep(for: .milliseconds(250))
            found = await missing()
        }
        return found
    }

    private func missing() async -> [AheadMark] {
        let up = set.up
        guard up.contains(false) else { return [] }
        let root = FopTarget.inode(volume.environment.inodes.inode(.root, type: .directory))
        var marks: [AheadMark] = []
        for (replica, isUp) in zip(set.replicas, up) where isUp {
            let found = try? await replica.getxattr(GetxattrRequest(root), in: Frame(caller: .root))
            marks += (found?.xattrs ?? [:]).compactMap { AheadMark(key: $0.key, value: $0.value) }
        }
        let names = set.pendingKeys.map { String($0.dropFirst("trusted.afr.".count)) }
        return AheadMark.missing(marks, names: names, up: set.up, own: own).sorted { $0.since < $1.since }
    }

    private func look() async -> Duration? {
        decide(await missing())
        return isClosed.withLock { $0 } ? Self.lookPause : nil
    }

    private func decide(_ missing: [AheadMark]) {
        let closes = !missing.isEmpty
        let hasChanged = isClosed.withLock { isClosed in
            defer { isClosed = closes && policy != .believe }
            return isClosed != closes
        }
        guard hasChanged else { return }
        if closes {
            set.volume.log(policy == .believe ? .warning : .error, sentence(missing))
        } else {
            set.volume.log(.info, "what may hold more than the others is there again")
        }
        switch policy {
        case .refuse: closes ? gate.blind() : gate.unblind()
        case .readOnly: closes ? gate.close() : gate.open()
        case .believe: break
        }
    }

    private func sentence(_ missing: [AheadMark]) -> String {
        let first = missing[0]
        let names = set.pendingKeys.map { String($0.dropFirst("trusted.afr.".count)) }
        let place = names.firstIndex(of: first.target).flatMap { set.replicas[$0].shownBrick }
        let who = place.map { "\"\(first.target)\" (\($0))" } ?? "a replica called \"\(first.target)\""
        let since = Timestamp(seconds: first.since, nanoseconds: 0).iso8601
        let consequence =
            switch policy {
            case .refuse:
                "content is neither read nor written; bring it back, or mount with -o on-missing-target=read-only or believe"
            case .readOnly: "what they hold is read only; bring it back"
            case .believe: "what they hold is believed, as -o on-missing-target=believe says"
            }
        return
            "volume \"\(set.name)\": \(who) is away, and since \(since) a bypass mount may have written there what the other copies lack (\(first.key) on their roots): \(consequence)"
    }
}
