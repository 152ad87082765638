import TranslatorCore

/// Which replicas of one inode may answer reads. Source: gluster-disk-format.md §3.1.
public struct ReadableReplicas: Equatable, Sendable {
    /// For content (of a directory: its names). No true one: split-brain, or all good replicas are down.
    public var data: [Bool]
    /// For attributes and xattrs.
    public var metadata: [Bool]

    public init(data: [Bool], metadata: [Bool]) { (self.data, self.metadata) = (data, metadata) }

    /// From a look-up of all replicas. `iatts[i]` is nil where replica i did not answer, or has no such object; nothing
    /// is read there. `isLocked`: somebody holds or awaits a lock in the data domain, so that sizes may differ for now.
    public init(_ matrix: PendingMatrix, iatts: [Iatt?], isLocked: Bool) {
        precondition(iatts.count == matrix.replicas.count)
        let type = iatts.compactMap(\.self).first?.type
        let kind: PendingKind = type == .directory ? .entry : .data
        var data = matrix.replicas.map { iatts[$0] != nil && !matrix.isAccused($0, of: kind) }
        let metadata = matrix.replicas.map { iatts[$0] != nil && !matrix.isAccused($0, of: .metadata) }
        if type == .regular && !isLocked {
            let largest = matrix.replicas.filter { data[$0] }.map { iatts[$0]!.size }.max() ?? 0
            for i in matrix.replicas where data[i] { data[i] = iatts[i]!.size == largest }
        }
        (self.data, self.metadata) = (data, metadata)
    }
}
