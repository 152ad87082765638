import ArgumentParser
import CLastWords
import CPosix
import DaemonProcess
import Glibc
import HealTransport
import Logging
import TranslatorCore

/// `healer`: keeps the copies of a volume equal, from what bypass writers publish and from what their marks say.
@main
struct HealerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healer",
        abstract: "Heal the copies of a volume: copy what they missed, and take the marks off.",
        discussion: discussion)

    @Option(help: "The file that describes the volume's translators.")
    var volfile: String?
    @Option(
        help: ArgumentHelp(
            "The volume of a GlusterFS cluster, HOST[,HOST2...]:/VOLUME, to heal with all its replica sets, instead of a volfile. Any of the hosts' glusterd may answer.",
            valueName: "volume"))
    var volume: String?
    @Option(help: "The volume in the volfile to heal; by default the last one.")
    var volumeName: String?
    @Option(
        help: "Where sockets and statedumps are; by default /run/volmount, or $XDG_RUNTIME_DIR/volmount without root.")
    var runtimeDir: String?
    @Option(
        help: ArgumentHelp(
            "Hear bypass mounts on other hosts, too: a file with a line for each, tcp://HOST:PORT as its option listen has it, and its public key; a second key while keys are changed.",
            valueName: "file"))
    var writers: String?
    @Option(
        help: ArgumentHelp(
            "The healer's own secret key for them; healctl keygen makes one.", valueName: "file"))
    var curveKey: String?
    @Option(
        name: .short,
        help: ArgumentHelp("An option, over what the volfile says; may be given again.", valueName: "name=value"))
    var o: [String] = []
    @Option(
        help: "The least important lines that are logged: \(LogLevel.allCases.map { "\($0)" }.joined(separator: ", "))."
    )
    var logLevel = "info"
    @Option(help: "Where log lines go; by default the terminal.")
    var logFile: String?
    @Option(
        help: "Gives way to other processes by so much, 0 to 19: copying must not slow down who writes beside it.")
    var nice: Int32 = 10
    @Flag(help: "Make new, empty bricks of directories without volume-id beside bricks that have one.")
    var create = false
    @Flag(help: "Print every option with its value and where that comes from, and leave.")
    var printConfig = false
    @Flag(help: "Check volfile and options, and leave: exit code 2 and one sentence if they cannot be used.")
    var checkConfig = false

    /// `--print-manual options` is for `make man`: what the manual page takes from the table that checks options.
    static func main() async {
        guard CommandLine.arguments.dropFirst() == ["--print-manual", "options"] else { return await runOrRefuse() }
        print(OptionTable(title: "options", HealerOptions.declarations).items(), terminator: "")
    }

    private static var discussion: String {
        OptionTable(title: "Options (-o)", HealerOptions.declarations).text()
    }

    func validate() throws {
        guard (volfile == nil) == (volume == nil) else { return }
        throw ValidationError(
            volfile == nil
                ? "give the volume to heal: --volume HOST:/VOLUME or --volfile FILE"
                : "give --volume or --volfile, not both")
    }

    /// The mounts on other hosts that it hears.
    private func remotes() throws(DaemonFailure) -> [WriterLink] {
        guard let writers else {
            guard curveKey == nil else {
                throw DaemonFailure(.configuration, "--curve-key is for --writers: give both, or none of them")
            }
            return []
        }
        do throws(TransportError) {
            return try WriterLink.writers(in: writers, secretKeyFile: curveKey)
        } catch {
            throw DaemonFailure(.configuration, "--writers: \(error)")
        }
    }

    func run() async throws {
        last_words_on("healer", 2)
        do throws(DaemonFailure) {
            try await act()
        } catch {
            var line = "healer: \(error)\n"
            line.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
            throw ExitCode(error.code.rawValue)
        }
    }

    private func act() async throws(DaemonFailure) {
        let options = try commandLine()
        guard let level = LogLevel.allCases.first(where: { "\($0)" == logLevel }) else {
            throw DaemonFailure(.configuration, "--log-level cannot be \"\(logLevel)\"")
        }
        let remotes = try remotes()
        if printConfig || checkConfig {
            let description = try VolumeDescription(
                volfile: volfile, volume: volume, volumeName: volumeName, commandLine: options,
                environment: GraphEnvironment(log: .silent))
            defer { description.close() }
            let configuration = try await description.read().configuration
            if printConfig { print(configuration.printed, terminator: "") }
            return
        }
        guard 0...19 ~= nice else { throw DaemonFailure(.configuration, "--nice is from 0 to 19, not \(nice)") }
        ProcessPriority.giveWay(nice)
        let file: LogFile
        do throws(LogFileError) { file = try LogFile(logFile) } catch { throw DaemonFailure(error) }
        LoggingSystem.bootstrap { _ in LineLogHandler(file, level: Logger.Level(level)) }
        let log = Log(Logger(label: "healer"), threshold: level)
        do throws(DaemonFailure) {
            try await HealingService(
                volfile: volfile, volume: volume, volumeName: volumeName, commandLine: options,
                runtimeBase: runtimeDir, remotes: remotes, makesBricks: create, log: log,
                reopenLog: { file.reopen() }
            ).run()
        } catch {
            // Standard error may be nobody's: whoever reads the log finds the end of it there.
            if logFile != nil { log.write(.error, volume: "healer") { error.description } }
            throw error
        }
    }

    private func commandLine() throws(DaemonFailure) -> [(name: String, text: String)] {
        var options: [(name: String, text: String)] = []
        for word in o.flatMap({ $0.split(separator: ",") }) {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2 else {
                throw DaemonFailure(.configuration, "-o \(word): write it as NAME=VALUE")
            }
            options.append((parts[0], parts[1]))
        }
        return options
    }
}
