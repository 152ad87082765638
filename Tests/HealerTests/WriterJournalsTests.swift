import CPosix
import HealEngine
import HealProtocol
import HealTransport
import ReplicaState
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import healer

@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct WriterJournalsTests {
    /// Two bricks, and a writer to the first one that has left an epoch unhealed.
    private struct Scene {
        static let volume = Gfid("11111111-2222-4333-8444-555555555555")!
        let scratch = TemporaryDirectory("journals")
        let clock = ManualClock()
        let graph: Graph
        let writer = Gfid.random(), file = Gfid.random()
        let journal: JournalWriter
        let journals: WriterJournals

        init() async throws {
            let bricks = (0..<2).map { [scratch] in scratch.subdirectory("brick\($0)") }
            let text =
                BrickVolumes.volfile(bricks, above: [])
                + "volume set\n type cluster/replicate\n option volume-id \(Self.volume)\n subvolumes index-0 index-1\nend-volume\n"
            graph = try Graph.fromText(text, environment: GraphEnvironment(time: clock, log: .silent))
            try await graph.start()
            let boot = try BootID.current()
            journal = try JournalWriter(
                brick: bricks[0],
                identity: JournalIdentity(volume: Self.volume, writer: writer, boot: boot, replicaSet: 0, target: 0))
            for kind: WriteRecord.Kind in [.opened, .range(offset: 0, bytes: 7)] {
                let record = WriteRecord(
                    volume: Self.volume, replicaSet: 0, target: 0, writer: writer, boot: boot, gfid: file,
                    generation: 1, sequence: 1, kind: kind)
                try #require(journal.append(record) == .stored)
            }
            journals = WriterJournals(
                graph.top as! any ReplicaSet, position: 0, volume: Self.volume, boot: boot, log: .silent)
        }
    }

    @Test func `a death that a heal noticed first is news to the watch all the same, once`() async throws {
        let scene = try await Scene()
        let journals = scene.journals
        #expect(journals.look().died.isEmpty)
        #expect(await journals.life(of: scene.writer, target: 0) == .alive)
        scene.journal.close()
        // Several heals ask between two looks of the watch. None of them may keep it for itself.
        let noticed = scene.clock.now()
        for _ in 0..<3 {
            #expect(await journals.life(of: scene.writer, target: 0) == .dead(since: noticed))
            scene.clock.advance(by: .milliseconds(100))
        }
        let (died, unhealed) = journals.look()
        #expect(died == [scene.writer] && unhealed == [scene.file])
        #expect(journals.look().died.isEmpty)
        #expect(await journals.life(of: scene.writer, target: 0) == .dead(since: noticed))
        await scene.graph.stop()
    }

    @Test func `every heal that waits for a writer is told of its death`() async throws {
        // Goal: nothing waits for a close that cannot come. Method: two files whose newest epoch has no close; heals of
        // both ask for the writer's life; the watch tells the engine of its death, which looks at both again at once.
        let clock = ManualClock()
        let replicas = SimulatedReplicas(count: 2)
        let files = [Gfid.random(), Gfid.random()], writer = Gfid.random()
        let edges = DyingWriter(clock)
        let client = try replicas.connect(environment: GraphEnvironment(time: clock, log: .silent))
        let pipeline = HealPipeline(client.replicaSet, explanations: NoEdges(), writers: edges, listener: NoEdges())
        for file in files {
            for brick in replicas.bricks { brick.place(file) }
            replicas.bricks[0].change(file, write: [7], at: 0)
            replicas.accuse(file, on: 0, about: 1, PendingCounts(data: BypassCounts.epochUnit))
            replicas.setEpochs(file, on: 0, about: 1, opened: 1, healed: 0)
            pipeline.received(
                WriteRecord(
                    volume: .none, replicaSet: 0, target: 0, writer: writer, boot: .none, gfid: file, generation: 1,
                    sequence: 1, kind: .range(offset: 0, bytes: 7)))
        }
        try await client.graph.start()
        let running = Task(executorPreference: IOExecutor.shared) { await pipeline.run() }
        #expect(await eventually { edges.asked.withLock { $0 } >= 2 })
        edges.isDead.store(true, ordering: .sequentiallyConsistent)
        clock.advance(by: .seconds(2))
        pipeline.writerDied(writer)
        #expect(await eventually { files.allSatisfy { !replicas.isDataPending($0) && replicas.haveEqualContent($0) } })
        pipeline.stop()
        await running.value
    }
}

/// A writer that is dead from one moment on.
private final class DyingWriter: WriterWatch {
    let isDead = Atomic(false)
    let asked = Mutex(0)
    private let born: MonotonicTime
    init(_ clock: ManualClock) { born = clock.now() }

    func life(of writer: Gfid, target: Int) async -> WriterLife {
        asked.withLock { $0 += 1 }
        return isDead.load(ordering: .sequentiallyConsistent) ? .dead(since: born) : .alive
    }
}
