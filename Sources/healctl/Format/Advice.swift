import HealProtocol
import TranslatorCore

/// What a status means and what to do about it: the `status:` and `action:` lines, as `zpool status` has them.
struct Advice: Equatable {
    var status: String, action: String

    init(_ status: HealStatus) {
        let behind = status.copies.count { $0.behindBytes > 0 || $0.pending != PendingFiles() || $0.state == .down }
        let source = status.target ?? status.copies.first { $0.state == .source }?.name
        let safety = source.map { " No data is at risk while \($0) is up." } ?? ""
        let copies =
            "\(behind) of \(Units.count(status.copies.count, "copy", "copies")) \(behind == 1 ? "is" : "are") behind."
        let stay = source.map { " Do not stop \($0) before lag is 0." } ?? ""
        let down = status.copies.filter { $0.state == .down }.map(\.name).joined(separator: ", ")
        switch status.state {
        case .clean: (self.status, action) = ("all copies are equal.", "none.")
        case .inFlight: (self.status, action) = ("the last writes are on their way to the other copies.", "none.")
        case .healing: (self.status, action) = (copies + safety, "none.\(stay)")
        case .behind where status.isPaused:
            (self.status, action) = (copies + " Healing is paused." + safety, "healctl queue resume")
        case .behind where !down.isEmpty:
            (self.status, action) = (copies + " \(down) cannot be reached." + safety, "bring \(down) back.\(stay)")
        case .behind where status.backlog.isEmpty:
            // All copies tell of the same files.
            let count = status.copies.map { $0.pending.metadata + $0.pending.entry }.max() ?? 0
            (self.status, action) = (
                "\(Units.count(count, "file")) with attributes or names pending, which this healer leaves alone.",
                "gluster volume heal \(status.volume)"
            )
        case .behind: (self.status, action) = (copies + safety, "none.\(stay)")
        case .losingGround:
            (self.status, action) = (
                copies + " More is written than is healed." + safety,
                "slow the writers down, raise the healer's limits, or set max-backlog on the mount.\(stay)"
            )
        case .failed:
            (self.status, action) = (
                "\(Units.count(status.quarantine.count, "file")) could not be healed.\(safety)",
                "remove the reasons below, then: healctl queue retry"
            )
        case .splitBrain:
            let count = status.quarantine.count(where: \.isSplitBrain)
            (self.status, action) = (
                "\(Units.count(count, "file")) \(count == 1 ? "has" : "have") no copy that is good for sure.",
                "see healctl split-brain list, and decide which copy to keep"
            )
        case .unknown where !status.unseen.isEmpty:
            let first = status.unseen[0]
            self.status = "whether all copies are equal cannot be told: \(first.place): \(first.reason)."
            action = first.remedy + (status.unseen.count > 1 ? " (and see below)" : "")
        case .unknown:
            (self.status, action) = ("the healer has not looked at every copy yet.", "wait a moment, and ask again.")
        }
    }
}
