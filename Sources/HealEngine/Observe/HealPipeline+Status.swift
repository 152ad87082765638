import HealProtocol
import ReplicaState
import Synchronization
import TranslatorCore

/// What of a status the engine cannot know by itself.
public struct HealSurroundings: Sendable {
    /// The volume's name and id, and this healer's.
    public var volume: String
    public var volumeID: Gfid, healer: Gfid
    /// Writers that are heard, and when each was last.
    public var writers: [Gfid: MonotonicTime] = [:]
    /// What the transport noticed of lost records.
    public var recordsLost = 0, recordGaps = 0, recordsRefused = 0
    /// What is not seen of the volume's description and of writers.
    public var unseen: [BlindSpot] = []

    public init(volume: String, volumeID: Gfid, healer: Gfid) {
        (self.volume, self.volumeID, self.healer) = (volume, volumeID, healer)
    }
}

extension HealPipeline {
    /// Everything at this moment, from memory: takes no lock on any file.
    public func status(_ surroundings: HealSurroundings) -> HealStatus {
        let (now, wall) = (time.now(), time.wallClock())
        let up = replicas.watch.states
        return state.withLock { state in
            // Under one lock, or the figures would be of two moments.
            state.sample(at: now, wall: wall)
            let active = state.ledger.active.filter { $0.value.plan != nil }
                .map { activeHeal($0.key, $0.value, at: now) }.sorted { $0.gfid < $1.gfid }
            let backlog = state.backlog
            let isUp = up.allSatisfy(\.isUp)
            let unseen =
                state.unreadIndices.sorted { $0.key < $1.key }.filter { up[$0.key].isUp }
                .map { blindSpot($0.key, $0.value) } + surroundings.unseen
            var counters = state.ledger.counters
            (counters.recordsLost, counters.recordGaps) = (surroundings.recordsLost, surroundings.recordGaps)
            counters.recordsRefused = surroundings.recordsRefused
            let target = state.knowledge.targets.max()
            let meter = state.ledger.meter
            return HealStatus(
                volume: surroundings.volume, volumeID: surroundings.volumeID,
                state: state.volumeState(isUp: isUp, seesAll: unseen.isEmpty, now: now),
                writes: surroundings.writers.isEmpty ? .none : .local,
                target: target.map { replicas.names[$0] }, lag: state.ledger.lag(at: now), backlog: backlog,
                rateBytesPerSecond: UInt64(meter.healedRate),
                fractionDone: state.filesLeft == 0 ? 1 : meter.fractionDone,
                eta: meter.eta, etaQuality: meter.etaQuality,
                copies: copies(state, up, now: now), active: active,
                quarantine: state.quarantine.entries.keys.sorted().prefix(1000).compactMap {
                    state.quarantine.file($0)
                },
                history: state.ledger.history,
                writers: surroundings.writers.sorted { $0.key < $1.key }.map { writer, heard in
                    WriterStatus(writer: writer, target: target.map { replicas.names[$0] } ?? "", fresh: now - heard)
                }, unseen: unseen, counters: counters, isPaused: state.isPaused, foreignHealer: state.foreignHealer,
                lastClean: state.ledger.lastClean, healer: surroundings.healer, time: wall)
        }
    }

    /// Why the index of a replica that is up cannot be read.
    func blindSpot(_ replica: Int, _ error: FopError) -> BlindSpot {
        let place = replicas.replicas[replica].shownBrick ?? replicas.names[replica]
        // The answer where nobody in the graph knows such a name.
        if error == .noData || error == .notSupported {
            return BlindSpot(
                .index, place, reason: "nobody keeps an index of what is pending there",
                remedy: "put features/index above that brick's storage/posix, for mounts and healer alike")
        }
        return BlindSpot(
            .index, place, reason: "the index of what is pending there cannot be read: \(error)",
            remedy: "make .glusterfs/indices readable there; it is tried again all the time")
    }

