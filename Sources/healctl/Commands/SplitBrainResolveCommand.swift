import ArgumentParser
import HealProtocol

struct SplitBrainResolveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve", abstract: "Keep what one replica has under a name, on all of them.",
        discussion:
            "What the others have there gets a name beside it, NAME.split-brain-GFID, on all replicas: nothing is lost. For names that split-brain list calls so."
    )

    @Argument(help: "A path from the volume's root, as split-brain list has it.") var file: String
    @Option(help: ArgumentHelp("The replica whose copy is kept.", valueName: "replica")) var source: String
    @Flag(help: "Remove what the others have there.") var discard = false
    @OptionGroup var volume: VolumeOption
    @ParentCommand var healctl: Healctl

    func run() throws {
        try healctl.finder().only(volume.volume).order(.keep(path: file, replica: source, discards: discard))
    }
}
