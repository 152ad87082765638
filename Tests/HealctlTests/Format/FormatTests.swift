import Glibc
import HealProtocol
import Testing
import TranslatorCore

@testable import healctl

@Suite struct FormatTests {
    init() {
        setenv("TZ", "UTC", 1)
        tzset()
    }

    @Test func `a clean volume is one line`() {
        #expect(
            StatusText().lines(Example.clean, now: Example.noon) == [
                "volume vmstore  CLEAN  lag 0 s  last heal 09:41:13 (1.9 GiB, 6 s, range)"
            ])
    }

    @Test func `a healing volume shows what is behind, how fast it goes, and what to do`() {
        let text = StatusText().lines(Example.healing, now: Example.noon).joined(separator: "\n")
        #expect(
            text == """
                volume vmstore   HEALING   3 copies, writes local (bypass → alpha)
                  status: 2 of 3 copies are behind. No data is at risk while alpha is up.
                  action: none. Do not stop alpha before lag is 0.
                  lag     1.8 s (oldest record)   loss window limit 30 s
                  backlog 41 files  212 ranges  1.9 GiB      rate 310 MiB/s ↓ limit 400 MiB/s
                  [==================>....]  78.4 %   1.9 GiB left   eta 6 s

                  COPY   STATE    BEHIND   LAG    RATE       LAST CLEAN  SPLIT  FAILED
                  alpha  source   –        –      –          –           0      0
                  beta   healing  1.9 GiB  1.8 s  310 MiB/s  09:41:07    0      0
                  gamma  healing  12 MiB   0.2 s  290 MiB/s  09:41:12    0      0

                  IN WORK (2 of 41)                                         METHOD  DONE    LEFT     ETA
                  images/vm-101.qcow2 → beta                                range   64.0 %  812 MiB  3 s
                  <gfid:25312cdb-0000-4000-8000-000000000070> → beta,gamma  full    0.0 %   4.0 MiB  –
                """)
    }

    @Test func `a failed heal says why, when it is tried again, and never steers the terminal`() {
        let lines = StatusText().lines(Example.failed, now: Example.noon)
        #expect(lines[0].contains("FAILED"))
        #expect(lines.contains("  action: remove the reasons below, then: healctl queue retry"))
        #expect(
            lines.suffix(3) == [
                "  NOT HEALED (1 of 1)", "  images/vm\\u{1b}[2J.raw   next try 09:41:43, tried 3 times",
                "      sink beta has no space left: free space on /bricks/b1",
            ])
        #expect(!lines.contains { $0.contains("\u{1B}") })
    }

    @Test func `colours are for terminals`() {
        let text = StatusText(paint: Paint(isOn: true)).lines(Example.clean, now: Example.noon)
        #expect(
            text == ["volume vmstore  \u{1B}[1;32mCLEAN\u{1B}[0m  lag 0 s  last heal 09:41:13 (1.9 GiB, 6 s, range)"])
    }

    @Test func `a healer whose figures are old is not believed`() {
        let later = Timestamp(seconds: Example.noon.seconds + 42, nanoseconds: 0)
        #expect(StatusText().lines(Example.clean, now: later)[0].contains("UNKNOWN (stale 42 s)"))
    }

    @Test func `paused, another healer at work, and a missing copy are said`() {
        var status = Example.healing
        status.state = .behind
        status.isPaused = true
        status.etaQuality = .paused
        var lines = StatusText().lines(status, now: Example.noon)
        #expect(lines.contains("  action: healctl queue resume"))
        #expect(lines.contains { $0.hasSuffix("eta paused") })
        status.isPaused = false
        status.copies[2].state = .down
        status.foreignHealer = "glustershd heals here too; turn it off: gluster volume set vmstore self-heal-daemon off"
        lines = StatusText().lines(status, now: Example.noon)
        #expect(lines.contains("  action: bring gamma back. Do not stop alpha before lag is 0."))
        #expect(lines.contains { $0.hasPrefix("  note:   glustershd heals here too") })
    }

    @Test(arguments: HealStatus.State.allCases) func `every state has advice that says something`(
        state: HealStatus.State
    ) {
        var status = Example.healing
        status.state = state
        let advice = Advice(status)
        #expect(advice.status.hasSuffix("."))
        #expect(!advice.action.isEmpty)
    }

    @Test func `what the healer cannot see is said, with what to do`() {
        var lines = StatusText().lines(Example.unseen, now: Example.noon)
        #expect(
            lines.prefix(3) == [
                "volume vmstore   UNKNOWN   2 copies, no writer",
                "  status: whether all copies are equal cannot be told: /bricks/b: the index cannot be read: EIO.",
                "  action: look at its disk",
            ])
        #expect(!lines.contains { $0.contains("unseen") }, "it is said once")
        var failed = Example.failed
        failed.unseen = [Example.blind]
        lines = StatusText().lines(failed, now: Example.noon)
        #expect(lines.contains("  unseen: /bricks/b: the index cannot be read: EIO; to fix: look at its disk"))
    }

    @Test func `a brick whose index cannot be read has no figures`() {
        let brick = BrickHealInfo(brick: "/bricks/b", isConnected: true, blindSpot: Example.blind, total: 0)
        #expect(
            InfoText.info([brick]) == [
                "/bricks/b  unknown: the index cannot be read: EIO; to fix: look at its disk"
            ])
        #expect(InfoText.summary([brick]).last == "/bricks/b  unknown  –        –        –")
        #expect(GlusterText.info([brick]).contains("Number of entries: -\n"))
    }

    @Test func `a pending file says why its heal failed`() {
        let entry = BrickHealInfo.Entry(gfid: Example.file, path: "a", failure: "it has marks that nobody knows")
        let brick = BrickHealInfo(brick: "/bricks/b", isConnected: true, total: 1, entries: [entry])
        #expect(InfoText.info([brick]).last == "      not healed: it has marks that nobody knows")
    }

    @Test func `the line for a tick can be searched`() {
        #expect(
            StatusLine().line(Example.healing, now: Example.noon)
                == "09:41:13 vmstore healing 78.4% left=1.9GiB lag=1.8s rate=310MiB/s eta=6s split=0 failed=0")
        var losing = Example.healing
        losing.etaQuality = .losingGround
        #expect(StatusLine().line(losing, now: Example.noon).contains("eta=losing-ground"))
    }

    @Test func `the JSON has the schema's keys and how fresh it is`() throws {
        let later = Timestamp(iso8601: "2026-01-12T09:41:13.324Z")!
        let json = StatusDocument.json([Example.healing], unreachable: ["healer x has died"], now: later)
        let object = try JSONObject(json, "status")
        #expect(try object.text("schema") == "healctl.status/1")
        #expect(try object.texts("errors") == ["healer x has died"])
        let volume = try #require(
            try object.list("volumes") { value throws(CodecError) in try JSONObject(value, "v") }.first)
        #expect(try volume.text("state") == "healing")
        let source = try #require(
            try volume.list("sources") { value throws(CodecError) in try JSONObject(value, "s") }.first)
        #expect(try source.count("fresh_ms") == 120)
        #expect(try JSONText(parsing: json.line) == json)
    }

    @Test func `the bar is full only when all is done`() {
        let text = StatusText(barWidth: 12)
        #expect(text.bar(0) == "[>.........]")
        #expect(text.bar(0.5) == "[=====>....]")
        #expect(text.bar(0.9999) == "[=========>]")
        #expect(text.bar(1) == "[==========]")
        #expect(text.bar(-1) == text.bar(0))
        #expect(Units.percent(0.99999) == "99.9")
        #expect(Units.percent(1) == "100.0")
    }

    @Test func `sizes and times keep three digits and their unit`() {
        let iec = Units()
        #expect(
            [0, 1_023, 1_024, 10_240, 102_400, 1_048_575, 1 << 40].map { iec.size($0) } == [
                "0 B", "1023 B", "1.0 KiB", "10 KiB", "100 KiB", "1.0 MiB", "1.0 TiB",
            ])
        #expect(Units(sizes: .si).size(1_500_000) == "1.5 MB")
        #expect(Units(sizes: .bytes).size(2_040_109_466) == "2040109466 B")
        #expect(iec.size(.max) == "16 EiB")
        let times: [(Duration, String)] = [
            (.zero, "0 s"), (.microseconds(10), "1 ms"), (.milliseconds(42), "42 ms"), (.milliseconds(200), "0.2 s"),
            (.milliseconds(1_800), "1.8 s"), (.seconds(42), "42 s"), (.seconds(60), "1 min"),
            (.seconds(200), "3 min 20 s"),
            (.seconds(7_500), "2 h 5 min"), (.seconds(273_600), "3 d 4 h"),
        ]
        for (duration, text) in times { #expect(Units.duration(duration) == text) }
    }

    @Test func `a time of another day has its date`() {
        #expect(Units.clock(Example.ago(86_400), now: Example.noon) == "2026-01-11 09:41:13")
    }

    @Test func `heal info is what scripts know, byte for byte`() {
        let bricks = [
            BrickHealInfo(
                brick: "alpha:/bricks/a", isConnected: true, total: 3, splitBrain: 1, healing: 1,
                entries: [
                    .init(gfid: Example.file, path: "images/a"), .init(gfid: Example.file, isSplitBrain: true),
                    .init(gfid: Example.file, path: "/b", isHealing: true),
                ]), BrickHealInfo(brick: "beta:/bricks/b", isConnected: false, total: 0),
        ]
        #expect(
            GlusterText.info(bricks) == """
                Brick alpha:/bricks/a
                /images/a\u{20}
                <gfid:25312cdb-0000-4000-8000-000000000070> - Is in split-brain
                /b - Possibly undergoing heal
                Status: Connected
                Number of entries: 3

                Brick beta:/bricks/b
                Status: Transport endpoint is not connected
                Number of entries: -


                """)
        #expect(
            GlusterText.summary(bricks) == """
                Brick alpha:/bricks/a
                Status: Connected
                Total Number of entries: 3
                Number of entries in heal pending: 1
                Number of entries in split-brain: 1
                Number of entries possibly healing: 1

                Brick beta:/bricks/b
                Status: Transport endpoint is not connected
                Total Number of entries: -
                Number of entries in heal pending: -
                Number of entries in split-brain: -
                Number of entries possibly healing: -


                """)
        #expect(
            InfoText.summary(bricks) == [
                "BRICK            STATE  PENDING  HEALING  SPLIT", "alpha:/bricks/a  up     3        1        1",
                "beta:/bricks/b   down   –        –        –",
            ])
    }

    @Test func `the queue is a table, and what is left out is counted`() {
        let file = QueuedFile(
            gfid: Example.file, path: "a", state: .quarantined, sinks: ["beta"], method: .range, ranges: 2,
            bytes: 8_192,
            since: Example.noon, note: "sink beta is full")
        #expect(
            QueueText().list([file], total: 5, now: Example.noon) == [
                "FILE  STATE        METHOD  RANGES  BYTES    SINCE     NOTE",
                "a     quarantined  range   2       8.0 KiB  09:41:13  sink beta is full", "and 4 more: --all",
            ])
        #expect(QueueText().list([], total: 0, now: Example.noon) == ["nothing waits"])
        #expect(QueueText().show(file, now: Example.noon).contains("left    2 ranges  8.0 KiB"))
    }

    @Test func `an event is a line`() {
        let heal = FinishedHeal(
            gfid: Example.file, path: "images/a", sinks: ["beta"], method: .range, bytesMoved: 12_288,
            took: .milliseconds(4),
            finished: Example.noon)
        let text = EventText()
        func line(_ change: HealEvent.Change) -> String {
            text.line(HealEvent(volume: "vmstore", time: Example.noon, change: change))
        }
        #expect(line(.finished(heal)) == "09:41:13 vmstore finished images/a → beta  12 KiB in 4 ms (range)")
        #expect(line(.stateChanged(from: .clean, to: .inFlight)) == "09:41:13 vmstore state-changed clean → in-flight")
        #expect(line(.paused) == "09:41:13 vmstore paused")
    }
}

