import TranslatorCore

/// What a lock is on: a byte range, or names of a directory. What two claims have to do with each other; who holds them
/// is the table's affair.
protocol LockClaim: Hashable, Sendable {
    /// Two owners cannot hold both.
    func conflicts(with other: Self) -> Bool
    /// Whether a release that names this claim takes off a grant of `granted`.
    func releases(_ granted: Self) -> Bool
}

/// INODELK: bytes of a file, for reading or writing (gluster-wire.md §9).
struct InodelkClaim: LockClaim {
    let range: LockRange
    let mode: LockMode

    func conflicts(with other: InodelkClaim) -> Bool {
        (mode == .write || other.mode == .write) && range.overlaps(other.range)
    }
    /// A release says the range only.
    func releases(_ granted: InodelkClaim) -> Bool { range == granted.range }
}

/// ENTRYLK: one name of a directory, or all of them (nil). Read locks conflict with each other too; the mode matters
/// only in that a release must repeat it (gluster-wire.md §9).
struct EntrylkClaim: LockClaim {
    let name: EntryName?
    let mode: LockMode

    func conflicts(with other: EntrylkClaim) -> Bool { name == nil || other.name == nil || name == other.name }
    func releases(_ granted: EntrylkClaim) -> Bool { self == granted }
}
