import DaemonProcess
import HealProtocol
import HealTransport
import Synchronization
import TranslatorCore
import Translators

/// One bypass translator's writer, as healers know it: from when its target is there. The journal is kept on the
/// target, so a target that was away gets a new one, and a new writer with it: what the old one left there is a dead
/// writer's.
final class BypassWriter: Sendable {
    private struct State {
        var current: PublishingObserver?
        /// Files that were opened under them may still close epochs.
        var retired: [PublishingObserver] = []
        var watch: Task<Void, Never>?
        /// Why it could not be attached, as it was said last.
        var complaint: String?
    }
    /// How often the target is looked at. Shorter than it can be away.
    private static let lookPause = Duration.milliseconds(500)

    private let bypass: BypassTranslator
    private let makePublisher: @Sendable () throws(DaemonFailure) -> RecordPublisher
    private let state = Mutex(State())

    init(_ bypass: BypassTranslator, _ makePublisher: @escaping @Sendable () throws(DaemonFailure) -> RecordPublisher) {
        (self.bypass, self.makePublisher) = (bypass, makePublisher)
    }

    /// Attaches itself if the target is there; else nothing is bypassed until it is.
    func start() throws(DaemonFailure) {
        if isTargetThere { try attach() }
        guard isTargetServedHere else { return }
        let (time, executor) = (bypass.volume.environment.time, bypass.volume.environment.executor)
        let watch = Task(executorPreference: executor) { [weak self] in
            while (try? await time.sleep(for: Self.lookPause)) != nil { self?.look() }
        }
        state.withLock { $0.watch = watch }
    }

    func close() {
        let all = state.withLock { state in
            state.watch?.cancel()
            defer { (state.current, state.retired, state.watch) = (nil, [], nil) }
            return state.retired + [state.current].compactMap(\.self)
        }
        for observer in all { observer.publisher.close() }
    }

    private var replicaSet: (any ReplicaSet)? { bypass.subvolume as? any ReplicaSet }
    private var isTargetServedHere: Bool { replicaSet?.replicas[bypass.targetPosition].isBrickServedHere ?? false }
    /// The journal of one that another process serves is in its directory, whether that process runs or not.
    private var isTargetThere: Bool { !isTargetServedHere || replicaSet?.up[bypass.targetPosition] == true }

    private func attach() throws(DaemonFailure) {
        let observer = PublishingObserver(try makePublisher())
        state.withLock { $0.current = observer }
        bypass.attach(observer: observer)
    }

    private func look() {
        let (isAttached, isThere) = (state.withLock { $0.current != nil }, isTargetThere)
        if isAttached && !isThere {
            state.withLock { state in
                guard let current = state.current else { return }
                current.isRetired.store(true, ordering: .relaxed)
                state.retired.append(current)
                state.current = nil
            }
        } else if !isAttached && isThere {
            do throws(DaemonFailure) {
                try attach()
                bypass.volume.log(.info, "writes to its target \"\(targetName)\" from now on")
            } catch {
                let isNews = state.withLock { state in
                    defer { state.complaint = error.description }
                    return state.complaint != error.description
                }
                if isNews { bypass.volume.log(.warning, "does not bypass yet: \(error)") }
            }
        }
    }
    private var targetName: String { replicaSet?.replicas[bypass.targetPosition].name ?? "" }
}

/// `features/bypass` speaks, `RecordPublisher` journals and publishes.
private final class PublishingObserver: WriteObserver {
    let publisher: RecordPublisher
    /// Its journal was in a directory that has gone.
    let isRetired = Atomic<Bool>(false)
    init(_ publisher: RecordPublisher) { self.publisher = publisher }

    var canJournal: Bool { !isRetired.load(ordering: .relaxed) && publisher.canJournal }
    func epochOpening(_ gfid: Gfid) throws(FopError) { try publisher.epochOpening(gfid) }
    func epochOpened(_ gfid: Gfid, generation: Int32) { publisher.epochOpened(gfid, generation: generation) }

    func writeBegins(_ gfid: Gfid, generation: Int32, offset: UInt64, bytes: UInt64) -> RecordedWrite {
        let sequence = publisher.writeBegins(gfid, generation: generation, offset: offset, bytes: bytes)
        return RecordedWrite(gfid: gfid, generation: generation, sequence: sequence, offset: offset, bytes: bytes)
    }
    func writeEnded(_ write: RecordedWrite) {
        publisher.writeEnded(
            write.gfid, generation: write.generation, sequence: write.sequence, offset: write.offset, bytes: write.bytes
        )
    }
    func epochClosed(_ gfid: Gfid, generation: Int32, records: UInt64, isExact: Bool) {
        publisher.epochClosed(gfid, generation: generation, records: records, isExact: isExact)
    }
    func healWanted(_ gfid: Gfid, generation: Int32) { publisher.healWanted(gfid, generation: generation) }
    func epochsHealed(_ gfid: Gfid, through generation: Int32) { publisher.epochsHealed(gfid, through: generation) }
    func targetLost() { publisher.targetLost() }
}
