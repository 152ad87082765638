import ReplicaState
import TranslatorCore

extension HealPlan {
    /// One replica's one xattrop after the copy, in the order in which they are sent: the source's first, because it
    /// may have to accuse a failed sink before others let go of their dirty marks.
    struct Clearing: Equatable, Sendable {
        let replica: Int
        let deltas: Xattrs
    }

    /// What goes on each replica once every sink but the `failed` ones has been healed (DESIGN §3.3, step 6; the undo
    /// of gluster-disk-format.md §5.4). Always names every pending key and dirty, or a brick would drop the index entry
    /// of a file that has other counts. Empty when every sink failed: then nothing is taken off.
    func clearings(failed: Set<Int>, keys: [String]) -> [Clearing] {
        let healed = sinks.filter { !failed.contains($0.replica) }
        guard !healed.isEmpty else { return [] }
        let reached = isWhole ? facts.replicas.filter { !failed.contains($0) } : [source]
        return reached.sorted { ($0 == source ? 0 : 1, $0) < ($1 == source ? 0 : 1, $1) }.map { replica in
            var counts = facts.replicas.map { _ in PendingCounts.zero }
            var dirty = PendingCounts.zero
            if isWhole {
                for other in facts.replicas where !failed.contains(other) {
                    counts[other].data = 0 &- facts.matrix.counts[replica][other].data
                }
                dirty.data = 0 &- facts.matrix.dirty[replica].data
            }
            if replica == source {
                for sink in failed where !facts.matrix.isAccused(sink, of: .data) { counts[sink].data = 1 }
            }
            var deltas: Xattrs = [:]
            if replica == target {
                for other in facts.replicas where other != replica { counts[other].data = max(0, counts[other].data) }
                for sink in healed {
                    counts[sink.replica].data = 0 &- sink.takenOff
                    deltas[BypassCounts.key(for: keys[sink.replica])] =
                        BypassCounts(opened: 0, healed: sink.epochs).xattr
                }
            }
            for other in facts.replicas { deltas[keys[other]] = counts[other].xattr }
            deltas[PendingCounts.dirtyKey] = dirty.xattr
            return Clearing(replica: replica, deltas: deltas)
        }
    }
}
