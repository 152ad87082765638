import ReplicaState
import Synchronization
import TranslatorCore

/// `features/bypass`: writes data to one local replica alone, having marked on disk that the others are behind, and
/// tells a `WriteObserver` what it wrote, so that a healer copies just that (DESIGN §3.1).
///
/// Names and attributes always go through `cluster/replicate` below; so does everything that may not be bypassed now.
/// Without an observer, which keeps the journal, nothing is bypassed.
public final class BypassTranslator: Translator {
    public static let type: TranslatorType = "features/bypass"
    public static let summary = "Writes to the local replica alone and leaves the others to the healer."
    public static let needs: SubvolumeNeed = .exactly(1)
    public static let options = BypassSettings.declarations

    public let volume: Volume
    /// The replica written to, by position in the replica set below.
    public let targetPosition: Int
    let replicaSet: any ReplicaSet
    let target: any Translator
    /// The same, where it writes behind its brick's back.
    let lateTimes: (any LateTimes)?
    let marks: EpochMarks
    let locks: ReplicaLocks
    let timing: BypassInodeState.Timing
    let counters = BypassCounters()
    let active = ActiveInodes()
    let backlog = Mutex(Backlog())
    let alarm: Alarm
    let jobs: JobQueue
    /// Stands in the alarm for the backlog.
    let sweeper = Inode(gfid: .none, type: .unknown)
    /// Stands in the alarm for the marks on the roots.
    let aheadKeeper = Inode(gfid: Gfid(high: 0, low: 2), type: .unknown)
    /// This mount in its marks (`AheadMark`).
    public let mountID = Gfid.random()
    let ahead: Mutex<AheadState>

    private struct Shared {
        var settings: BypassSettings
        var observer: (any WriteObserver)?
        var tasks: [Task<Void, Never>] = []
        var isStopping = false
    }
    private let shared: Mutex<Shared>

    public init(_ volume: Volume) throws(VolfileError) {
        let below = volume.firstSubvolume
        guard let set = below as? any ReplicaSet else {
            throw volume.error(
                "features/bypass stands on cluster/replicate, but its subvolume \"\(below.name)\" is \(Swift.type(of: below).type)"
            )
        }
        guard set.locksEagerly else { throw volume.error(Self.needsEagerLock(set)) }
        let position = try Self.target(volume.options.text("target"), among: set, for: volume)
        let settings: BypassSettings
        do throws(OptionError) { settings = try BypassSettings(volume.options) } catch {
            throw volume.error("\(error)")
        }
        self.volume = volume
        (replicaSet, targetPosition, target) = (set, position, set.replicas[position])
        lateTimes = set.replicas[position] as? any LateTimes
        marks = EpochMarks(pendingKeys: set.pendingKeys, target: position)
        locks = ReplicaLocks(replicate: set.lockDomain)
        timing = settings.timing
        shared = Mutex(Shared(settings: settings))
        ahead = Mutex(AheadState(replicaCount: set.replicas.count))
        alarm = Alarm(volume.environment.time, on: volume.environment.executor)
        jobs = JobQueue()
    }

    private static func needsEagerLock(_ set: any ReplicaSet) -> String {
        "cluster/replicate \"\(set.name)\" has eager-lock off: its writers lock ranges only, which an epoch cannot keep out; to bypass set \"option eager-lock on\" there"
    }

    /// The position of the replica that `target` names.
    private static func target(
        _ name: String, among set: any ReplicaSet, for volume: Volume
    ) throws(VolfileError) -> Int {
        let names = set.replicas.map { "\"\($0.name)\"" }.joined(separator: ", ")
        guard name == "auto" else {
            if let position = set.replicas.firstIndex(where: { $0.name == name }) { return position }
            throw volume.error(
                "option target is \"\(name)\", which is no subvolume of \"\(set.name)\"; it has \(names)")
        }
        let local = set.replicas.indices.filter { set.replicas[$0].localBrick != nil }
        if local.count == 1 { return local[0] }
        let found =
            local.isEmpty
            ? "none of \(names) has"
            : "\(local.map { "\"\(set.replicas[$0].name)\"" }.joined(separator: ", ")) all have"
        throw volume.error("option target is auto, but \(found) a brick on this machine; name one: option target NAME")
    }

    var settings: BypassSettings { shared.withLock { $0.settings } }
    var observer: (any WriteObserver)? { shared.withLock { $0.observer } }
    var isStopping: Bool { shared.withLock { $0.isStopping } }
    var now: MonotonicTime { volume.environment.time.now() }

    /// Who journals and publishes. Before the first file is opened; files opened earlier are never bypassed.
    public func attach(observer: any WriteObserver) { shared.withLock { $0.observer = observer } }

    public func start() async throws(VolfileError) {
        let executor = volume.environment.executor
        // Both end in `stop`; until then the translator lives.
        let timer = Task(executorPreference: executor) { await self.alarm.run { $0.forEach { self.tick($0) } } }
        let worker = Task(executorPreference: executor) { await self.jobs.run { await self.perform($0) } }
        shared.withLock { $0.tasks = [timer, worker] }
    }

    /// Closes every epoch, lets go of every lock, and ends what runs.
    public func stop() async {
        shared.withLock { $0.isStopping = true }
        for file in active.all {
            decide(file) { $0.close(.stopping, until: MonotonicTime(nanoseconds: .max)) }
            file.cancelLockWait()
        }
        await active.becomeEmpty()
        await endOfAhead()
        alarm.stop()
        jobs.finish()
        for task in shared.withLock({ $0.tasks }) { await task.value }
    }

    public func reconfigure(_ options: OptionValues) throws(VolfileError) {
        let settings: BypassSettings
        do throws(OptionError) { settings = try BypassSettings(options) } catch { throw volume.error("\(error)") }
        shared.withLock { $0.settings = settings }
    }

    public func notify(_ event: GraphEvent, from subvolume: any Translator) {
        switch event {
        case .replicaDown(let replica): replicaWentDown(replica)
        case .replicaUp: for file in active.all { decide(file) { $0.close(.replicaReturned, until: now) } }
        case .inodelkContention(let gfid, let domain, let range):
            // The notice names the lock that is in the way. That of replicate below may be in our own.
            if domain == locks.data, range == ReplicaLocks.epochLock { contended(gfid) }
        default: break
        }
        volume.notifyParents(event, from: self)
    }

    private func replicaWentDown(_ replica: Int) {
        if replica == targetPosition { observer?.targetLost() }
        ahead.withLock { $0.lost(replica) }
        for file in active.all {
            if replica == targetPosition { file.guarded.withLock { $0.dataFdIsStale = true } }
            decide(file) { $0.lostLocks(onTarget: replica == targetPosition, at: now) }
            file.cancelLockWait()
        }
        // Those that wait for a healer: for the way back from a limit, or in fsync.
        for inode in alarm.inodes {
            guard let file = context(inode) else { continue }
            decide(file) { $0.stopBlocking() }
            file.wake()
        }
    }

    private func contended(_ gfid: Gfid) {
        guard let file = active[gfid] else { return }
        decide(file) { $0.contended(until: later()) }
    }

    /// When something that was refused is tried again.
    func later() -> MonotonicTime { now + volume.environment.pause(.seconds(1) ... .seconds(2)) }
}
