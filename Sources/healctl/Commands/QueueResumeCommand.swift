import ArgumentParser
import HealProtocol

struct QueueResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "resume", abstract: "Heal again after a pause.")

    @OptionGroup var volume: VolumeOption
    @ParentCommand var healctl: Healctl

    func run() throws { try healctl.finder().only(volume.volume).order(.resume) }
}
