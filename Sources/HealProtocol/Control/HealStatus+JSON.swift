import TranslatorCore

/// A value that a healer and `healctl` exchange as JSON text. What one version writes, the next must read: members are
/// added, never renamed.
protocol JSONExchangeable {
    var json: JSONText { get }
    init(json: JSONText) throws(CodecError)
}

/// The object in `volumes` of schema `healctl.status/1` (FEATURES C3); times in seconds, sizes in bytes.
extension HealStatus: JSONExchangeable {
    public var json: JSONText {
        .object([
            ("name", .text(volume)), ("volume_id", .gfid(volumeID)), ("state", .text(state.rawValue)),
            ("writes", .text(writes.rawValue)), ("target", .optional(target) { .text($0) }),
            ("lag_seconds", .seconds(lag)), ("lag_limit_seconds", .optional(lagLimit) { .seconds($0) }),
            ("backlog", backlog.json), ("fraction_done", .real(fractionDone)),
            ("rate_bytes_per_second", .count(rateBytesPerSecond)),
            ("limit_bytes_per_second", .optional(limitBytesPerSecond) { .count($0) }),
            ("eta_seconds", .optional(eta) { .seconds($0) }), ("eta_quality", .text(etaQuality.rawValue)),
            ("paused", .flag(isPaused)), ("foreign_healer", .optional(foreignHealer) { .text($0) }),
            ("last_clean", .optional(lastClean) { .time($0) }),
            ("copies", .list(copies.map(\.json))), ("active", .list(active.map(\.json))),
            ("quarantine", .list(quarantine.map(\.json))), ("history", .list(history.map(\.json))),
            ("writers", .list(writers.map(\.json))), ("unseen", .list(unseen.map(\.json))), ("counters", counters.json),
            ("healer", .gfid(healer)), ("time", .time(time)),
        ])
    }

    public init(json: JSONText) throws(CodecError) {
        let object = try JSONObject(json, "status")
        self.init(
            volume: try object.text("name"), volumeID: try object.gfid("volume_id"), state: try object.choice("state"),
            writes: try object.choice("writes"), target: try object.textIfAny("target"),
            lag: try object.duration("lag_seconds"), lagLimit: try object.durationIfAny("lag_limit_seconds"),
            backlog: try Backlog(json: object["backlog"] ?? .null),
            rateBytesPerSecond: try object.bytes("rate_bytes_per_second"),
            limitBytesPerSecond: try object.bytesIfAny("limit_bytes_per_second"),
            fractionDone: try object.fraction("fraction_done"), eta: try object.durationIfAny("eta_seconds"),
            etaQuality: try object.choice("eta_quality"), copies: try object.list("copies", CopyStatus.init(json:)),
            active: try object.list("active", ActiveHeal.init(json:)),
            quarantine: try object.list("quarantine", QuarantinedFile.init(json:)),
            history: try object.list("history", FinishedHeal.init(json:)),
            writers: try object.list("writers", WriterStatus.init(json:)),
            // Healers of earlier builds do not say.
            unseen: object["unseen"] == nil ? [] : try object.list("unseen", BlindSpot.init(json:)),
            counters: try HealCounters(json: object["counters"] ?? .null), isPaused: try object.flag("paused"),
            foreignHealer: try object.textIfAny("foreign_healer"), lastClean: try object.timestampIfAny("last_clean"),
            healer: try object.gfid("healer"), time: try object.timestamp("time"))
    }
}

extension Backlog: JSONExchangeable {
    var json: JSONText {
        .object([("files", .count(files)), ("ranges", .count(ranges)), ("bytes", .count(bytes))])
    }
    init(json: JSONText) throws(CodecError) {
        let object = try JSONObject(json, "backlog")
        self.init(
            files: try object.count("files"), ranges: try object.count("ranges"), bytes: try object.bytes("bytes"))
    }
}

