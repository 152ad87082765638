import ArgumentParser
import HealProtocol

struct QueueRetryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Try files that could not be healed again now.")

    @Argument(help: "A path or gfid (default: all that were set aside).") var file: String?
    @OptionGroup var volume: VolumeOption
    @ParentCommand var healctl: Healctl

    func run() throws {
        try healctl.finder().only(volume.volume).order(.retry(file.map { FileReference(typed: $0) }))
    }
}
