import ArgumentParser
import HealProtocol

struct SplitBrainListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "The files and names whose copies differ with none that is good for sure.")

    @Flag(help: "One JSON object, schema healctl.split-brain/1.") var json = false
    @OptionGroup var volume: VolumeOption
    @OptionGroup var format: FormatOptions
    @ParentCommand var healctl: Healctl

    func run() throws {
        let healer = try healctl.finder().only(volume.volume)
        guard case .splitBrains(let all) = try healer.answer(.splitBrains) else { return }
        if json {
            healer.showJSON(schema: "healctl.split-brain/1", ("split_brains", .list(all.map(\.json))))
        } else {
            show(SplitBrainText(units: format.units).list(all, now: .now))
        }
    }
}
