import ArgumentParser
import HealProtocol

struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Pending files, brick by brick.",
        discussion: "healctl info VOLUME lists them, healctl info summary VOLUME counts them.")

    enum Compatibility: String, ExpressibleByArgument, CaseIterable { case gluster }

    @Argument(help: ArgumentHelp("[summary] and the volume's name or id.", valueName: "volume")) var words: [String] =
        []
    @Option(help: "The words of another tool, for scripts that read them.") var compat: Compatibility?
    @Flag(help: "One JSON object, schema healctl.info/1.") var json = false
    @OptionGroup var format: FormatOptions
    @ParentCommand var healctl: Healctl

    private var isSummary: Bool { words.first == "summary" }
    private var volume: String? { isSummary ? words.dropFirst().first : words.first }

    func validate() throws {
        if words.count > (isSummary ? 2 : 1) { throw ValidationError("one volume at a time") }
        if json, compat != nil { throw ValidationError("--json and --compat exclude each other") }
    }

    func run() throws {
        let healer = try healctl.finder().only(volume)
        // GlusterFS lists all, always.
        let entriesMax = isSummary ? 0 : compat != nil ? 1_000_000 : format.filesMax
        guard case .info(let bricks) = try healer.answer(.info(entriesMax: entriesMax)) else { return }
        if json {
            healer.showJSON(schema: "healctl.info/1", ("bricks", .list(bricks.map(\.json))))
        } else if compat != nil {
            let text = isSummary ? GlusterText.summary(bricks) : GlusterText.info(bricks)
            show([String(text.dropLast())])  // `show` ends the last line
        } else {
            show(isSummary ? InfoText.summary(bricks) : InfoText.info(bricks))
        }
        if bricks.contains(where: { !$0.isSeen }) { throw ExitCode.incomplete }
    }
}
