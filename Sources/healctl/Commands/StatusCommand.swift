import ArgumentParser
import HealProtocol
import TranslatorCore

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "What is healed, what is not, and how fast it goes.",
        discussion: """
            One line for a volume that is clean; else lag, backlog, each copy, the files in work, and what to do. Reads
            the healer's memory and takes no lock.
            """)

    @Argument(help: "The volume's name or id (default: all).") var volume: String?
    @Flag(help: "One JSON object, schema healctl.status/1; with --watch one a line.") var json = false
    @Flag(help: "Let the exit code tell the state: 0 clean, 1 healing, 2 needs somebody, 3 incomplete.") var check =
        false
    @Option(
        help: ArgumentHelp("Again every so many seconds (1 without a value), until interrupted.", valueName: "seconds"))
    var watch: Double?
    @OptionGroup var format: FormatOptions
    @ParentCommand var healctl: Healctl

    func validate() throws {
        if let watch, !(0.1...3_600).contains(watch) { throw ValidationError("--watch takes from 0.1 to 3600 seconds") }
        if watch != nil, check { throw ValidationError("--check and --watch exclude each other") }
    }

    func run() throws {
        let finder = try healctl.finder()
        if let watch {
            try StatusWatch(finder: finder, volume: volume, isJSON: json, format: format, interval: .seconds(watch))
                .run()
            return
        }
        let survey = try finder.survey(volume)
        for sentence in survey.unreachable { complain(sentence) }
        let statuses = survey.healers.map(\.status), now = Timestamp.now
        if json {
            show([StatusDocument.json(statuses, unreachable: survey.unreachable, now: now).line])
        } else {
            let text = StatusText(units: format.units, paint: .standardOutput, filesMax: format.filesMax)
            show(Array(statuses.map { text.lines($0, now: now) }.joined(separator: [""])))
        }
        throw ExitCode(StatusVerdict.code(statuses, unreachable: survey.unreachable.count, isCheck: check))
    }
}