@Suite struct FormatPropertyTests {
    @Test(arguments: UInt64(1)...200)
    func `whatever a status holds, its line and its text say no nonsense`(seed: UInt64) {
        // Goal: nothing negative, nothing above 100 %, 100 % only when all is done, an estimate that is a time or a
        // word.
        var random = SeededRandom(seed: seed)
        var status = Example.healing
        let places: [Double] = [0, 1e-9, 0.0004, 0.5, 0.999, 0.9996, 0.999_999_999, 1]
        status.fractionDone =
            Bool.random(using: &random) ? places.randomElement(using: &random)! : .random(in: 0...1, using: &random)
        status.backlog = Backlog(
            files: .random(in: 0...1_000_000, using: &random), ranges: .random(in: 0...1_000_000, using: &random),
            bytes: UInt64.random(in: 0...UInt64.max, using: &random) >> UInt64.random(in: 0...63, using: &random))
        status.lag = .nanoseconds(
            Int64.random(in: 0...Int64.max, using: &random) >> Int64.random(in: 0...62, using: &random))
        status.etaQuality = HealStatus.EtaQuality.allCases.randomElement(using: &random)!
        status.eta =
            status.etaQuality == .good ? .nanoseconds(Int64.random(in: 0...3_000_000_000_000, using: &random)) : nil
        status.rateBytesPerSecond = .random(in: 0...UInt64.max, using: &random)
        let line = StatusLine().line(status, now: Example.noon)
        let percent = line.split(separator: " ").first { $0.hasSuffix("%") }!.dropLast()
        #expect(Double(percent).map { (0...100).contains($0) } == true, "\(line)")
        #expect((Double(percent) == 100) == (status.fractionDone == 1), "\(line)")
        let eta = line.split(separator: " ").first { $0.hasPrefix("eta=") }!.dropFirst(4)
        if status.etaQuality == .good { #expect(eta.first?.isNumber == true, "\(line)") }
        for text in [line] + StatusText().lines(status, now: Example.noon) {
            for word in ["nan", "inf", "=-", " -"] { #expect(!text.contains(word), "\(text)") }
        }
    }
}

@Suite struct VerdictTests {
    func code(_ change: (inout HealStatus) -> Void, unreachable: Int = 0, isCheck: Bool = true) -> Int32 {
        var status = Example.clean
        change(&status)
        return StatusVerdict.code([status], unreachable: unreachable, isCheck: isCheck)
    }

    @Test func `the exit code is 0, 1, 2 or 3 with check, and tells only of what is missing without`() {
        #expect(code { _ in } == 0)
        for state in [HealStatus.State.inFlight, .healing, .behind, .losingGround] {
            #expect(code { $0.state = state } == 1)
        }
        for state in [HealStatus.State.splitBrain, .failed] {
            #expect(code { $0.state = state } == 2)
            #expect(code({ $0.state = state }, isCheck: false) == 0)
        }
        #expect(code { $0.state = .unknown } == 3)
        #expect(code { $0.copies[1].state = .down } == 3)
        #expect(code({ $0.copies[1].state = .down }, isCheck: false) == 3)
        #expect(code({ _ in }, unreachable: 1) == 3)
        #expect(code({ $0.state = .healing }, unreachable: 1, isCheck: false) == 3)
        #expect(code({ ($0.state, $0.lagLimit, $0.lag) = (.behind, .seconds(30), .seconds(31)) }, unreachable: 1) == 2)
        #expect(code { ($0.state, $0.lagLimit, $0.lag) = (.behind, .seconds(30), .seconds(30)) } == 1)
        #expect(code { $0.quarantine = Example.failed.quarantine } == 2)
    }

    @Test func `waiting ends when clean, or when the lag is small enough`() throws {
        #expect(WaitCondition(argument: "clean") == .clean)
        #expect(WaitCondition(argument: "lag=5s") == .lag(.seconds(5)))
        #expect(WaitCondition(argument: "lag=") == nil)
        #expect(WaitCondition(argument: "done") == nil)
        #expect(WaitCondition.clean.holds(Example.clean))
        #expect(!WaitCondition.clean.holds(Example.healing))
        #expect(WaitCondition.lag(.seconds(5)).holds(Example.healing))
        #expect(!WaitCondition.lag(.seconds(1)).holds(Example.healing))
    }

    @Test func `watch may stand alone`() {
        #expect(Healctl.completed(["status", "--watch"]) == ["status", "--watch=1"])
        #expect(Healctl.completed(["status", "--watch", "vmstore"]) == ["status", "--watch=1", "vmstore"])
        #expect(Healctl.completed(["status", "--watch", "0.5"]) == ["status", "--watch", "0.5"])
        #expect(Healctl.completed(["status", "--watch=2"]) == ["status", "--watch=2"])
    }

    @Test func `a file is named by gfid or path`() {
        #expect(FileReference(typed: "25312cdb-0000-4000-8000-000000000070") == .gfid(Example.file))
        #expect(FileReference(typed: "<gfid:25312cdb-0000-4000-8000-000000000070>") == .gfid(Example.file))
        #expect(FileReference(typed: "images/a") == .path("images/a"))
    }
}
