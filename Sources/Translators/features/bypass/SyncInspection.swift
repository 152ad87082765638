import ReplicaState
import TranslatorCore

/// Which replicas hold all that was written to a file before an fsync began, whoever wrote it: what marks say, and
/// nothing else. Decides, never acts. Source: DESIGN §3.1 step 6.
struct SyncInspection: Equatable {
    /// Has the file, is not accused by anybody, and not dirty; by the target it may be accused of epochs newer than
    /// the one that the fsync ended.
    let holds: [Bool]
    var holders: Int { holds.count { $0 } }
    /// Some replica that answered is dirty: a transaction is under way there, or was left half-way.
    let isDirty: Bool

    /// `counts` is nil where the target is down. A mark that cannot be read is one.
    init(_ answers: [EpochInspection.Answer], _ counts: EpochCounts?, through generation: Int32, _ marks: EpochMarks) {
        let xdata = answers.map { answer -> Xdata? in
            guard case .success(let reply)? = answer else { return nil }
            return reply.xdata
        }
        func data(_ replica: Int, _ key: String) -> Int32 {
            guard let xdata = xdata[replica] else { return 0 }
            return (try? PendingCounts(xattr: xdata[key]?.bytes))?.data ?? .max
        }
        let dirty = answers.indices.map { data($0, PendingCounts.dirtyKey) != 0 }
        func accuses(_ accuser: Int, _ accused: Int) -> Bool {
            guard accuser == marks.target, accused != accuser else {
                return data(accuser, marks.pendingKeys[accused]) != 0
            }
            return counts.map { !$0.holds(accused, through: generation) } ?? false
        }
        holds = answers.indices.map { replica in
            xdata[replica] != nil && !dirty[replica] && !answers.indices.contains { accuses($0, replica) }
        }
        isDirty = dirty.contains(true)
    }
}

extension EpochCounts {
    /// Whether all that is pending against `sink` are whole epochs newer than `generation`: what others counted there
    /// is not explained by any epoch.
    func holds(_ sink: Int, through generation: Int32) -> Bool {
        if pending[sink].data == 0 { return true }
        let missing = Int64(bypass[sink].missing)
        return bypass[sink].healed >= generation
            && Int64(pending[sink].data) == Int64(BypassCounts.epochUnit) * missing
    }
}
