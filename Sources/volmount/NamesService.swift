import HealTransport
import TranslatorCore
import Translators

/// What every mount with a brick on its machine keeps of changes of names: finishes what dead mounts left half done,
/// and journals its own. The seam between `cluster/replicate`, which declares `NameObserver`, and `HealTransport`.
struct NamesService {
    private let journals: [NamesJournal]

    /// After the bricks have started, before the first fop. That no journal can be kept is no reason not to mount.
    init(_ graph: Graph) async {
        var journals: [NamesJournal] = []
        for set in graph.translators.compactMap({ $0 as? ReplicateTranslator }) {
            guard let volume = set.volumeID else { continue }
            do throws(JournalError) {
                let boot = try BootID.current()
                for complaint in await LeftNames.settleAll(of: set, volume: volume, boot: boot) {
                    set.volume.log(.warning, complaint)
                }
                guard let journal = try Self.journal(for: set, volume, boot) else { continue }
                set.attach(names: JournalingObserver(journal))
                journals.append(journal)
            } catch {
                set.volume.log(.warning, "what a kill leaves half done of names is not finished: \(error)")
            }
        }
        self.journals = journals
    }

    /// After the graph has stopped.
    func stop() { journals.forEach { $0.close() } }

    /// On the first brick of this machine that has room for it; nil where there is none.
    private static func journal(
        for set: ReplicateTranslator, _ volume: Gfid, _ boot: Gfid
    ) throws(JournalError) -> NamesJournal? {
        var failure: JournalError?
        for brick in set.replicas.compactMap({ $0.localBrick?.brickDirectory }) {
            do throws(JournalError) {
                return try NamesJournal(brick: brick, mount: .random(), volume: volume, boot: boot)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return nil
    }
}

/// `cluster/replicate` speaks, `NamesJournal` notes.
private final class JournalingObserver: NameObserver {
    private let journal: NamesJournal
    init(_ journal: NamesJournal) { self.journal = journal }

    func changeBegins(_ change: NameChange) -> Int? { journal.begin(change) }
    func changeEnded(_ number: Int) { journal.end(number) }
}
