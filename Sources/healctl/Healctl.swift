import ArgumentParser
import HealTransport

/// Shows what healers do, and steers them. One file for each subcommand in Commands/.
@main struct Healctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healctl", abstract: "Show and steer the healing of volumes.",
        discussion: """
            Examples:
              healctl status                     is everything healed, and if not, how far is it?
              healctl status --watch             the same, again every second, with bars
              healctl status --check             for scripts: 0 clean, 1 healing, 2 needs somebody
              healctl wait --until clean --timeout 10m
              healctl heal images/vm-101.qcow2 --wait

            Exit codes: 0 answered (with --check: clean); 1 with --check: heals pending or running; 2 with --check:
            split-brain, failed or quarantined files, or a lag beyond the limit; 3 incomplete: a copy or a healer could
            not be reached; 4 no answer: no healer runs, the volume is unknown, permission; 64 usage; 124 time ran out.
            """,
        version: "0.1.0",
        subcommands: [
            StatusCommand.self, InfoCommand.self, QueueCommand.self, HealCommand.self, SplitBrainCommand.self,
            WaitCommand.self, EventsCommand.self, KeygenCommand.self,
        ], defaultSubcommand: nil)

    /// May stand before the subcommand or behind it.
    @Option(
        name: .customLong("runtime-dir"),
        help: ArgumentHelp(
            "Where sockets are, below it a directory for each volume (default: /run/volmount, or $XDG_RUNTIME_DIR/volmount without root).",
            valueName: "dir"))
    var runtimeDirectory: String?

    func finder() throws -> HealerFinder {
        if let runtimeDirectory { return HealerFinder(base: runtimeDirectory) }
        return HealerFinder(base: try answering { try RuntimeDirectory.defaultBase() })
    }

    static func main() { main(completed(Array(CommandLine.arguments.dropFirst()))) }

    /// `--watch` may stand without its value, which the argument parser does not know of.
    static func completed(_ arguments: [String]) -> [String] {
        arguments.enumerated().map { position, argument in
            let hasValue = position + 1 < arguments.count && Double(arguments[position + 1]) != nil
            return argument == "--watch" && !hasValue ? "--watch=1" : argument
        }
    }
}
