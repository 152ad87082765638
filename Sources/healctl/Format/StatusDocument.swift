import HealProtocol
import TranslatorCore

/// What `healctl status --json` prints: schema `healctl.status/1` (FEATURES C3).
enum StatusDocument {
    static func json(_ statuses: [HealStatus], unreachable: [String], now: Timestamp) -> JSONText {
        .object([
            ("schema", .text("healctl.status/1")), ("time", .time(now)),
            ("volumes", .list(statuses.map { volume($0, now: now) })), ("errors", .texts(unreachable)),
        ])
    }

    /// A volume's object, with how old the healer's figures are.
    private static func volume(_ status: HealStatus, now: Timestamp) -> JSONText {
        guard case .object(var members) = status.json else { return status.json }
        let seconds = now.seconds - status.time.seconds
        let fresh = seconds * 1_000 + (Int64(now.nanoseconds) - Int64(status.time.nanoseconds)) / 1_000_000
        let source = JSONText.object([
            ("name", .text("healer@\(status.healer)")), ("fresh_ms", .integer(max(0, fresh))),
        ])
        members.append(("sources", .list([source])))
        return .object(members)
    }
}

/// What the exit code says (FEATURES C6).
enum StatusVerdict {
    /// `unreachable`: healers that did not answer.
    static func code(_ statuses: [HealStatus], unreachable: Int, isCheck: Bool) -> Int32 {
        let isIncomplete =
            unreachable > 0 || statuses.contains { !$0.unseen.isEmpty || $0.copies.contains { $0.state == .down } }
        guard isCheck else { return isIncomplete ? 3 : 0 }
        if statuses.contains(where: needsSomebody) { return 2 }
        if isIncomplete || statuses.contains(where: { $0.state == .unknown }) { return 3 }
        return statuses.allSatisfy { $0.state == .clean } ? 0 : 1
    }

    private static func needsSomebody(_ status: HealStatus) -> Bool {
        let isPastLimit = status.lagLimit.map { status.lag > $0 } ?? false
        return status.state == .splitBrain || status.state == .failed || !status.quarantine.isEmpty || isPastLimit
            || status.copies.contains { $0.splitBrain > 0 || $0.failed > 0 }
    }
}
