import HealProtocol
import TranslatorCore

/// `healctl status` for people (FEATURES C2): one line when clean, else all that matters, in the order in which it
/// does.
struct StatusText {
    var units = Units()
    var paint = Paint.off
    /// Files listed in each table.
    var filesMax = 20
    /// Characters of the bar.
    var barWidth = 25

    func lines(_ status: HealStatus, now: Timestamp) -> [String] {
        let stale = self.stale(status, now: now)
        if status.state == .clean, stale == nil, !status.isPaused, status.foreignHealer == nil,
            status.quarantine.isEmpty
        {
            return [cleanLine(status, now: now)]
        }
        return head(status, stale) + unseen(status) + progress(status, now: now) + copies(status, now: now)
            + inWork(status) + quarantine(status, now: now)
    }

    /// `volume vmstore  CLEAN  lag 0 s  last heal 09:41:13 (1.9 GiB, 6 s, range)`
    private func cleanLine(_ status: HealStatus, now: Timestamp) -> String {
        let word = paint.state("CLEAN", .clean)
        let last = status.history.last.map { heal in
            "  last heal \(Units.clock(heal.finished, now: now)) (\(units.size(heal.bytesMoved)), \(Units.duration(heal.took)), \(heal.method.rawValue))"
        }
        return
            "volume \(printable(status.volume))  \(word)  lag \(Units.duration(status.lag))\(last ?? "  nothing healed yet")"
    }

    /// A healer whose figures are old does not look any more: its word for the state is not believed.
    private func stale(_ status: HealStatus, now: Timestamp) -> String? {
        let age = Duration.seconds(now.seconds - status.time.seconds)
        return age > .seconds(10) ? "UNKNOWN (stale \(Units.duration(age)))" : nil
    }

    private func head(_ status: HealStatus, _ stale: String?) -> [String] {
        let word = paint.state(stale ?? status.state.rawValue.uppercased(), stale == nil ? status.state : .unknown)
        let writes =
            switch status.writes {
            case .local: "writes local" + (status.target.map { " (bypass → \(printable($0)))" } ?? " (bypass)")
            case .replicated: "writes to all copies"
            case .none: "no writer"
            }
        let copies = Units.count(status.copies.count, "copy", "copies")
        let advice = Advice(status)
        var lines = [
            "volume \(paint.bold(printable(status.volume)))   \(word)   \(copies), \(writes)",
            "  status: \(printable(advice.status))",
            "  action: \(printable(advice.action))",
        ]
        if status.isPaused, status.state != .behind {
            lines.append("  paused: nothing is healed until: healctl queue resume")
        }
        if let foreign = status.foreignHealer { lines.append("  note:   \(printable(foreign))") }
        return lines
    }

    /// All that the healer cannot see, unless the advice has said it.
    private func unseen(_ status: HealStatus) -> [String] {
        if status.state == .unknown, status.unseen.count == 1 { return [] }
        return status.unseen.map { spot in
            "  unseen: \(printable(spot.place)): \(printable(spot.reason)); to fix: \(printable(spot.remedy))"
        }
    }

    private func progress(_ status: HealStatus, now: Timestamp) -> [String] {
        let limit = status.lagLimit.map { "   loss window limit \(Units.duration($0))" } ?? ""
        let rateLimit = status.limitBytesPerSecond.map { " ↓ limit \(units.rate($0))" } ?? ""
        let backlog = status.backlog
        var lines = [
            "  lag     \(Units.duration(status.lag)) (oldest record)\(limit)",
            "  backlog \(Units.count(backlog.files, "file"))  \(Units.count(backlog.ranges, "range"))  \(units.size(backlog.bytes))      rate \(units.rate(status.rateBytesPerSecond))\(rateLimit)",
        ]
        if !backlog.isEmpty || status.fractionDone < 1 {
            lines.append(
                "  \(bar(status.fractionDone))  \(Units.percent(status.fractionDone)) %   \(units.size(backlog.bytes)) left   eta \(Self.eta(status))"
            )
        }
        return lines + [""]
    }

