import HealProtocol
import TranslatorCore

/// `healctl queue list` and `show`.
struct QueueText {
    var units = Units()

    func list(_ files: [QueuedFile], total: Int, now: Timestamp) -> [String] {
        guard total > 0 else { return ["nothing waits"] }
        var table = Table(indent: "", "FILE", "STATE", "METHOD", "RANGES", "BYTES", "SINCE", "NOTE")
        for file in files {
            table.add(
                StatusText.name(file.path, file.gfid), file.state.rawValue, file.method?.rawValue ?? Units.none,
                "\(file.ranges)",
                units.size(file.bytes), Units.clock(file.since, now: now), printable(file.note))
        }
        let rest = total - files.count
        return table.lines + (rest > 0 ? ["and \(rest) more: --all"] : [])
    }

    func show(_ file: QueuedFile, now: Timestamp) -> [String] {
        var lines = [
            "file    \(StatusText.name(file.path, file.gfid))", "gfid    \(file.gfid)",
            "state   \(file.state.rawValue)",
            "sinks   \(file.sinks.isEmpty ? "not known yet" : printable(file.sinks.joined(separator: ", ")))",
            "method  \(file.method?.rawValue ?? "not decided yet")",
            "left    \(Units.count(file.ranges, "range"))  \(units.size(file.bytes))",
            "since   \(Units.clock(file.since, now: now))",
        ]
        if !file.note.isEmpty { lines.append("note    \(printable(file.note))") }
        return lines
    }
}