    private func copies(_ state: PipelineState, _ up: [ReplicaWatch.Replica], now: MonotonicTime) -> [CopyStatus] {
        replicas.all.map { replica in
            let name = replicas.names[replica]
            let isTarget = state.knowledge.targets.contains(replica)
            let isActive = state.ledger.active.values.contains { active in
                active.plan?.sinks.contains { $0.replica == replica } ?? false
            }
            let failed = state.quarantine.entries.values.count { $0.sinks.contains(name) && !$0.error.isSplitBrain }
            let splitBrain = state.quarantine.entries.values.count { $0.error.isSplitBrain }
            let isBehind = !state.ledger.behind.isEmpty && !isTarget
            let copyState: CopyStatus.State =
                if !up[replica].isUp {
                    // Before the first look nobody has tried to reach it.
                    up[replica].wasHeard || state.hasCrawled ? .down : .unknown
                } else if failed > 0 {
                    .failed
                } else if state.unreadIndices[replica] != nil {
                    .unknown
                } else if isTarget {
                    .source
                } else if isActive {
                    .healing
                } else {
                    isBehind ? .behind : .clean
                }
            return CopyStatus(
                name: name, brick: replicas.replicas[replica].shownBrick ?? "", state: copyState,
                behindBytes: isBehind ? state.backlog.bytes : 0, lag: isBehind ? state.ledger.lag(at: now) : .zero,
                rateBytesPerSecond: isTarget ? 0 : UInt64(state.ledger.meter.healedRate),
                pending: PendingFiles(
                    data: isBehind ? state.ledger.behind.count : 0,
                    metadata: state.ledger.otherKinds.values.count { $0.counts.metadata > 0 },
                    entry: state.ledger.otherKinds.values.count { $0.counts.entry > 0 }),
                splitBrain: splitBrain, failed: failed,
                lastClean: isBehind || copyState == .unknown ? state.ledger.lastClean : time.wallClock())
        }
    }
}

extension PipelineState {
    mutating func sample(at now: MonotonicTime, wall: Timestamp) {
        ledger.sample(
            knowledge, filesLeft: filesLeft, at: now, wall: wall, isPaused: isPaused,
            seesAll: unreadIndices.isEmpty)
    }

    /// What is known to be behind; nothing when nothing is.
    var backlog: Backlog {
        guard filesLeft > 0 else { return Backlog() }
        let ranges = knowledge.knownFiles.reduce(0) { $0 + (knowledge.backlog($1)?.ranges ?? 0) }
        return Backlog(files: filesLeft, ranges: ranges, bytes: ledger.leftBytes(knowledge))
    }

    /// Files that are behind, or have not been inspected yet.
    var filesLeft: Int {
        ledger.behind.count + schedule.waiting.count { ledger.behind[$0] == nil }
            + ledger.active.keys.count { ledger.behind[$0] == nil && !schedule.isWaiting($0) }
            + schedule.resting.count { ledger.behind[$0] == nil }
    }

    /// The volume in one word: the worst that holds.
    func volumeState(isUp: Bool, seesAll: Bool, now: MonotonicTime) -> HealStatus.State {
        if quarantine.entries.values.contains(where: \.error.isSplitBrain) { return .splitBrain }
        if !quarantine.entries.isEmpty { return .failed }
        if !hasCrawled || !seesAll { return .unknown }
        // What this engine leaves alone is pending too, and nobody may have told what an absent copy lacks.
        if filesLeft == 0 { return ledger.otherKinds.isEmpty && isUp ? .clean : .behind }
        if isPaused || !isUp { return .behind }
        if ledger.meter.etaQuality == .losingGround { return .losingGround }
        return ledger.lag(at: now) < .seconds(2) ? .inFlight : .healing
    }

    /// A sentence when counts went that this healer did not take.
    var foreignHealer: String? {
        guard ledger.foreignHealsSeen > 0 else { return nil }
        return
            "another self-heal daemon takes marks off here, which makes whole-file heals of range heals; to turn it off: gluster volume set VOLUME cluster.self-heal-daemon off"
    }
}
