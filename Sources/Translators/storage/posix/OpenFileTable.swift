import Synchronization
import TranslatorCore

/// How often this process has each file open, and which of those lost their last name meanwhile: such a file's handle
/// stays in `.glusterfs/unlink` until the last close.
final class OpenFileTable: Sendable {
    private struct Entry {
        var count = 0
        var isUnlinked = false
    }
    private let entries = Mutex<[Gfid: Entry]>([:])

    func opened(_ gfid: Gfid) { entries.withLock { $0[gfid, default: Entry()].count += 1 } }

    /// True when this was the last close of an unlinked file: its handle goes now.
    func closed(_ gfid: Gfid) -> Bool {
        entries.withLock { entries in
            guard var entry = entries[gfid] else { return false }
            entry.count -= 1
            entries[gfid] = entry.count > 0 ? entry : nil
            return entry.count == 0 && entry.isUnlinked
        }
    }

    /// The last name went. True when somebody has the file open, so that its handle must stay.
    func lostLastName(_ gfid: Gfid) -> Bool {
        entries.withLock { entries in
            guard entries[gfid] != nil else { return false }
            entries[gfid]!.isUnlinked = true
            return true
        }
    }

    func count(of gfid: Gfid) -> Int { entries.withLock { $0[gfid]?.count ?? 0 } }
    var fileCount: Int { entries.withLock { $0.count } }
}
