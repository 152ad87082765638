import Synchronization
import TranslatorCore

/// What a statedump shows: how many locks there are, and who holds and awaits what on the first inodes.
extension LocksTranslator {
    private static let inodesShownMax = 100

    public func dump() -> StateDump? {
        var dump = StateDump()
        var inodes: [Gfid: InodeLocks] = [:]
        var fileCount = 0
        var isShared = false
        for box in stripes {
            box.state.withLock { stripe in
                inodes.merge(stripe.inodes) { $1 }
                fileCount += stripe.files.count + stripe.posixFiles.count
                isShared = isShared || stripe.directory != nil
            }
        }
        dump.add("cross-process", isShared)
        dump.add("lock-files-open", fileCount)
        dump.add("inodes", inodes.count)
        dump.add("waiting", inodes.values.reduce(0) { $0 + $1.waiting })
        let shown = inodes.sorted { $0.key < $1.key }.prefix(Self.inodesShownMax)
        dump.add("locks", .table(shown.map { ("\($0.key)", $0.value.shown) }))
        return dump
    }
}

extension InodeLocks {
    fileprivate var waiting: Int {
        inodelks.values.reduce(0) { $0 + $1.waiters.count } + entrylks.values.reduce(0) { $0 + $1.waiters.count }
            + posix.waiters.count
    }

    fileprivate var shown: StateDump.Value {
        var lines: [String] = []
        for (domain, table) in inodelks.sorted(by: { $0.key < $1.key }) {
            lines += table.grants.map { "inodelk \(domain) \($0.claim) held by \($0.owner.rawValue)" }
            lines += table.waiters.map { "inodelk \(domain) \($0.claim) awaited by \($0.owner.rawValue)" }
        }
        for (domain, table) in entrylks.sorted(by: { $0.key < $1.key }) {
            lines += table.grants.map { "entrylk \(domain) \($0.claim) held by \($0.owner.rawValue)" }
            lines += table.waiters.map { "entrylk \(domain) \($0.claim) awaited by \($0.owner.rawValue)" }
        }
        lines += posix.held.map {
            "posix \($0.isWrite ? "write" : "read") \($0.range.words) held by \($0.owner.rawValue)"
        }
        lines += posix.waiters.map { "posix \($0.lock.kind) \($0.lock.range.words) awaited by \($0.owner.rawValue)" }
        return .list(lines.map { .text($0) })
    }
}

extension LockRange {
    /// `4096+512`, `0+` where there is no end.
    fileprivate var words: String { "\(start)+\(length == 0 ? "" : "\(length)")" }
}

extension InodelkClaim: CustomStringConvertible {
    var description: String { "\(mode) \(range.words)" }
}

extension EntrylkClaim: CustomStringConvertible {
    var description: String { name.map { "\(mode) \"\($0)\"" } ?? "\(mode) whole directory" }
}
