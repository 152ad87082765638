import ArgumentParser

struct QueueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "What waits to be healed; pause, resume, try again.",
        subcommands: [
            QueueListCommand.self, QueueShowCommand.self, QueuePauseCommand.self, QueueResumeCommand.self,
            QueueRetryCommand.self,
        ], defaultSubcommand: QueueListCommand.self)
}

/// Which volume a command about its queue is for.
struct VolumeOption: ParsableArguments {
    @Option(help: "The volume's name or id; needed where several healers run.") var volume: String?
}
