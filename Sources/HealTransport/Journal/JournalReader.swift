import CPosix
import Glibc
import HealProtocol
import Synchronization
import TranslatorCore

/// What a healer reads of the journals on one brick (DESIGN §3.2): who keeps them, who of them lives, what they
/// explain. It looks after those of dead writers: deletes what nobody needs any more. Reading never blocks a writer.
///
/// Calls read files and may take as long as the journals are large; call them from a thread that may block.
public final class JournalReader: Sendable {
    /// One writer's journal.
    public struct Journal: Equatable, Sendable {
        public var writer: Gfid
        public var isAlive: Bool
    }

    struct Summary {
        var header: JournalSegmentHeader
        var blindness: JournalSegmentFile.Blindness
        /// The newest generation of each file in it.
        var newest: [Gfid: Int32]
        /// Whether records in it are not what was stored: any file may have had them.
        var isDamaged = false
    }
    struct Known {
        /// Of segments that cannot change any more.
        var summaries: [UInt64: Summary] = [:]
        /// Of a dead writer whose segments were all looked at.
        var trim: JournalTrim?
    }
    enum Reading {
        case gone
        case unreadable
        case read(Summary, JournalSegmentFile?)
    }

    public let brick: String
    public let volume: Gfid, boot: Gfid
    let log: Log
    let known = Mutex<[Gfid: Known]>([:])
    private let complaints = Mutex<Set<String>>([])

    /// `boot` is `BootID.current()`: a journal of another boot explains nothing, nor does a dead writer's of another
    /// instance of the brick's file system.
    public init(brick: String, volume: Gfid, boot: Gfid, log: Log = .silent) {
        (self.brick, self.volume, self.boot, self.log) = (brick, volume, boot, log)
    }

    /// Every writer that has a journal here, with whether it lives.
    public func journals() throws(JournalError) -> [Journal] {
        var result: [Journal] = []
        for name in try JournalDirectory.names(in: JournalDirectory.parent(brick: brick)) ?? [] {
            // Names in the canonical form only: whatever else lies here is not ours.
            guard let writer = Gfid(name), writer.description == name else { continue }
            result.append(Journal(writer: writer, isAlive: try isAlive(writer)))
        }
        return result.sorted { $0.writer < $1.writer }
    }

    /// Whether the writer holds the lock on its journal. One without a journal is dead.
    public func isAlive(_ writer: Gfid) throws(JournalError) -> Bool {
        try JournalLock.isHeld("\(path(of: writer))/\(JournalDirectory.lockName)")
    }

    /// What all journals here tell of `gfid`'s epochs after `healed`. Empty when they tell nothing.
    public func explain(_ gfid: Gfid, after healed: Int32 = .min) throws(JournalError) -> [JournalExplanation] {
        var result: [JournalExplanation] = []
        for journal in try journals() {
            guard var explanation = try explain(gfid, in: journal) else { continue }
            explanation.epochs.removeAll { $0.generation <= healed }
            if !explanation.epochs.isEmpty { result.append(explanation) }
        }
        return result
    }

    private func explain(_ gfid: Gfid, in journal: Journal) throws(JournalError) -> JournalExplanation? {
        var digest = JournalDigest(of: gfid), header: JournalSegmentHeader?
        for number in try segmentNumbers(of: journal.writer) {
            switch read(number, of: journal) {
            case .gone: continue
            case .unreadable: digest.addUnreadable(segment: number)
            case .read(let summary, let file):
                guard summary.header.boot == boot, summary.header.volume == volume else { return nil }
                header = summary.header
                switch summary.blindness {
                case .none: break
                case .from(let record): digest.add(record, segment: number)
                case .damaged: digest.addUnreadable(segment: number)
                }
                if summary.isDamaged { digest.addUnreadable(segment: number) }
                guard summary.newest[gfid] != nil else { continue }
                do throws(JournalError) {
                    var segment = file
                    if segment == nil {
                        segment = try JournalSegmentFile(path: path(of: number, journal.writer), number: number)
                    }
                    guard let segment else { continue }
                    if isDamaged(segment, number, of: journal) { digest.addUnreadable(segment: number) }
                    segment.forEachRecord(of: gfid) { digest.add($0, segment: number) }
                } catch {
                    complain(error)
                    digest.addUnreadable(segment: number)
                }
            }
        }
        guard let header, isBelieved(header, journal) else { return nil }
        return JournalExplanation(
            gfid: gfid, writer: journal.writer, replicaSet: header.replicaSet, target: header.target,
            isWriterAlive: journal.isAlive, epochs: digest.epochs(isWriterDead: !journal.isAlive))
    }

