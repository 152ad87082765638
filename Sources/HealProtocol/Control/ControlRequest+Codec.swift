import TranslatorCore

/// The frame around control requests and replies: what healer and `healctl` check before they read JSON.
///
///     0  magic     4   "BYPC"
///     4  version   2   1, big-endian
///     6  zero      2
///     8  number    8   big-endian; a reply has its request's
///     16 JSON text, to the end of the message
public struct ControlFrame: Equatable, Sendable {
    public static let magic: UInt32 = 0x4259_5043
    public static let version: UInt16 = 1
    /// Larger messages are refused before they are read.
    public static let bytesMax = 16 << 20

    public var number: UInt64
    public var json: JSONText

    public init(number: UInt64, json: JSONText) { (self.number, self.json) = (number, json) }

    public var encoded: [UInt8] {
        let body = json.utf8
        var bytes = ByteWriter(capacity: 16 + body.count)
        bytes.uint32(Self.magic)
        bytes.uint16(Self.version)
        bytes.uint16(0)
        bytes.uint64(number)
        bytes.append(body)
        return bytes.bytes
    }

    public init(decoding bytes: [UInt8]) throws(CodecError) {
        guard bytes.count <= Self.bytesMax else {
            throw CodecError("a control message has \(bytes.count) bytes; \(Self.bytesMax) are allowed")
        }
        self = try ByteReader.decode(bytes) { reader throws(CodecError) in
            guard try reader.uint32() == Self.magic else {
                throw CodecError("not a control message: its magic is wrong")
            }
            let version = try reader.uint16()
            guard version == Self.version, try reader.uint16() == 0 else {
                throw CodecError(
                    "a control message has version \(version), this program speaks \(Self.version): use a healctl and a healer of one release"
                )
            }
            let number = try reader.uint64()
            return ControlFrame(number: number, json: try JSONText(parsing: reader.bytes(reader.remaining)))
        }
    }
}

extension ControlRequest: JSONExchangeable {
    /// `{"request":"heal","file":{"path":"a/b"},"waits":true}`
    public var json: JSONText {
        switch self {
        case .status: Self.object("status")
        case .info(let max): Self.object("info", ("entries_max", .count(max)))
        case .queue(let max): Self.object("queue", ("files_max", .count(max)))
        case .queued(let file): Self.object("queued", ("file", file.json))
        case .pause: Self.object("pause")
        case .resume: Self.object("resume")
        case .look: Self.object("look")
        case .retry(let file): Self.object("retry", ("file", .optional(file, \.json)))
        case .heal(let file, let waits): Self.object("heal", ("file", file.json), ("waits", .flag(waits)))
        case .splitBrains: Self.object("split-brains")
        case .keep(let path, let replica, let discards):
            Self.object("keep", ("path", .text(path)), ("replica", .text(replica)), ("discards", .flag(discards)))
        }
    }
    private static func object(_ name: String, _ members: (key: String, value: JSONText)...) -> JSONText {
        .object([("request", .text(name))] + members)
    }

    public init(json: JSONText) throws(CodecError) {
        let object = try JSONObject(json, "request")
        self =
            switch try object.text("request") {
            case "status": .status
            case "info": .info(entriesMax: try object.count("entries_max"))
            case "queue": .queue(filesMax: try object.count("files_max"))
            case "queued": .queued(try FileReference(json: object["file"] ?? .null))
            case "pause": .pause
            case "resume": .resume
            case "look": .look
            case "retry": .retry(object["file"] == nil ? nil : try FileReference(json: object["file"]!))
            case "heal": .heal(try FileReference(json: object["file"] ?? .null), waits: try object.flag("waits"))
            case "split-brains": .splitBrains
            case "keep":
                .keep(
                    path: try object.text("path"), replica: try object.text("replica"),
                    discards: try object.flag("discards"))
            case let other: throw CodecError("request \"\(other)\" is not known to this version of the healer")
            }
    }
}

extension ControlReply: JSONExchangeable {
    /// `{"reply":"done","text":"…"}`
    public var json: JSONText {
        switch self {
        case .status(let status): .object([("reply", .text("status")), ("status", status.json)])
        case .info(let bricks): .object([("reply", .text("info")), ("bricks", .list(bricks.map(\.json)))])
        case .queue(let files, let total):
            .object([("reply", .text("queue")), ("total", .count(total)), ("files", .list(files.map(\.json)))])
        case .done(let text): .object([("reply", .text("done")), ("text", .text(text))])
        case .healed(let heal): .object([("reply", .text("healed")), ("heal", .optional(heal, \.json))])
        case .splitBrains(let all):
            .object([("reply", .text("split-brains")), ("split_brains", .list(all.map(\.json)))])
        case .failed(let failure):
            .object([
                ("reply", .text("failed")), ("reason", .text(failure.reason.rawValue)),
                ("text", .text(failure.description)),
            ])
        }
    }

    public init(json: JSONText) throws(CodecError) {
        let object = try JSONObject(json, "reply")
        self =
            switch try object.text("reply") {
            case "status": .status(try HealStatus(json: object["status"] ?? .null))
            case "info": .info(try object.list("bricks", BrickHealInfo.init(json:)))
            case "queue": .queue(try object.list("files", QueuedFile.init(json:)), total: try object.count("total"))
            case "done": .done(try object.text("text"))
            case "healed": .healed(object["heal"] == nil ? nil : try FinishedHeal(json: object["heal"]!))
            case "split-brains": .splitBrains(try object.list("split_brains", SplitBrain.init(json:)))
            case "failed": .failed(ControlFailure(try object.choice("reason"), try object.text("text")))
            case let other: throw CodecError("reply \"\(other)\" is not known to this version of healctl")
            }
    }
}
