import HealProtocol
import Testing
import TranslatorCore

@Suite struct ControlMessageTests {
    static let file = Gfid("25312cdb-0000-4000-8000-000000000070")!
    static let noon = Timestamp(iso8601: "2026-01-12T09:41:13.204Z")!

    static let heal = FinishedHeal(
        gfid: file, path: "images/vm-101.qcow2", sinks: ["beta"], method: .range, reason: "two epochs, 3 ranges",
        bytesMoved: 12_288, took: .milliseconds(4), finished: noon)
    static let active = ActiveHeal(
        gfid: file, path: nil, sinks: ["beta", "gamma"], method: .diff, bytesTotal: 100, bytesDone: 64,
        rateBytesPerSecond: 9, eta: .seconds(4), worker: "1")
    static let quarantined = QuarantinedFile(
        gfid: file, path: "a", sinks: ["beta"], reason: "sink beta is full", attempts: 3, since: noon, nextTry: nil)

    static let blind = BlindSpot(.index, "/bricks/b1", reason: "cannot be read: EIO", remedy: "look at its disk")

    static var status: HealStatus {
        var counters = HealCounters()
        counters.healedBytes = [.range: 5, .full: 1 << 40]
        counters.recordsReceived = 7
        return HealStatus(
            volume: "vmstore", volumeID: Gfid(high: 1, low: 2), state: .losingGround, writes: .local, target: "alpha",
            lag: .milliseconds(1_800), lagLimit: .seconds(30),
            backlog: Backlog(files: 41, ranges: 212, bytes: 2_040_109_466),
            rateBytesPerSecond: 325_058_560, limitBytesPerSecond: 419_430_400, fractionDone: 0.784, eta: nil,
            etaQuality: .losingGround,
            copies: [
                CopyStatus(
                    name: "beta", host: "beta", brick: "/bricks/b1", state: .healing, behindBytes: 2_027_528_192,
                    lag: .milliseconds(1_800), rateBytesPerSecond: 325_058_560, pending: PendingFiles(data: 41),
                    lastClean: noon)
            ], active: [active], quarantine: [quarantined], history: [heal],
            writers: [WriterStatus(writer: file, target: "alpha", fresh: .milliseconds(120))], unseen: [blind],
            counters: counters,
            isPaused: true, foreignHealer: "glustershd heals here too", lastClean: noon, healer: Gfid(high: 3, low: 4),
            time: noon)
    }

    static let requests: [ControlRequest] = [
        .status, .info(entriesMax: 20), .queue(filesMax: 100), .queued(.gfid(file)), .pause, .resume, .look,
        .retry(nil),
        .retry(.path("a/b \"c\"\n\u{1F600}")), .heal(.path("/x"), waits: true), .heal(.gfid(file), waits: false),
        .splitBrains, .keep(path: "a/b \"c\"", replica: "beta", discards: true),
    ]
    static let replies: [ControlReply] = [
        .status(status), .done("paused"), .healed(nil), .healed(heal),
        .info([
            BrickHealInfo(
                brick: "beta:/bricks/b1", isConnected: true, total: 3, splitBrain: 1, healing: 1,
                entries: [.init(gfid: file, path: "a", isSplitBrain: true)]),
            BrickHealInfo(brick: "/bricks/b2", isConnected: true, blindSpot: blind, total: 0),
        ]),
        .queue([QueuedFile(gfid: file, state: .waiting, method: nil, ranges: 2, bytes: 8192, since: noon)], total: 9),
        .splitBrains([
            SplitBrain(kind: .data, path: nil, gfid: file),
            SplitBrain(
                kind: .name, path: "a/b", gfid: file,
                copies: [SplitBrain.Copy(replica: "beta", gfid: file, size: 7, modified: noon)]),
        ]),
        .failed(ControlFailure(.unknownFile, "no file \"x\" in volume vmstore")),
    ]

    @Test(arguments: requests) func `every request reads back`(request: ControlRequest) throws {
        #expect(try ControlRequest(json: JSONText(parsing: request.json.line)) == request)
    }
    @Test(arguments: replies) func `every reply reads back`(reply: ControlReply) throws {
        let frame = ControlFrame(number: 12, json: reply.json)
        let back = try ControlFrame(decoding: frame.encoded)
        #expect(back.number == 12)
        #expect(try ControlReply(json: back.json) == reply)
    }

    @Test func `a frame has the bytes it always had`() {
        let frame = ControlFrame(number: 258, json: ControlRequest.status.json)
        #expect(
            frame.encoded == Array("BYPC".utf8) + [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]
                + Array(#"{"request":"status"}"#.utf8))
    }

    @Test func `a status is the object that the schema promises`() {
        let line = Self.status.json.line
        #expect(
            line.hasPrefix(
                #"{"name":"vmstore","volume_id":"00000000-0000-0001-0000-000000000002","state":"losing-ground","writes":"local","target":"alpha","lag_seconds":1.8,"lag_limit_seconds":30,"backlog":{"files":41,"ranges":212,"bytes":2040109466},"#
            ))
        #expect(line.contains(#""eta_seconds":null,"eta_quality":"losing-ground""#))
        #expect(
            line.contains(
                #""pending":{"data":41,"metadata":0,"entry":0},"split_brain":0,"failed":0,"last_clean":"2026-01-12T09:41:13.204Z""#
            ))
    }

    static let events: [HealEvent.Change] = [
        .stateChanged(from: .clean, to: .inFlight), .started(active), .progressed(active), .finished(heal),
        .quarantined(quarantined), .paused, .resumed, .writerAppeared(file), .writerGone(file),
        .recordsLost(writer: file),
        .note("glustershd heals here too"),
    ]
    @Test(arguments: events) func `every event reads back from what is published`(change: HealEvent.Change) throws {
        let event = HealEvent(volume: "vmstore", time: Self.noon, change: change)
        let message = HealerTopic.message(event, volume: Self.file)
        #expect(message.starts(with: HealerTopic.events(of: Self.file)))
        #expect(try HealerTopic.event(in: message) == event)
    }

    @Test func `what is no control message is refused with a reason`() {
        func refusal(_ bytes: [UInt8]) -> String {
            do {
                _ = try ControlRequest(json: ControlFrame(decoding: bytes).json)
            } catch { return "\(error)" }
            return "accepted"
        }
        var frame = ControlFrame(number: 1, json: .object([("request", .text("explode"))])).encoded
        #expect(refusal(frame).contains("\"explode\" is not known"))
        frame[5] = 9
        #expect(refusal(frame).contains("version 9"))
        frame[0] = 0
        #expect(refusal(frame).contains("magic"))
        #expect(refusal([]).contains("needs 4 bytes"))
        #expect(refusal(ControlFrame(number: 1, json: .list([])).encoded).contains("not a JSON object"))
        let negative = JSONText.object([("request", .text("info")), ("entries_max", .integer(-1))])
        #expect(refusal(ControlFrame(number: 1, json: negative).encoded).contains("\"entries_max\" is not a count"))
    }
}
