import HealEngine
import HealProtocol
import TranslatorCore
import TranslatorTesting
import Translators

/// What a healer's process tells its engine of writers and journals, and whom it tells what was healed.
final class SimulatedEdges: ExplanationSource, WriterWatch, HealListener, @unchecked Sendable {
    // Safe because every task of a simulation runs on one thread.
    private unowned let world: World
    private var deaths: [Gfid: MonotonicTime] = [:]
    private var told: Set<Gfid> = []

    init(_ world: World) { self.world = world }

    func explain(_ question: EpochQuestion) async -> [JournalExplanation] {
        await world.pause()
        let instance = world.instances[question.target]
        return world.journals.filter { $0.target == question.target }.compactMap { journal in
            let believed = world.missingRule == .instance ? journal.instance : instance
            guard var told = journal.explanation(of: question.gfid, instance: believed) else { return nil }
            told.epochs.removeAll { $0.generation < question.generations.lowerBound }
            return told.epochs.isEmpty ? nil : told
        }
    }

    func life(of writer: Gfid, target: Int) async -> WriterLife {
        guard let journal = world.journals.first(where: { $0.writer == writer }), !journal.isAlive else {
            return .alive
        }
        return .dead(since: notice(writer))
    }
    private func notice(_ writer: Gfid) -> MonotonicTime {
        let since = deaths[writer] ?? world.executor.clock.now()
        deaths[writer] = since
        return since
    }

    /// Those that died since the last look.
    func newlyDead() -> [Gfid] {
        world.journals.filter { !$0.isAlive && told.insert($0.writer).inserted }.map { journal in
            _ = notice(journal.writer)
            return journal.writer
        }
    }

    func confirmed(_ gfid: Gfid, generation: Int32, target: Int, sink: Int) {
        world.note("healed epoch \(generation) of \(target) on \(sink)")
        guard !world.executor.happens(10), let mount = world.writer else { return }
        world.executor.start { [world] in
            await world.pause()
            if mount.isAlive { mount.bypass?.confirmed(gfid: gfid, generation: generation, replica: sink) }
        }
    }
    func settled(_ gfid: Gfid, through generation: Int32, target: Int) {
        for journal in world.journals where journal.target == target && !journal.isAlive {
            journal.trim(gfid, through: generation)
        }
    }
    func happened(_ change: HealEvent.Change) {
        switch change {
        case .started(let heal): world.note("heal begins: \(heal.method) to \(heal.sinks)")
        case .finished(let heal): world.note("heal ends: \(heal.method) to \(heal.sinks) \(heal.reason)")
        case .quarantined(let file): world.note("heal failed: \(file.reason)")
        default: break
        }
    }
}
