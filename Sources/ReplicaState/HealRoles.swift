import TranslatorCore

/// What the pending counts of one kind make of each replica, before sizes, times or xattrs have a say.
/// Source: gluster-disk-format.md §4, steps 1 to 7; the names are the same.
public struct HealRoles: Equatable, Sendable {
    /// Accuses itself: its opinion of others does not count.
    public let isSelfAccusing: [Bool]
    /// How many replicas, self-accusing ones apart, accuse it.
    public let accusers: [Int]
    public var isSource: [Bool]
    /// Accused by a source.
    public var isSink: [Bool]
    /// Who saw more of what happened, where counts leave a choice; an undisturbed replica has 0.
    public let witness: [Int]

    public init(_ matrix: PendingMatrix, _ kind: PendingKind, quorum: QuorumRule) {
        let all = matrix.replicas
        let pending = all.map { i in all.map { j in Int(matrix.counts[i][j][kind]) } }
        let selfAccusing = all.map { pending[$0][$0] != 0 }
        let accusers = all.map { j in all.count { pending[$0][j] != 0 && !selfAccusing[$0] } }
        var isSource = accusers.map { $0 == 0 }
        isSink = all.map { j in all.contains { isSource[$0] && !selfAccusing[$0] && pending[$0][j] != 0 } }

        let others = all.map { i in all.filter { $0 != i }.reduce(0) { $0 + pending[i][$1] } }
        let hasOthers = all.map { i in all.contains { $0 != i && pending[i][$0] != 0 } }
        witness = all.map { i in
            var weight = Int(matrix.dirty[i][kind])
            guard selfAccusing[i] else { return weight }
            weight += others[i]
            if hasOthers[i] || !hasOthers.contains(true) { weight += pending[i][i] }
            return weight
        }
        if kind != .entry && !isSource.contains(true) {
            // Everybody is accused: those whom less than a quorum accuses are trusted after all.
            isSource = accusers.map { $0 < quorum.accusersNeeded(of: all.count) }
        }
        (isSelfAccusing, self.accusers, self.isSource) = (selfAccusing, accusers, isSource)
        if !isSource.contains(true) { isSink = all.map { _ in true } }
    }

    /// No source is left, or nobody who is not a sink.
    public var isSplitBrain: Bool { !isSource.contains(true) || !isSink.contains(false) }

    /// Whoever is no source is a sink.
    ///
    /// GlusterFS does this for data. For metadata and entry it heals only whom a source accuses, and yet takes off all
    /// counts: a replica accused by a sink only would be forgotten. Here it is healed too.
    mutating func makeOthersSinks() { isSink = isSource.map { !$0 } }
}

extension QuorumRule {
    /// How many accusers it takes to distrust a replica when all are accused; 0: nobody is trusted then.
    func accusersNeeded(of count: Int) -> Int {
        switch self {
        case .none: 0
        case .auto: count / 2 + 1
        case .fixed(let needed): needed
        }
    }
}
