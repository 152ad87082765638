import HealProtocol
import TranslatorCore

/// A line for each event: `09:41:13 vmstore finished images/vm-101.qcow2 → beta  12 KiB in 4 ms (range)`.
struct EventText {
    var units = Units()

    func line(_ event: HealEvent) -> String {
        "\(Units.clock(event.time, now: event.time)) \(printable(event.volume)) \(event.name) \(details(event.change))"
            .trimmingSpace()
    }

    private func details(_ change: HealEvent.Change) -> String {
        switch change {
        case .stateChanged(let from, let to): "\(from.rawValue) → \(to.rawValue)"
        case .started(let heal):
            "\(file(heal.path, heal.gfid, heal.sinks))  \(units.size(heal.bytesTotal)) to look at (\(heal.method.rawValue))"
        case .progressed(let heal):
            "\(file(heal.path, heal.gfid, heal.sinks))  \(Units.percent(Units.fraction(heal.bytesDone, of: heal.bytesTotal))) %"
        case .finished(let heal):
            "\(file(heal.path, heal.gfid, heal.sinks))  \(units.size(heal.bytesMoved)) in \(Units.duration(heal.took)) (\(heal.method.rawValue))"
        case .quarantined(let quarantined):
            "\(file(quarantined.path, quarantined.gfid, quarantined.sinks))  \(printable(quarantined.reason))"
        case .paused, .resumed: ""
        case .writerAppeared(let writer), .writerGone(let writer), .recordsLost(let writer): "\(writer)"
        case .note(let note): printable(note)
        }
    }

    private func file(_ path: String?, _ gfid: Gfid, _ sinks: [String]) -> String {
        StatusText.name(path, gfid) + (sinks.isEmpty ? "" : " → \(printable(sinks.joined(separator: ",")))")
    }
}

extension String {
    fileprivate func trimmingSpace() -> String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
