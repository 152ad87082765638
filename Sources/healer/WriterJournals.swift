import HealEngine
import HealProtocol
import HealTransport
import Synchronization
import TranslatorCore

/// What journals on the bricks of one replica set, and living writers, tell the engine: who lives, what dead ones
/// wrote. A target without a directory on this machine has no journal here; its living writers are asked.
final class WriterJournals: ExplanationSource, WriterWatch {
    private struct Life {
        var isAlive = true
        var diedAt: MonotonicTime?
        /// Its death was handed on by `look`: a heal that asks for its life may be the first to notice.
        var isTold = false
    }
    let replicaSet: UInt16
    /// By replica; nil where the brick is not on this machine.
    private let readers: [JournalReader?]
    private let time: any TimeSource
    private let log: Log
    private let volume: Gfid, boot: Gfid
    /// About names, each said once.
    private let complaints = Mutex<Set<String>>([])
    private let lives = Mutex<[Gfid: Life]>([:])
    private let subscriber = Mutex<RecordSubscriber?>(nil)

    init(_ set: any ReplicaSet, position: UInt16, volume: Gfid, boot: Gfid, log: Log) {
        replicaSet = position
        readers = set.replicas.map { replica in
            replica.localBrick.map {
                JournalReader(brick: $0.brickDirectory, volume: volume, boot: boot, log: log)
            }
        }
        (time, self.log) = (set.volume.environment.time, log)
        (self.volume, self.boot) = (volume, boot)
    }

    func attach(_ subscriber: RecordSubscriber) { self.subscriber.withLock { $0 = subscriber } }

    // What dead writers left.

    /// Looks at every journal: who has died since the last look, and which files the dead ones name.
    func look() -> (died: [Gfid], unhealed: Set<Gfid>) {
        var died: [Gfid] = []
        var unhealed: Set<Gfid> = []
        for reader in readers.compactMap(\.self) {
            do throws(JournalError) {
                for journal in try reader.journals() {
                    notice(journal.writer, isAlive: journal.isAlive)
                    if isNews(journal.writer) { died.append(journal.writer) }
                }
                guard !died.isEmpty || isFirstLook(reader) else { continue }
                for dead in try reader.deadJournals() where dead.replicaSet == replicaSet {
                    unhealed.formUnion(dead.unhealed.keys)
                }
            } catch {
                log.write(.warning, volume: "journal") { error.description }
            }
        }
        return (died, unhealed)
    }

    private let looked = Mutex<Set<String>>([])
    private func isFirstLook(_ reader: JournalReader) -> Bool { looked.withLock { $0.insert(reader.brick).inserted } }

    private func notice(_ writer: Gfid, isAlive: Bool) {
        let now = time.now()
        lives.withLock { lives in
            if isAlive {
                lives[writer] = Life()
            } else if lives[writer]?.diedAt == nil {
                lives[writer] = Life(isAlive: false, diedAt: now)
            }
        }
    }

    /// Whether it is dead and nobody was told yet.
    private func isNews(_ writer: Gfid) -> Bool {
        lives.withLock { lives in
            guard let life = lives[writer], life.diedAt != nil, !life.isTold else { return false }
            lives[writer]!.isTold = true
            return true
        }
    }

    /// Finishes the changes of names that dead mounts left half done.
    func settleNames(of set: any ReplicaSet) async {
        guard let set = set as? any NameSettling else { return }
        for complaint in await LeftNames.settleAll(of: set, volume: volume, boot: boot) {
            guard complaints.withLock({ $0.count < 1_000 && $0.insert(complaint).inserted }) else { continue }
            log.write(.warning, volume: "names") { complaint }
        }
    }

    // Edges of the engine.

    func life(of writer: Gfid, target: Int) async -> WriterLife {
        var isAlive: Bool
        if let reader = readers[target] {
            do throws(JournalError) { isAlive = try reader.isAlive(writer) } catch {
                // Whoever cannot be asked is not believed dead.
                log.write(.warning, volume: "journal") { error.description }
                return .alive
            }
        } else {
            isAlive = subscriber.withLock { $0?.writers[writer] != nil }
        }
        notice(writer, isAlive: isAlive)
        return lives.withLock { $0[writer]?.diedAt }.map { .dead(since: $0) } ?? .alive
    }

    func explain(_ question: EpochQuestion) async -> [JournalExplanation] {
        if let reader = readers[question.target] {
            do throws(JournalError) {
                return try reader.explain(question.gfid, after: question.generations.lowerBound - 1)
            } catch {
                log.write(.warning, volume: "journal") { error.description }
            }
        }
        guard let subscriber = subscriber.withLock({ $0 }) else { return [] }
        var found: [JournalExplanation] = []
        for writer in question.writers {
            guard let records = await subscriber.replay(question.gfid, of: writer) else { continue }
            found.append(Self.explanation(records, question, writer, replicaSet))
        }
        return found
    }

    private static func explanation(
        _ records: [WriteRecord], _ question: EpochQuestion, _ writer: Gfid, _ replicaSet: UInt16
    ) -> JournalExplanation {
        var digest = JournalDigest(of: question.gfid)
        for record in records where Int(record.target) == question.target { digest.add(record, segment: 0) }
        return JournalExplanation(
            gfid: question.gfid, writer: writer, replicaSet: replicaSet, target: UInt16(question.target),
            isWriterAlive: true,
            epochs: digest.epochs(isWriterDead: false).filter { question.generations.contains($0.generation) })
    }

    /// Nobody needs the journals of dead writers for this any more.
    func settled(_ gfid: Gfid, through generation: Int32, target: Int) {
        readers[target]?.healed(gfid, through: generation)
    }
}
