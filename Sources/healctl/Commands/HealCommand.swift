import ArgumentParser
import HealProtocol
import TranslatorCore

struct HealCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "heal", abstract: "Heal one file now.",
        discussion:
            "With --wait the command ends when the file is healed: 0; 2 if it could not be; 124 after --timeout.")

    @Argument(help: "A path, on a mount or from the volume's root, or a gfid.") var file: String
    @Flag(help: "Wait until it is healed.") var wait = false
    @Option(help: ArgumentHelp("With --wait: give up after this long, such as 30s or 10m.", valueName: "duration"))
    var timeout: TypedDuration?
    @OptionGroup var volume: VolumeOption
    @OptionGroup var format: FormatOptions
    @ParentCommand var healctl: Healctl

    func validate() throws {
        if timeout != nil, !wait { throw ValidationError("--timeout needs --wait") }
    }

    func run() throws {
        let healer = try healctl.finder().only(volume.volume)
        let request = ControlRequest.heal(FileReference(typed: file), waits: wait)
        guard wait else { return try healer.order(request) }
        switch try healer.answerInTime(request, timeout?.duration) {
        case .healed(let heal?):
            let line = EventText(units: format.units).line(
                HealEvent(volume: healer.status.volume, time: heal.finished, change: .finished(heal)))
            show([line])
        case .healed(nil): show(["\(printable(file)): nothing was pending"])
        case .done(let sentence): show([printable(sentence)])
        default: break
        }
    }
}

/// A duration as volfile options have it: `5s`, `10m`, `1h`, `600`.
struct TypedDuration: ExpressibleByArgument {
    let duration: Duration
    init?(argument: String) {
        guard let duration = Duration(optionText: argument) else { return nil }
        self.duration = duration
    }
}
