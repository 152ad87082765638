import RangeMapping
import ReplicaState
import TranslatorCore

/// Everything the decision about one file stands on, read under the inspection lock (DESIGN §3.3, step 2).
struct HealFacts: Equatable, Sendable {
    let gfid: Gfid
    /// Counts and dirty as one all-zero xattrop on each replica answered.
    var matrix: PendingMatrix
    /// `bypass[i][j]`: found on replica i about replica j.
    var bypass: [[BypassCounts]]
    var iatts: [Iatt]
    /// Replicas on which somebody else holds the epoch mark.
    var markRefused: Set<Int>

    var replicas: Range<Int> { matrix.replicas }

    /// Who holds data counts against others.
    var accusers: [Int] {
        replicas.filter { i in replicas.contains { $0 != i && matrix.accuses(i, $0, of: .data) } }
    }
    var isDataDirty: Bool { matrix.dirty.contains { $0.data != 0 } }
    var sizesDiffer: Bool { Set(iatts.map(\.size)).count > 1 }
    /// Counts that a data heal does not touch, over all replicas.
    var otherKinds: Set<PendingKind> { Set([PendingKind.metadata, .entry].filter { matrix.isPending($0) }) }

    /// This target's newest epoch.
    func opened(on target: Int) -> Int32 { bypass[target].map(\.opened).max() ?? 0 }
    /// Whether every epoch ever opened on it has been healed everywhere.
    func hasNoUnhealedEpoch(on target: Int) -> Bool {
        replicas.allSatisfy { $0 == target || bypass[target][$0].missing == 0 }
    }
    /// Whether this replica has bypass epochs that another one lacks: it accuses that one of a whole epoch at least.
    /// Where a foreign healer took the accusation off, the other has them.
    func holdsUnhealedEpochs(_ holder: Int) -> Bool {
        replicas.contains { other in
            other != holder && bypass[holder][other].missing > 0
                && matrix.counts[holder][other].data >= BypassCounts.epochUnit
        }
    }
    /// Replicas that hold bypass epochs which others lack, and are accused themselves.
    var accusedHolders: [Int] {
        replicas.filter { matrix.isAccused($0, of: .data) && holdsUnhealedEpochs($0) }
    }
    /// Whether bypass has a part in what `target` holds against others.
    func involvesBypass(_ target: Int) -> Bool {
        !markRefused.isEmpty || !hasNoUnhealedEpoch(on: target)
            || replicas.contains { $0 != target && matrix.counts[target][$0].data >= BypassCounts.epochUnit }
    }
}

/// What the healer knows about the epochs of one file on its target, at one moment.
struct EpochView: Sendable {
    /// The row of complete epochs from `first` to `last` at most.
    var run: @Sendable (_ first: Int, _ last: Int) -> (length: Int, ranges: ByteRanges)
    /// Whether the newest epoch may still be written although nobody holds the mark: `until` when that ends by itself,
    /// nil when nobody can say. Not asked when the mark was refused.
    var newest: Newest

    enum Newest: Equatable, Sendable {
        case closed
        case mayBeOpen(until: MonotonicTime?)
    }
}
