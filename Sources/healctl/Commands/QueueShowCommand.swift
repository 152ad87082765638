import ArgumentParser
import HealProtocol

struct QueueShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "What is known of one file in the queue.")

    @Argument(help: "A path, on a mount or from the volume's root, or a gfid.") var file: String
    @Flag(help: "One JSON object.") var json = false
    @OptionGroup var volume: VolumeOption
    @OptionGroup var format: FormatOptions
    @ParentCommand var healctl: Healctl

    func run() throws {
        let healer = try healctl.finder().only(volume.volume)
        let reference = FileReference(typed: file)
        guard case .queue(let files, _) = try healer.answer(.queued(reference)) else { return }
        guard let found = files.first else {
            show([
                json
                    ? JSONText.null.line
                    : "\(printable(reference.description)): nothing waits, nothing is known to be behind"
            ])
            return
        }
        show(json ? [found.json.line] : QueueText(units: format.units).show(found, now: .now))
    }
}
