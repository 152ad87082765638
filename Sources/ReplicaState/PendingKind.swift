/// The three kinds of transaction, and of heal, that replicas count apart. Raw values are the counter's place in an
/// xattr of `trusted.afr.*`.
public enum PendingKind: Int, CaseIterable, Sendable {
    case data = 0, metadata, entry
}

extension PendingCounts {
    public subscript(kind: PendingKind) -> Int32 {
        get {
            switch kind {
            case .data: data
            case .metadata: metadata
            case .entry: entry
            }
        }
        set {
            switch kind {
            case .data: data = newValue
            case .metadata: metadata = newValue
            case .entry: entry = newValue
            }
        }
    }

    /// `count` of one kind, none of the others.
    public init(_ kind: PendingKind, _ count: Int32) {
        self.init()
        self[kind] = count
    }

    /// Element by element, modulo 2^32, as a brick's xattrop adds.
    public static func + (a: PendingCounts, b: PendingCounts) -> PendingCounts {
        PendingCounts(data: a.data &+ b.data, metadata: a.metadata &+ b.metadata, entry: a.entry &+ b.entry)
    }
}
