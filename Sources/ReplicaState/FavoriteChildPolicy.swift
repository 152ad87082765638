import TranslatorCore

/// Whom to believe in a split-brain without asking anybody. Source: GlusterFS `cluster.favorite-child-policy`.
public enum FavoriteChildPolicy: String, CaseIterable, Sendable {
    case none
    /// The largest; nobody when two are.
    case size
    /// The newest; nobody when two are.
    case ctime, mtime
    /// Whose size and mtime more than half of the replicas share.
    case majority

    /// The replica that this policy believes, if there is exactly one candidate, or equal ones.
    func choice(among iatts: [Iatt]) -> Int? {
        switch self {
        case .none: nil
        case .size: Self.single(iatts.map(\.size))
        case .ctime: Self.single(iatts.map(\.ctime))
        case .mtime: Self.single(iatts.map(\.mtime))
        case .majority:
            iatts.indices.first { i in
                iatts.count { $0.size == iatts[i].size && $0.mtime == iatts[i].mtime } * 2 > iatts.count
            }
        }
    }

    private static func single<Value: Comparable>(_ values: [Value]) -> Int? {
        guard let top = values.max(), values.count(where: { $0 == top }) == 1 else { return nil }
        return values.firstIndex(of: top)
    }
}