    /// `[==================>.....]`, full only when all is done.
    func bar(_ fraction: Double) -> String {
        let inner = barWidth - 2, filled = Int((min(max(fraction, 0), 1) * Double(inner)).rounded(.down))
        if filled >= inner { return "[" + String(repeating: "=", count: inner) + "]" }
        return "[" + String(repeating: "=", count: filled) + ">" + String(repeating: ".", count: inner - filled - 1)
            + "]"
    }

    /// The estimate, or in a word why there is none.
    static func eta(_ status: HealStatus, gap: String = " ") -> String {
        switch status.etaQuality {
        case .good: status.eta.map { Units.duration($0, gap: gap) } ?? "unknown"
        case .unknown: "unknown"
        case .paused: "paused"
        case .losingGround: "losing-ground"
        }
    }

    private func copies(_ status: HealStatus, now: Timestamp) -> [String] {
        var table = Table("COPY", "STATE", "BEHIND", "LAG", "RATE", "LAST CLEAN", "SPLIT", "FAILED")
        for copy in status.copies {
            let isSource = copy.state == .source
            table.add(
                printable(copy.name), copy.state.rawValue, isSource ? Units.none : units.size(copy.behindBytes),
                isSource ? Units.none : Units.duration(copy.lag),
                isSource ? Units.none : units.rate(copy.rateBytesPerSecond),
                copy.lastClean.map { Units.clock($0, now: now) } ?? Units.none, "\(copy.splitBrain)", "\(copy.failed)")
        }
        return table.isEmpty ? [] : table.lines
    }

    private func inWork(_ status: HealStatus) -> [String] {
        let shown = status.active.prefix(filesMax)
        var table = Table(
            "IN WORK (\(shown.count) of \(max(status.backlog.files, status.active.count)))", "METHOD", "DONE", "LEFT",
            "ETA")
        for heal in shown {
            let left = heal.bytesTotal - min(heal.bytesDone, heal.bytesTotal)
            table.add(
                "\(Self.name(heal.path, heal.gfid)) → \(printable(heal.sinks.joined(separator: ",")))",
                heal.method.rawValue,
                Units.percent(Units.fraction(heal.bytesDone, of: heal.bytesTotal)) + " %", units.size(left),
                heal.eta.map { Units.duration($0) } ?? Units.none)
        }
        return table.isEmpty ? [] : [""] + table.lines
    }

    private func quarantine(_ status: HealStatus, now: Timestamp) -> [String] {
        guard !status.quarantine.isEmpty else { return [] }
        let shown = status.quarantine.prefix(filesMax)
        var lines = ["", "  NOT HEALED (\(shown.count) of \(status.quarantine.count))"]
        for file in shown {
            let next = file.nextTry.map { "next try \(Units.clock($0, now: now))" } ?? "waits for: healctl queue retry"
            lines.append("  \(Self.name(file.path, file.gfid))   \(next), tried \(Units.count(file.attempts, "time"))")
            lines.append("      \(printable(file.reason))")
        }
        return lines
    }

    /// The path when it is known, else the gfid.
    static func name(_ path: String?, _ gfid: Gfid) -> String { path.map(printable) ?? "<gfid:\(gfid)>" }
}

/// One line for each tick when `--watch` does not write to a terminal:
/// `09:41:13 vmstore healing 78.4% left=1.9GiB lag=1.8s rate=310MiB/s eta=6s split=0 failed=0`.
struct StatusLine {
    var units = Units()

    func line(_ status: HealStatus, now: Timestamp) -> String {
        let split = status.copies.map(\.splitBrain).max() ?? 0, failed = status.copies.map(\.failed).max() ?? 0
        return [
            Units.clock(now, now: now), printable(status.volume), status.state.rawValue,
            Units.percent(status.fractionDone) + "%", "left=" + units.size(status.backlog.bytes, gap: ""),
            "lag=" + Units.duration(status.lag, gap: ""), "rate=" + units.rate(status.rateBytesPerSecond, gap: ""),
            "eta=" + StatusText.eta(status, gap: ""), "split=\(split)", "failed=\(failed)",
        ].joined(separator: " ")
    }
}
