import ArgumentParser
import Glibc
import HealProtocol
import HealTransport
import TranslatorCore

struct EventsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "What is so now, then every change as it happens, until interrupted.")

    @Argument(help: "The volume's name or id (default: all).") var volume: String?
    @Flag(help: "One JSON object a line; the first of each volume has \"event\":\"status\".") var json = false
    @OptionGroup var format: FormatOptions
    @ParentCommand var healctl: Healctl

    func run() throws {
        let survey = try healctl.finder().survey(volume)
        for sentence in survey.unreachable { complain(sentence) }
        // Listened to before asked, so that nothing falls between the two.
        let listeners = try answering {
            try survey.healers.map { try HealEventListener(directory: $0.client.directory, healer: $0.client.healer) }
        }
        for healer in survey.healers {
            guard case .status(let status) = try healer.answer(.status) else { continue }
            show(snapshot(status))
        }
        let patience = Duration.milliseconds(listeners.count == 1 ? 1_000 : 50)
        while true {
            for (position, listener) in listeners.enumerated() {
                while let event = listener.next(timeout: patience) {
                    show([json ? event.json.line : EventText(units: format.units).line(event)])
                }
                // Throws its sentence when the healer has gone.
                _ = try survey.healers[position].answer(.status)
            }
        }
    }

    private func snapshot(_ status: HealStatus) -> [String] {
        if json {
            return [
                JSONText.object([
                    ("event", .text("status")), ("volume", .text(status.volume)), ("time", .time(status.time)),
                    ("status", status.json),
                ]).line
            ]
        }
        return [StatusLine(units: format.units).line(status, now: status.time)]
    }
}
