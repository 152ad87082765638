import CPosix
import Glibc
import HealProtocol
import Synchronization
import TranslatorCore

/// What dead writers left behind, until all of it is healed.
extension JournalReader {
    /// A dead writer's journal, and what it still explains.
    public struct DeadJournal: Equatable, Sendable {
        public var writer: Gfid
        public var replicaSet: UInt16, target: UInt16
        /// Files with the newest generation of each that the journal holds.
        public var unhealed: [Gfid: Int32]
    }

    /// Looks at the journals of writers that have died, and at once removes those of another boot or
    /// another mount, which nobody may believe, and those that hold nothing. Call it at the start and whenever a writer
    /// has gone.
    public func deadJournals() throws(JournalError) -> [DeadJournal] {
        removeUnfinished()
        var result: [DeadJournal] = []
        for journal in try journals() where !journal.isAlive {
            if let dead = try takeStock(of: journal) {
                result.append(dead)
            } else {
                forget(journal.writer)
            }
        }
        return result
    }

    /// Nil if the journal is of no use to anybody.
    private func takeStock(of journal: Journal) throws(JournalError) -> DeadJournal? {
        var trim = known.withLock { $0[journal.writer]?.trim } ?? JournalTrim()
        let isNew = known.withLock { $0[journal.writer]?.trim == nil }
        var header: JournalSegmentHeader?
        for number in try segmentNumbers(of: journal.writer) {
            guard case .read(let summary, _) = read(number, of: journal) else { continue }
            guard summary.header.volume == volume else {
                // Not ours to delete.
                complain(
                    JournalError(
                        "the journal \(path(of: journal.writer)) is of volume \(summary.header.volume), not \(volume)"))
                return DeadJournal(writer: journal.writer, replicaSet: 0, target: 0, unhealed: [:])
            }
            guard summary.header.boot == boot, !isOfEarlierMount(summary.header) else { return nil }
            header = summary.header
            // An empty segment still says whether its writer was blind: it stays until the whole journal goes.
            if isNew { _ = trim.add(segment: number, newest: summary.newest, isBlind: summary.blindness != .none) }
        }
        guard let header, !trim.isEmpty else { return nil }
        known.withLock { $0[journal.writer, default: Known()].trim = trim }
        return DeadJournal(
            writer: journal.writer, replicaSet: header.replicaSet, target: header.target, unhealed: trim.unhealedFiles)
    }

    /// The file system was unmounted since. Had it crashed before, the end of this journal would have got lost, or
    /// marks of epochs that are in it (DESIGN §3.2, "Instance").
    private func isOfEarlierMount(_ header: JournalSegmentHeader) -> Bool {
        guard header.instance.compared(with: FileSystemInstance(at: brick)) == .other else { return false }
        log.write(.info, volume: "journal") {
            "the file system of \(brick) was unmounted after writer \(header.writer) died: its journal is not believed, what it wrote last is healed whole"
        }
        return true
    }

    /// Every sink has healed `gfid` through `generation` (or has nothing pending): deletes what no dead writer's
    /// journal is needed for any more. Living writers trim their own.
    public func healed(_ gfid: Gfid, through generation: Int32) {
        var doomed: [(writer: Gfid, segments: [UInt64], isAll: Bool)] = []
        known.withLock { known in
            for writer in known.keys {
                guard var trim = known[writer]!.trim else { continue }
                let done = trim.healed(gfid, through: generation)
                known[writer]!.trim = trim
                if !done.isEmpty { doomed.append((writer, done, trim.isEmpty)) }
            }
        }
        for (writer, segments, isAll) in doomed {
            if isAll {
                forget(writer)
            } else {
                for number in segments { unlink(path(of: number, writer)) }
            }
        }
    }

    private func forget(_ writer: Gfid) {
        JournalDirectory.remove(path(of: writer))
        known.withLock { $0[writer] = nil }
    }

    /// Directories whose makers died before they had their name. A young one may be in the making.
    private func removeUnfinished() {
        let parent = JournalDirectory.parent(brick: brick)
        for name in ((try? JournalDirectory.names(in: parent)) ?? nil) ?? [] {
            guard name.hasPrefix("."), name.hasSuffix(".new"), Gfid(String(name.dropFirst().dropLast(4))) != nil else {
                continue
            }
            var status = stat(), now = timespec()
            guard stat("\(parent)/\(name)", &status) == 0, clock_gettime(CLOCK_REALTIME, &now) == 0,
                now.tv_sec - status.st_mtim.tv_sec > 60,
                (try? JournalLock.isHeld("\(parent)/\(name)/\(JournalDirectory.lockName)")) == false
            else { continue }
            JournalDirectory.remove("\(parent)/\(name)")
        }
    }
}