    /// Whether what was written while this journal was kept is there, of which the same instance of the file system is
    /// the proof. Asked after everything was read: an instance never comes back, so it was this one all the while.
    /// A writer that lives holds its lock in the instance that we look into.
    private func isBelieved(_ header: JournalSegmentHeader, _ journal: Journal) -> Bool {
        switch header.instance.compared(with: FileSystemInstance(at: brick)) {
        case .same: return true
        case .other: return false
        case .unknown:
            if journal.isAlive { return true }
            complain(
                JournalError(
                    "the journal \(path(of: journal.writer)) was kept through another mount of its file system, and nothing shows that it was never unmounted since: what its dead writer wrote is healed whole"
                ))
            return false
        }
    }

    /// A segment's summary, remembered once it cannot change; with the file if it had to be read.
    func read(_ number: UInt64, of journal: Journal) -> Reading {
        if let summary = known.withLock({ $0[journal.writer]?.summaries[number] }) { return .read(summary, nil) }
        do throws(JournalError) {
            guard let file = try JournalSegmentFile(path: path(of: number, journal.writer), number: number) else {
                return .gone
            }
            var newest: [Gfid: Int32] = [:]
            let isFull = file.forEachRecord {
                if $0.keepsSegment { newest[$0.gfid] = max(newest[$0.gfid] ?? .min, $0.generation) }
            }
            let summary = Summary(
                header: file.header, blindness: file.blindness, newest: newest,
                isDamaged: isDamaged(file, number, of: journal))
            // The last slot of a living writer's segment may be filled and its journal go blind only then.
            if !journal.isAlive || (isFull && summary.blindness != .none)
                || (isFull && !isNewest(number, of: journal.writer))
            {
                known.withLock { $0[journal.writer, default: Known()].summaries[number] = summary }
            }
            return .read(summary, file)
        } catch {
            complain(error)
            return .unreadable
        }
    }

    /// Of a living writer nothing is said: what is torn may be about to be finished, and its closes count its records.
    private func isDamaged(_ file: JournalSegmentFile, _ number: UInt64, of journal: Journal) -> Bool {
        guard !journal.isAlive, file.damagedSlotCount > 0 else { return false }
        complain(
            JournalError(
                "the journal segment \(path(of: number, journal.writer)) has damaged records; files that only it explains are healed whole"
            ))
        return true
    }

    private func isNewest(_ number: UInt64, of writer: Gfid) -> Bool {
        ((try? segmentNumbers(of: writer)) ?? []).last == number
    }

    /// In the order in which they were filled.
    func segmentNumbers(of writer: Gfid) throws(JournalError) -> [UInt64] {
        (try JournalDirectory.names(in: path(of: writer)) ?? []).compactMap(JournalDirectory.segmentNumber).sorted()
    }
    func path(of writer: Gfid) -> String { JournalDirectory.path(brick: brick, writer: writer) }
    func path(of number: UInt64, _ writer: Gfid) -> String {
        "\(path(of: writer))/\(JournalDirectory.segmentName(number))"
    }

    /// Once for each cause: a damaged segment is met again and again.
    func complain(_ error: JournalError) {
        guard complaints.withLock({ $0.count < 1_000 && $0.insert(error.description).inserted }) else { return }
        log.write(.warning, volume: "journal") { error.description }
    }
}
