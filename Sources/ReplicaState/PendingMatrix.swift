import TranslatorCore

/// Who accuses whom of what: the pending counts found on every replica about every replica, and what is dirty where.
/// Source: gluster-disk-format.md §2.
public struct PendingMatrix: Equatable, Sendable {
    /// `counts[i][j]`: found on replica i about replica j; absent xattrs are zero.
    public var counts: [[PendingCounts]]
    /// `trusted.afr.dirty` of each replica: transactions of each kind that began there and did not end.
    public var dirty: [PendingCounts]

    /// Nothing pending anywhere.
    public init(replicas: Int) {
        counts = Array(repeating: Array(repeating: .zero, count: replicas), count: replicas)
        dirty = Array(repeating: .zero, count: replicas)
    }

    /// Reads the xattrs of every replica's copy: `xattr(i, key)` is what replica i answered for `key`. `keys[j]` is the
    /// pending key of replica j. Throws for a value that is not 12 bytes long.
    public init(keys: [String], xattr: (_ replica: Int, _ key: String) -> [UInt8]?) throws(CodecError) {
        self.init(replicas: keys.count)
        for i in keys.indices {
            for j in keys.indices { counts[i][j] = try PendingCounts(xattr: xattr(i, keys[j])) }
            dirty[i] = try PendingCounts(xattr: xattr(i, PendingCounts.dirtyKey))
        }
    }

    public var replicas: Range<Int> { counts.indices }

    /// Whether replica i's copy says that replica j missed something of this kind.
    public func accuses(_ i: Int, _ j: Int, of kind: PendingKind) -> Bool { counts[i][j][kind] != 0 }

    /// Whether any replica, itself included, says so of replica j.
    public func isAccused(_ j: Int, of kind: PendingKind) -> Bool { replicas.contains { accuses($0, j, of: kind) } }

    /// Whether any count or dirty of this kind is not zero: a heal has something to look at.
    public func isPending(_ kind: PendingKind) -> Bool {
        replicas.contains { i in dirty[i][kind] != 0 || replicas.contains { accuses(i, $0, of: kind) } }
    }

    /// What each replica's one xattrop (`addArray`) adds after a heal of `kind`: takes off exactly what this matrix,
    /// read under the lock, holds, and keeps a `failed` sink accused. Names all keys, as it must
    /// (gluster-disk-format.md §5.4).
    ///
    /// For an entry heal that crawled the whole directory, `fullCrawl` takes off the data counts too, which on a
    /// directory ask for just that.
    public func undo(_ kind: PendingKind, keys: [String], failed: Set<Int> = [], fullCrawl: Bool = false) -> [Xattrs] {
        let kinds: [PendingKind] = fullCrawl ? [kind, .data] : [kind]
        return replicas.map { i in
            var deltas: Xattrs = [:]
            for j in replicas {
                var delta = PendingCounts.zero
                if failed.contains(j) {
                    delta[kind] = 1
                } else {
                    for kind in kinds { delta[kind] = 0 &- counts[i][j][kind] }
                }
                deltas[keys[j]] = delta.xattr
            }
            let clean = failed.contains(i) ? .zero : PendingCounts(kind, 0 &- dirty[i][kind])
            deltas[PendingCounts.dirtyKey] = clean.xattr
            return deltas
        }
    }
}
