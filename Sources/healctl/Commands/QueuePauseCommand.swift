import ArgumentParser
import HealProtocol

struct QueuePauseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Heal nothing until resumed; heals under way end first. Outlives a restart.")

    @OptionGroup var volume: VolumeOption
    @ParentCommand var healctl: Healctl

    func run() throws { try healctl.finder().only(volume.volume).order(.pause) }
}

extension FoundHealer {
    /// Asks for something to be done, and prints what the healer says to it.
    func order(_ request: ControlRequest) throws {
        guard case .done(let sentence) = try answer(request) else { return }
        show([printable(sentence)])
    }
}
