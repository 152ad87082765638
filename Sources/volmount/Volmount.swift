import ArgumentParser
import CLastWords
import CPosix
import DaemonProcess
import FuseMount
import Glibc
import Logging
import TranslatorCore

/// `volmount`: mounts a volume, in the background unless told otherwise.
struct Volmount: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "volmount", abstract: "Mount a volume of a GlusterFS cluster, or one that a volfile describes.",
        usage: """
            volmount HOST[,HOST2...]:/VOLUME [-o OPTIONS] DIR
            volmount --volfile FILE [-o OPTIONS] DIR
            """, discussion: discussion)

    @Option(help: "The file that describes the volume's translators, instead of HOST:/VOLUME.")
    var volfile: String?
    @Option(
        name: .short,
        help: ArgumentHelp("Mount options, separated by commas; may be given again.", valueName: "options"))
    var o: [String] = []
    @Flag(name: [.short, .long], help: "Stay in the foreground and log to the terminal.")
    var foreground = false
    @Flag(help: "Foreground, print the volfile once and trace every file operation.")
    var debug = false
    @Option(help: "Where log lines go.")
    var logFile: String?
    @Option(
        help: "The least important lines that are logged: \(LogLevel.allCases.map { "\($0)" }.joined(separator: ", "))."
    )
    var logLevel: String?
    @Option(help: "Gets the number of the serving process.")
    var pidFile: String?
    @Option(help: "Where sockets and statedumps are.")
    var runtimeDir: String?
    @Option(help: "The volume to mount; by default the last one of the volfile.")
    var volumeName: String?
    @Flag(help: "Make new, empty bricks of directories without volume-id beside bricks that have one.")
    var create = false
    @Flag(help: .hidden)
    var serveInBackground = false
    @Argument(
        help: ArgumentHelp(
            "The volume, unless there is a volfile, and the directory to mount on. Any of the hosts' glusterd may answer.",
            valueName: "volume-and-dir"))
    var operands: [String] = []

    private static var discussion: String {
        let table = (FuseMountSettings.declarations + MountOptions.processDeclarations).map { option in
            "  \(option.name)=\(option.kind.allowed)\(option.defaultText.map { " (default \($0))" } ?? "")\n      \(option.help)"
        }
        return
            "Mount options (-o):\n\(table.joined(separator: "\n"))\n  \(KernelMountFlags.names.joined(separator: ", "))\n"
            + "      As mount(8) has them."
    }

    func validate() throws {
        let wanted = volfile == nil ? 2 : 1
        if operands.count == wanted { return }
        throw ValidationError(
            volfile == nil
                ? "give the volume, HOST:/VOLUME, and the directory to mount on; or --volfile FILE and the directory"
                : "give one directory to mount on beside --volfile, and no more")
    }
    private var directory: String { operands[operands.count - 1] }

    func run() async throws {
        do throws(DaemonFailure) {
            try await act()
        } catch {
            if serveInBackground { Background.report(error) } else { Self.complain(error.description) }
            throw ExitCode(
                MountHelper.isCalled && !serveInBackground ? MountHelper.exitCode(error.code) : error.code.rawValue)
        }
    }

    static func complain(_ sentence: String) {
        var line = "volmount: \(sentence)\n"
        line.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
    }

    private func act() async throws(DaemonFailure) {
        let options = try mountOptions()
        if options.isRemount {
            do throws(FuseMountError) { return try FuseRemount.perform(directory, options.settings.kernelFlags) } catch
            {
                throw DaemonFailure(.startUp, error.description)
            }
        }
        if foreground || debug || serveInBackground { return try await serve(options) }
        let given = options.process.text(ifSet: "log-file")
        let logPath = if let given { try Self.absolute(given) } else { try Self.defaultLogPath(for: directory) }
        let output: Int32
        do throws(LogFileError) { output = try LogFile.open(logPath) } catch { throw DaemonFailure(error) }
        defer { close(output) }
        try Background.start(
            [CommandLine.arguments[0], "--serve-in-background"] + (try arguments(logPath: logPath)), output: output)
    }

    private func mountOptions() throws(DaemonFailure) -> MountOptions {
        let pairs = [
            ("log-file", logFile), ("log-level", logLevel), ("pid-file", pidFile), ("runtime-dir", runtimeDir),
            ("volume-name", volumeName), ("create", create ? "on" : nil),
        ]
        var long: [String: String] = [:]
        for (name, value) in pairs {
            guard let value else { continue }
            long[name] = ["volume-name", "log-level", "create"].contains(name) ? value : try Self.absolute(value)
        }
        do throws(OptionError) {
            return try MountOptions(o, long: long)
        } catch {
            throw DaemonFailure(.configuration, error.description)
        }
    }

    private func serve(_ options: MountOptions) async throws(DaemonFailure) {
        last_words_on("volmount", 2)
        if serveInBackground { Background.takeName("volmount") }
        let file: LogFile
        do throws(LogFileError) { file = try LogFile(options.process.text(ifSet: "log-file")) } catch {
            throw DaemonFailure(error)
        }
        let level = debug ? LogLevel.trace : options.logLevel
        LoggingSystem.bootstrap { _ in LineLogHandler(file, level: Logger.Level(level)) }
        let serving = Serving(
            place: volfile.map { .volfile($0) } ?? .cluster(operands[0]), directory: directory, options: options,
            isDebugging: debug,
            log: Log(Logger(label: "volmount"), threshold: level), logFile: file)
        let pidPath = options.process.text(ifSet: "pid-file")
        defer { if let pidPath { unlink(pidPath) } }
        if let pidPath { try Self.writePid(pidPath) }
        if serveInBackground { chdir("/") }
        try await serving.run { if serveInBackground { Background.report(nil) } }
    }

    /// The daemon's arguments: the same, with paths that do not depend on a working directory.
    private func arguments(logPath: String) throws(DaemonFailure) -> [String] {
        var arguments = ["--log-file", logPath]
        if let volfile { arguments += ["--volfile", try Self.absolute(volfile)] }
        for word in o { arguments += ["-o", word] }
        let pairs = [("--pid-file", pidFile), ("--runtime-dir", runtimeDir)]
        for (name, path) in pairs { if let path { arguments += [name, try Self.absolute(path)] } }
        if let logLevel { arguments += ["--log-level", logLevel] }
        if let volumeName { arguments += ["--volume-name", volumeName] }
        if create { arguments.append("--create") }
        return arguments + ["--"] + operands.dropLast() + [try Self.absolute(directory)]
    }

    static func absolute(_ path: String) throws(DaemonFailure) -> String {
        if path.hasPrefix("/") { return path }
        guard let current = getcwd(nil, 0) else {
            throw DaemonFailure(.startUp, "the working directory is gone: \(FopError.last)")
        }
        defer { free(current) }
        return "\(String(cString: current))/\(path)"
    }

    /// `/var/log/volmount/mnt-vm.log` for `/mnt/vm`; the user's own state directory without root.
    private static func defaultLogPath(for directory: String) throws(DaemonFailure) -> String {
        let name = try absolute(directory).split(separator: "/").joined(separator: "-")
        var folder = "/var/log/volmount"
        if geteuid() != 0 { folder = (getenv("XDG_RUNTIME_DIR").map { String(cString: $0) } ?? "/tmp") + "/volmount" }
        mkdir(folder, 0o755)
        return "\(folder)/\(name).log"
    }

    private static func writePid(_ path: String) throws(DaemonFailure) {
        let descriptor = cposix_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw DaemonFailure(.startUp, "pid file \(path): \(FopError.last)") }
        defer { close(descriptor) }
        var line = "\(getpid())\n"
        line.withUTF8 { _ = write(descriptor, $0.baseAddress, $0.count) }
    }
}

@main
enum Program {
    static func main() async {
        let arguments = CommandLine.arguments
        if arguments.count == 3, arguments[1] == ManualTables.flag, let source = ManualTables.source(arguments[2]) {
            return print(source, terminator: "")
        }
        guard MountHelper.isCalled, !arguments.contains("--serve-in-background") else {
            return await Volmount.runOrRefuse()
        }
        do throws(DaemonFailure) {
            guard let translated = try MountHelper.arguments(Array(arguments.dropFirst())) else { return }
            await Volmount.runOrRefuse(translated)
        } catch {
            Volmount.complain(error.description)
            exit(MountHelper.exitCode(error.code))
        }
    }
}
