import ArgumentParser

struct SplitBrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "split-brain", abstract: "What nobody but you can decide: which of several copies is right.",
        subcommands: [SplitBrainListCommand.self, SplitBrainResolveCommand.self],
        defaultSubcommand: SplitBrainListCommand.self)
}
