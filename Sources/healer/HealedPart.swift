import DaemonProcess
import HealEngine
import HealProtocol
import HealTransport
import Synchronization
import TranslatorCore
import Translators

/// One replica set at work: its bricks, its pipeline, the journals on its bricks. Tells writers and watchers what it
/// does.
final class HealedPart: Sendable {
    let position: UInt16
    let graph: Graph
    let pipeline: HealPipeline
    let replicaSet: any ReplicaSet
    private let announcer: Announcer
    /// Once the bricks have started.
    let journals = Mutex<WriterJournals?>(nil)

    init(_ part: HealerConfiguration.Part, position: Int, environment: GraphEnvironment) throws(DaemonFailure) {
        do throws(VolfileError) {
            graph = try Graph(part.volfile, registry: InTreeTranslators.registry, environment: environment)
        } catch {
            throw DaemonFailure(error)
        }
        guard let set = graph.top as? any ReplicaSet else { preconditionFailure("a part ends in a replica set") }
        (self.position, replicaSet) = (UInt16(position), set)
        let edges = LateEdges()
        announcer = Announcer(position: UInt16(position))
        pipeline = HealPipeline(
            set, settings: part.settings, explanations: edges, writers: edges, listener: announcer)
        self.edges = edges
    }
    private let edges: LateEdges

    /// Starts the bricks. Throws the volume's id out of agreement, a brick that cannot be served…
    func start() async throws(DaemonFailure) -> Gfid {
        do throws(VolfileError) { try await graph.start() } catch { throw DaemonFailure(error) }
        guard let id = replicaSet.volumeID else {
            await graph.stop()
            throw DaemonFailure(
                .configuration,
                "volume \"\(replicaSet.name)\": no volume-id; set \"option volume-id\" in cluster/replicate")
        }
        return id
    }

    func attach(
        volume: String, id: Gfid, healer: Gfid, boot: Gfid, publisher: HealerPublisher, log: Log
    ) -> WriterJournals {
        let journals = WriterJournals(replicaSet, position: position, volume: id, boot: boot, log: log)
        edges.attach(journals)
        announcer.attach(
            Announcer.Ties(volume: volume, id: id, healer: healer, publisher: publisher, journals: journals))
        self.journals.withLock { $0 = journals }
        return journals
    }
}

/// The engine's edges before the bricks have started, when nobody can be asked yet.
private final class LateEdges: ExplanationSource, WriterWatch {
    private let journals = Mutex<WriterJournals?>(nil)
    func attach(_ journals: WriterJournals) { self.journals.withLock { $0 = journals } }

    func explain(_ question: EpochQuestion) async -> [JournalExplanation] {
        await journals.withLock { $0 }?.explain(question) ?? []
    }
    func life(of writer: Gfid, target: Int) async -> WriterLife {
        await journals.withLock { $0 }?.life(of: writer, target: target) ?? .alive
    }
}

/// Tells writers what was healed, and everybody what happens.
final class Announcer: HealListener {
    struct Ties: Sendable {
        let volume: String
        let id: Gfid, healer: Gfid
        let publisher: HealerPublisher
        let journals: WriterJournals
    }
    private let position: UInt16
    private let ties = Mutex<Ties?>(nil)

    init(position: UInt16) { self.position = position }
    func attach(_ ties: Ties) { self.ties.withLock { $0 = ties } }

    func confirmed(_ gfid: Gfid, generation: Int32, target: Int, sink: Int) {
        guard let ties = ties.withLock({ $0 }) else { return }
        ties.publisher.confirm(
            HealConfirmation(
                volume: ties.id, replicaSet: position, target: UInt16(target), sink: UInt16(sink), gfid: gfid,
                generation: generation, healer: ties.healer))
    }
    func settled(_ gfid: Gfid, through generation: Int32, target: Int) {
        ties.withLock { $0 }?.journals.settled(gfid, through: generation, target: target)
    }
    func happened(_ change: HealEvent.Change) {
        guard let ties = ties.withLock({ $0 }) else { return }
        ties.publisher.publish(
            HealEvent(volume: ties.volume, time: SystemTimeSource().wallClock(), change: change))
    }
}
