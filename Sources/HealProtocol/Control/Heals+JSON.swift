import TranslatorCore

extension ActiveHeal: JSONExchangeable {
    var json: JSONText {
        .object([
            ("gfid", .gfid(gfid)), ("path", .optional(path) { .text($0) }), ("sinks", .texts(sinks)),
            ("method", .text(method.rawValue)), ("bytes_total", .count(bytesTotal)), ("bytes_done", .count(bytesDone)),
            ("rate_bytes_per_second", .count(rateBytesPerSecond)), ("eta_seconds", .optional(eta) { .seconds($0) }),
            ("worker", .text(worker)),
        ])
    }
    init(json: JSONText) throws(CodecError) {
        let object = try JSONObject(json, "active heal")
        self.init(
            gfid: try object.gfid("gfid"), path: try object.textIfAny("path"), sinks: try object.texts("sinks"),
            method: try object.choice("method"), bytesTotal: try object.bytes("bytes_total"),
            bytesDone: try object.bytes("bytes_done"), rateBytesPerSecond: try object.bytes("rate_bytes_per_second"),
            eta: try object.durationIfAny("eta_seconds"), worker: try object.text("worker"))
    }
}

extension QuarantinedFile: JSONExchangeable {
    var json: JSONText {
        .object([
            ("gfid", .gfid(gfid)), ("path", .optional(path) { .text($0) }), ("sinks", .texts(sinks)),
            ("reason", .text(reason)), ("split_brain", .flag(isSplitBrain)), ("attempts", .count(attempts)),
            ("since", .time(since)), ("next_try", .optional(nextTry) { .time($0) }),
        ])
    }
    init(json: JSONText) throws(CodecError) {
        let object = try JSONObject(json, "quarantined file")
        self.init(
            gfid: try object.gfid("gfid"), path: try object.textIfAny("path"), sinks: try object.texts("sinks"),
            reason: try object.text("reason"), isSplitBrain: try object.flag("split_brain"),
            attempts: try object.count("attempts"), since: try object.timestamp("since"),
            nextTry: try object.timestampIfAny("next_try"))
    }
}

extension FinishedHeal: JSONExchangeable {
    var json: JSONText {
        .object([
            ("gfid", .gfid(gfid)), ("path", .optional(path) { .text($0) }), ("sinks", .texts(sinks)),
            ("method", .text(method.rawValue)), ("reason", .text(reason)), ("bytes_moved", .count(bytesMoved)),
            ("bytes_skipped", .count(bytesSkipped)), ("took_seconds", .seconds(took)), ("finished", .time(finished)),
        ])
    }
    init(json: JSONText) throws(CodecError) {
        let object = try JSONObject(json, "finished heal")
        self.init(
            gfid: try object.gfid("gfid"), path: try object.textIfAny("path"), sinks: try object.texts("sinks"),
            method: try object.choice("method"), reason: try object.text("reason"),
            bytesMoved: try object.bytes("bytes_moved"), bytesSkipped: try object.bytes("bytes_skipped"),
            took: try object.duration("took_seconds"), finished: try object.timestamp("finished"))
    }
}

extension QueuedFile: JSONExchangeable {
    public var json: JSONText {
        .object([
            ("gfid", .gfid(gfid)), ("path", .optional(path) { .text($0) }), ("state", .text(state.rawValue)),
            ("sinks", .texts(sinks)), ("method", .optional(method) { .text($0.rawValue) }), ("ranges", .count(ranges)),
            ("bytes", .count(bytes)), ("since", .time(since)), ("note", .text(note)),
        ])
    }
    init(json: JSONText) throws(CodecError) {
        let object = try JSONObject(json, "queued file")
        self.init(
            gfid: try object.gfid("gfid"), path: try object.textIfAny("path"), state: try object.choice("state"),
            sinks: try object.texts("sinks"), method: object["method"] == nil ? nil : try object.choice("method"),
            ranges: try object.count("ranges"), bytes: try object.bytes("bytes"), since: try object.timestamp("since"),
            note: try object.text("note"))
    }
}

extension BrickHealInfo: JSONExchangeable {
    public var json: JSONText {
        .object([
            ("brick", .text(brick)), ("connected", .flag(isConnected)),
            ("unseen", .optional(blindSpot) { $0.json }), ("total", .count(total)),
            ("split_brain", .count(splitBrain)), ("healing", .count(healing)), ("entries", .list(entries.map(\.json))),
        ])
    }
    init(json: JSONText) throws(CodecError) {
        let object = try JSONObject(json, "brick")
        self.init(
            brick: try object.text("brick"), isConnected: try object.flag("connected"),
            blindSpot: try object["unseen"].map { json throws(CodecError) in try BlindSpot(json: json) },
            total: try object.count("total"),
            splitBrain: try object.count("split_brain"), healing: try object.count("healing"),
            entries: try object.list("entries", Entry.init(json:)))
    }
}

extension BrickHealInfo.Entry: JSONExchangeable {
    var json: JSONText {
        .object([
            ("gfid", .gfid(gfid)), ("path", .optional(path) { .text($0) }), ("split_brain", .flag(isSplitBrain)),
            ("healing", .flag(isHealing)), ("failure", .optional(failure) { .text($0) }),
        ])
    }
    init(json: JSONText) throws(CodecError) {
        let object = try JSONObject(json, "entry")
        self.init(
            gfid: try object.gfid("gfid"), path: try object.textIfAny("path"),
            isSplitBrain: try object.flag("split_brain"), isHealing: try object.flag("healing"),
            failure: try object.textIfAny("failure"))
    }
}

extension FileReference: JSONExchangeable {
    var json: JSONText {
        switch self {
        case .gfid(let gfid): .object([("gfid", .gfid(gfid))])
        case .path(let path): .object([("path", .text(path))])
        }
    }
    init(json: JSONText) throws(CodecError) {
        let object = try JSONObject(json, "file")
        if let path = try object.textIfAny("path") {
            self = .path(path)
        } else {
            self = .gfid(try object.gfid("gfid"))
        }
    }
}
