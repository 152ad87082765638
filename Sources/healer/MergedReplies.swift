import HealProtocol
import TranslatorCore

extension HealStatus {
    /// One volume's status from those of its replica sets: sums, and the worst of what is a word.
    static func merged(_ statuses: [HealStatus]) -> HealStatus {
        precondition(!statuses.isEmpty)
        var whole = statuses[0]
        for other in statuses.dropFirst() {
            let worse: [State] = [.splitBrain, .failed, .losingGround, .unknown, .behind, .healing, .inFlight, .clean]
            whole.state = worse.first { $0 == whole.state || $0 == other.state } ?? whole.state
            whole.lag = max(whole.lag, other.lag)
            whole.backlog.files += other.backlog.files
            whole.backlog.ranges += other.backlog.ranges
            whole.backlog.bytes += other.backlog.bytes
            whole.rateBytesPerSecond += other.rateBytesPerSecond
            whole.fractionDone = min(whole.fractionDone, other.fractionDone)
            if other.etaQuality != .good { (whole.eta, whole.etaQuality) = (nil, other.etaQuality) }
            if whole.etaQuality == .good { whole.eta = max(whole.eta ?? .zero, other.eta ?? .zero) }
            whole.copies += other.copies
            whole.active += other.active
            whole.quarantine += other.quarantine
            whole.unseen += other.unseen.filter { !whole.unseen.contains($0) }
            whole.history = (whole.history + other.history).sorted { $0.finished < $1.finished }.suffix(48)
            whole.counters.recordsReceived += other.counters.recordsReceived
            whole.counters.recordsDuplicate += other.counters.recordsDuplicate
            whole.counters.healsStarted += other.counters.healsStarted
            whole.counters.healsCompleted += other.counters.healsCompleted
            whole.counters.healsFailed += other.counters.healsFailed
            whole.counters.healedBytes.merge(other.counters.healedBytes) { $0 + $1 }
            whole.counters.skippedBytes += other.counters.skippedBytes
            whole.foreignHealer = whole.foreignHealer ?? other.foreignHealer
            whole.lastClean = [whole.lastClean, other.lastClean].compactMap(\.self).min()
        }
        return whole
    }
}

extension ControlReply {
    /// One answer from those of several replica sets: a file is in one of them, lists are joined.
    static func merged(_ replies: [ControlReply]) -> ControlReply {
        var statuses: [HealStatus] = [], infos: [BrickHealInfo] = [], files: [QueuedFile] = [], total = 0
        var splits: [SplitBrain] = []
        for reply in replies {
            switch reply {
            case .status(let status): statuses.append(status)
            case .info(let more): infos += more
            case .queue(let more, let count):
                files += more
                total += count
            case .splitBrains(let more): splits += more
            case .done, .healed, .failed: break
            }
        }
        if !statuses.isEmpty { return .status(.merged(statuses)) }
        if !infos.isEmpty { return .info(infos) }
        if case .splitBrains = replies[0] { return .splitBrains(splits) }
        // A set that does not have the file says so; the one that has it decides. What failed in one has not been done.
        let isUnknown = { (reply: ControlReply) in
            if case .failed(let failure) = reply { failure.reason == .unknownFile } else { false }
        }
        let failed = replies.first { if case .failed = $0 { !isUnknown($0) } else { false } }
        let done = replies.first { reply in
            switch reply {
            case .done, .healed: true
            case .failed, .status, .info, .queue, .splitBrains: false
            }
        }
        if let decided = failed ?? done { return decided }
        let lists = replies.contains { if case .queue = $0 { true } else { false } }
        return lists ? .queue(files.sorted { $0.since < $1.since }, total: total) : replies[0]
    }
}
