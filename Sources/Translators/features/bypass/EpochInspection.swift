import ReplicaState
import TranslatorCore

/// What all reachable replicas say of a file under the epoch lock, before the xattrop, and whether an epoch may open.
/// Source: DESIGN §3.1 step 2.
struct EpochInspection {
    enum Verdict: Equatable {
        /// `needsSelfHealLock`: only if no healer is at work (SH is granted).
        case mayOpen(EpochCounts, size: UInt64, needsSelfHealLock: Bool)
        case refused(Detour)
    }
    /// A replica's answer to the look-up; nil where it is down.
    typealias Answer = Result<LookupReply, FopError>?

    static func verdict(_ answers: [Answer], marks: EpochMarks) -> Verdict {
        guard case .success(let own)?? = answers[marks.target].map(Optional.some) else { return .refused(.unreachable) }
        do throws(CodecError) {
            for (replica, answer) in answers.enumerated() {
                guard let answer else { continue }
                switch answer {
                case .failure(let error):
                    // It just went down. Any other error: it does not have the file, or cannot say.
                    if error == .notConnected && replica != marks.target { continue }
                    return .refused(.unreachable)
                case .success(let reply):
                    let against = try PendingCounts(xattr: reply.xdata[marks.pendingKeys[marks.target]]?.bytes)
                    let dirty = try PendingCounts(xattr: reply.xdata[PendingCounts.dirtyKey]?.bytes)
                    if against.data != 0 || dirty.data != 0 { return .refused(.targetAccused) }
                }
            }
            let counts = try marks.counts { own.xdata[$0]?.bytes }
            guard counts.hasRoom else { return .refused(.tooManyEpochs) }
            return .mayOpen(counts, size: own.iatt.size, needsSelfHealLock: !counts.accusesAll)
        } catch {
            // An xattr that is not ours to interpret: nothing is added to it.
            return .refused(.failed)
        }
    }
}