extension WriterStatus: JSONExchangeable {
    var json: JSONText {
        .object([
            ("writer", .gfid(writer)), ("target", .text(target)),
            ("fresh_ms", .integer(fresh.wholeNanoseconds / 1_000_000)),
        ])
    }
    init(json: JSONText) throws(CodecError) {
        let object = try JSONObject(json, "writer")
        self.init(
            writer: try object.gfid("writer"), target: try object.text("target"),
            fresh: .milliseconds(try object.count("fresh_ms")))
    }
}

extension BlindSpot: JSONExchangeable {
    var json: JSONText {
        .object([
            ("what", .text(kind.rawValue)), ("where", .text(place)), ("reason", .text(reason)),
            ("remedy", .text(remedy)),
        ])
    }
    init(json: JSONText) throws(CodecError) {
        let object = try JSONObject(json, "what is not seen")
        self.init(
            try object.choice("what"), try object.text("where"), reason: try object.text("reason"),
            remedy: try object.text("remedy"))
    }
}

extension HealCounters: JSONExchangeable {
    var json: JSONText {
        .object([
            ("records_received", .count(recordsReceived)), ("records_lost", .count(recordsLost)),
            ("records_duplicate", .count(recordsDuplicate)), ("record_gaps", .count(recordGaps)),
            ("records_refused", .count(recordsRefused)),
            ("heals_started", .count(healsStarted)), ("heals_completed", .count(healsCompleted)),
            ("heals_failed", .count(healsFailed)),
            ("healed_bytes", .object(HealMethod.allCases.map { ($0.rawValue, .count(healedBytes[$0] ?? 0)) })),
            ("skipped_bytes", .count(skippedBytes)),
        ])
    }
    init(json: JSONText) throws(CodecError) {
        let object = try JSONObject(json, "counters")
        self.init()
        recordsReceived = try object.count("records_received")
        recordsLost = try object.count("records_lost")
        recordsDuplicate = try object.count("records_duplicate")
        recordGaps = try object.count("record_gaps")
        recordsRefused = try object.count("records_refused")
        healsStarted = try object.count("heals_started")
        healsCompleted = try object.count("heals_completed")
        healsFailed = try object.count("heals_failed")
        let healed = try JSONObject(object["healed_bytes"] ?? .null, "healed bytes")
        for method in HealMethod.allCases {
            let bytes = try healed.bytesIfAny(method.rawValue) ?? 0
            if bytes > 0 { healedBytes[method] = bytes }
        }
        skippedBytes = try object.bytes("skipped_bytes")
    }
}

extension CopyStatus: JSONExchangeable {
    var json: JSONText {
        .object([
            ("name", .text(name)), ("host", .text(host)), ("brick", .text(brick)), ("state", .text(state.rawValue)),
            ("behind_bytes", .count(behindBytes)), ("lag_seconds", .seconds(lag)),
            ("rate_bytes_per_second", .count(rateBytesPerSecond)),
            (
                "pending",
                .object([
                    ("data", .count(pending.data)), ("metadata", .count(pending.metadata)),
                    ("entry", .count(pending.entry)),
                ])
            ),
            ("split_brain", .count(splitBrain)), ("failed", .count(failed)),
            ("last_clean", .optional(lastClean) { .time($0) }),
        ])
    }
    init(json: JSONText) throws(CodecError) {
        let object = try JSONObject(json, "copy")
        let pending = try JSONObject(object["pending"] ?? .null, "pending")
        self.init(
            name: try object.text("name"), host: try object.text("host"), brick: try object.text("brick"),
            state: try object.choice("state"), behindBytes: try object.bytes("behind_bytes"),
            lag: try object.duration("lag_seconds"), rateBytesPerSecond: try object.bytes("rate_bytes_per_second"),
            pending: PendingFiles(
                data: try pending.count("data"), metadata: try pending.count("metadata"),
                entry: try pending.count("entry")),
            splitBrain: try object.count("split_brain"), failed: try object.count("failed"),
            lastClean: try object.timestampIfAny("last_clean"))
    }
}
