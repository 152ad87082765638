import ArgumentParser
import HealProtocol

struct QueueListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "The files that wait, the oldest first.")

    @Flag(help: "One JSON object, schema healctl.queue/1.") var json = false
    @OptionGroup var volume: VolumeOption
    @OptionGroup var format: FormatOptions
    @ParentCommand var healctl: Healctl

    func run() throws {
        let healer = try healctl.finder().only(volume.volume)
        guard case .queue(let files, let total) = try healer.answer(.queue(filesMax: format.filesMax)) else { return }
        if json {
            healer.showJSON(
                schema: "healctl.queue/1", ("paused", .flag(healer.status.isPaused)), ("total", .count(total)),
                ("files", .list(files.map(\.json))))
            return
        }
        if healer.status.isPaused { show(["PAUSED: nothing is healed until: healctl queue resume"]) }
        show(QueueText(units: format.units).list(files, total: total, now: .now))
    }
}
