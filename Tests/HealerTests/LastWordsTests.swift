import CPosix
import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

/// A real `healer`, killed.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct LastWordsTests {
    @Test(arguments: [SIGSEGV, SIGABRT, SIGBUS, SIGQUIT])
    func `a healer that a signal kills says so in its log, and dies of that signal`(signal: Int32) async throws {
        let healer = try RunningHealer()
        #expect(await eventually(within: .seconds(20)) { healer.log.contains("heals set") }, "\(healer.log)")
        #expect(kill(healer.pid, signal) == 0)
        #expect(healer.wait() == signal)
        let last = healer.log.split(separator: "\n").last ?? ""
        #expect(last.hasPrefix("healer: killed by signal \(signal), "), "\(healer.log)")
    }

    @Test func `a closed pipe does not kill it`() async throws {
        let healer = try RunningHealer()
        #expect(await eventually(within: .seconds(20)) { healer.log.contains("heals set") })
        #expect(kill(healer.pid, SIGPIPE) == 0 && kill(healer.pid, SIGTERM) == 0)
        #expect(healer.wait() == 0)
        #expect(!healer.log.contains("killed"))
    }
}

/// A healer of two empty bricks.
private final class RunningHealer {
    private let scratch = TemporaryDirectory("w")
    private(set) var pid: pid_t = 0

    init() throws {
        let bricks = (0..<2).map { [scratch] in scratch.subdirectory("brick\($0)") }
        let text =
            BrickVolumes.volfile(bricks, above: [])
            + "volume set\n type cluster/replicate\n subvolumes index-0 index-1\nend-volume\n"
        let volfile = scratch.appending("test.vol")
        let descriptor = cposix_open(volfile, O_WRONLY | O_CREAT, 0o600)
        try #require(descriptor >= 0 && write(descriptor, text, text.utf8.count) == text.utf8.count)
        close(descriptor)
        let program =
            CommandLine.arguments[0].split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/healer"
        let arguments = [
            program, "--volfile", volfile, "--runtime-dir", scratch.path, "--log-file", logPath,
        ]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var argv = arguments.map { strdup($0) } + [nil]
        defer { argv.forEach { free($0) } }
        // Without the runtime's own crash reporter, and without a core.
        var environment: [UnsafeMutablePointer<CChar>?] = [strdup("SWIFT_BACKTRACE=enable=no"), nil]
        defer { environment.forEach { free($0) } }
        try #require(posix_spawn(&pid, program, &actions, nil, &argv, &environment) == 0, "cannot run \(program)")
    }

    private var logPath: String { scratch.appending("log") }
    var log: String {
        let descriptor = cposix_open(logPath, O_RDONLY, 0)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    /// The signal it died of; 0 when it ended by itself with code 0, −1 with another.
    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        pid = 0
        return status & 0x7F == 0 ? (status == 0 ? 0 : -1) : status & 0x7F
    }

    deinit {
        guard pid > 0 else { return }
        kill(pid, SIGKILL)
        _ = wait()
    }
}
