import HealProtocol
import ReplicaState
import TranslatorCore

/// What came of one attempt to heal one file.
struct HealReport: Sendable {
    enum Outcome: Equatable, Sendable {
        /// No data is pending. `others` are kinds of counts that this engine leaves alone.
        case clean(others: Set<PendingKind>)
        /// Copied and taken off. `isAll`: nothing that was seen is left; else newer epochs are.
        case healed(isAll: Bool)
        /// No replica has such a file.
        case gone
        case later(Delay)
        case failed(HealError)
    }
    enum Delay: Equatable, Sendable {
        /// Another healer works on it.
        case otherHealer
        case replicaDown
        case epochElsewhere, targetIsNoSource
        /// Nothing changes before a close, or `until`.
        case close(until: MonotonicTime?)
        case wholeFileBackOff(until: MonotonicTime)
        /// Not every replica has the file just now, as while it is made or deleted.
        case nameUnderWay
        /// The healer was asked to leave.
        case stopping
    }

    let gfid: Gfid
    var outcome: Outcome
    var plan: HealPlan?
    /// Newest epoch healed by replica, where epochs were involved.
    var confirmed: [Int: Int32] = [:]
    /// By target: everything up to this epoch was found healed.
    var settled: [Int: Int32] = [:]
    /// The newest epoch on each replica, where no data was pending.
    var opened: [Int32] = []
    var took = Duration.zero
    var bytesMoved: UInt64 = 0, bytesSkipped: UInt64 = 0

    init(_ gfid: Gfid, _ outcome: Outcome, plan: HealPlan? = nil) {
        (self.gfid, self.outcome, self.plan) = (gfid, outcome, plan)
    }
}

extension HealReport.Delay {
    init(_ delay: HealDecision.Delay) {
        self =
            switch delay {
            case .epochElsewhere: .epochElsewhere
            case .targetIsNoSource: .targetIsNoSource
            case .close(let until): .close(until: until)
            case .wholeFileBackOff(let until): .wholeFileBackOff(until: until)
            }
    }

    /// For people, in the queue's list.
    var note: String {
        switch self {
        case .otherHealer: "another healer works on it"
        case .replicaDown: "a replica is down"
        case .epochElsewhere: "another replica than the accusing one is being written"
        case .targetIsNoSource: "the replica with the newest writes is itself accused or outdone"
        case .close: "waits for the end of an epoch that may still be written"
        case .wholeFileBackOff: "is written all the time, and its records are not complete"
        case .nameUnderWay: "is being made or deleted"
        case .stopping: "the healer is leaving"
        }
    }
}
