import TranslatorCore

extension SplitBrain: JSONExchangeable {
    public var json: JSONText {
        .object([
            ("kind", .text(kind.rawValue)), ("path", .optional(path) { .text($0) }), ("gfid", .gfid(gfid)),
            ("copies", .list(copies.map(\.json))),
        ])
    }
    public init(json: JSONText) throws(CodecError) {
        let object = try JSONObject(json, "split-brain")
        self.init(
            kind: try object.choice("kind"), path: try object.textIfAny("path"), gfid: try object.gfid("gfid"),
            copies: try object.list("copies", Copy.init(json:)))
    }
}

extension SplitBrain.Copy: JSONExchangeable {
    var json: JSONText {
        .object([
            ("replica", .text(replica)), ("gfid", .gfid(gfid)), ("size_bytes", .count(size)),
            ("modified", .time(modified)),
        ])
    }
    init(json: JSONText) throws(CodecError) {
        let object = try JSONObject(json, "copy")
        self.init(
            replica: try object.text("replica"), gfid: try object.gfid("gfid"),
            size: try object.bytes("size_bytes"), modified: try object.timestamp("modified"))
    }
}
