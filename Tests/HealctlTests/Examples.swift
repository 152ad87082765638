import HealProtocol
import TranslatorCore

/// Statuses as a healer gives them, on a day in January 2026; times are UTC, as the tests set TZ.
enum Example {
    static let noon = Timestamp(iso8601: "2026-01-12T09:41:13.204Z")!
    static let volumeID = Gfid("11111111-2222-4333-8444-555555555555")!
    static let healer = Gfid("99999999-0000-4000-8000-000000000001")!
    static let file = Gfid("25312cdb-0000-4000-8000-000000000070")!
    static func ago(_ seconds: Int64) -> Timestamp { Timestamp(seconds: noon.seconds - seconds, nanoseconds: 0) }

    static var clean: HealStatus {
        HealStatus(
            volume: "vmstore", volumeID: volumeID, state: .clean,
            copies: [CopyStatus(name: "alpha", state: .clean), CopyStatus(name: "beta", state: .clean)],
            history: [
                FinishedHeal(
                    gfid: file, sinks: ["beta"], method: .range, bytesMoved: 2_040_109_466, took: .seconds(6),
                    finished: noon)
            ], healer: healer, time: noon)
    }

    static var healing: HealStatus {
        HealStatus(
            volume: "vmstore", volumeID: volumeID, state: .healing, writes: .local, target: "alpha",
            lag: .milliseconds(1_800), lagLimit: .seconds(30),
            backlog: Backlog(files: 41, ranges: 212, bytes: 2_040_109_466),
            rateBytesPerSecond: 325_058_560, limitBytesPerSecond: 419_430_400, fractionDone: 0.784, eta: .seconds(6),
            etaQuality: .good,
            copies: [
                CopyStatus(name: "alpha", state: .source),
                CopyStatus(
                    name: "beta", host: "beta", brick: "/bricks/b1", state: .healing, behindBytes: 2_027_528_192,
                    lag: .milliseconds(1_800), rateBytesPerSecond: 325_058_560, pending: PendingFiles(data: 41),
                    lastClean: ago(6)),
                CopyStatus(
                    name: "gamma", state: .healing, behindBytes: 12 << 20, lag: .milliseconds(200),
                    rateBytesPerSecond: 304_087_040, pending: PendingFiles(data: 1), lastClean: ago(1)),
            ],
            active: [
                ActiveHeal(
                    gfid: file, path: "images/vm-101.qcow2", sinks: ["beta"], method: .range, bytesTotal: 2_365_587_456,
                    bytesDone: 1_514_143_744, eta: .seconds(3)),
                ActiveHeal(
                    gfid: file, path: nil, sinks: ["beta", "gamma"], method: .full, bytesTotal: 4 << 20, bytesDone: 0),
            ], healer: healer, time: noon)
    }

    static let blind = BlindSpot(
        .index, "/bricks/b", reason: "the index cannot be read: EIO", remedy: "look at its disk")

    static var unseen: HealStatus {
        var status = clean
        status.state = .unknown
        status.unseen = [blind]
        return status
    }

    static var failed: HealStatus {
        var status = healing
        status.state = .failed
        status.active = []
        status.etaQuality = .unknown
        status.eta = nil
        status.quarantine = [
            QuarantinedFile(
                gfid: file, path: "images/vm\u{1B}[2J.raw", sinks: ["beta"],
                reason: "sink beta has no space left: free space on /bricks/b1", attempts: 3, since: ago(600),
                nextTry: Timestamp(seconds: noon.seconds + 30, nanoseconds: 0))
        ]
        return status
    }
}
