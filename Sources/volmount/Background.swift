import CPosix
import DaemonProcess
import Glibc
import TranslatorCore

/// Runs this program again as a daemon and waits until it has mounted, or says why not. Not fork(2) alone: the threads
/// of Swift's runtime would be missing in the child.
enum Background {
    /// What the daemon says when the volume is mounted; anything else is why it is not.
    private static let ready = "mounted\n"
    /// The daemon's end of the pipe.
    private static let statusDescriptor: Int32 = 3

    /// The parent's part. `arguments` are the daemon's. Returns when the volume is mounted.
    static func start(_ arguments: [String], output: Int32) throws(DaemonFailure) {
        var pipe: [Int32] = [-1, -1]
        guard pipe2(&pipe, O_CLOEXEC) == 0 else {
            throw DaemonFailure(.startUp, "cannot make a pipe: \(FopError.last)")
        }
        let child = try spawn(arguments, status: pipe[1], output: output)
        close(pipe[1])
        let said = readAll(pipe[0])
        close(pipe[0])
        if said == ready { return }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        let code = DaemonFailure.Code(rawValue: (status >> 8) & 0xFF) ?? .startUp
        let sentence = said.isEmpty ? "the process ended before it had mounted; its log file may say why" : said
        throw DaemonFailure(code, sentence.last == "\n" ? String(sentence.dropLast()) : sentence)
    }

    /// The daemon's part, first. Started as /proc/self/exe it would be called "exe" by ps and not be found by pgrep.
    static func takeName(_ name: String) {
        guard let file = fopen("/proc/self/comm", "we") else { return }
        fputs(name, file)
        fclose(file)
    }

    /// The daemon's part: tells the parent and lets go of it.
    static func report(_ failure: DaemonFailure?) {
        var text = failure.map { $0.description + "\n" } ?? ready
        text.withUTF8 { _ = write(statusDescriptor, $0.baseAddress, $0.count) }
        close(statusDescriptor)
    }

    private static func spawn(_ arguments: [String], status: Int32, output: Int32) throws(DaemonFailure) -> pid_t {
        // Out of the way of 0 to 3, which are set one after the other below.
        let (status, output) = (try Self.raised(status), try Self.raised(output))
        defer {
            close(status)
            close(output)
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, status, statusDescriptor)
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        // A crash writes its backtrace to the log.
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSID))
        var argv = arguments.map { strdup($0) } + [nil]
        defer { argv.forEach { free($0) } }
        var child = pid_t()
        let failed = posix_spawn(&child, "/proc/self/exe", &actions, &attributes, &argv, cposix_environ())
        guard failed == 0 else { throw DaemonFailure(.startUp, "cannot start the daemon: \(FopError(failed))") }
        return child
    }

    private static func raised(_ descriptor: Int32) throws(DaemonFailure) -> Int32 {
        let copy = cposix_fcntl_int(descriptor, F_DUPFD_CLOEXEC, 10)
        guard copy >= 0 else { throw DaemonFailure(.startUp, "cannot start the daemon: \(FopError.last)") }
        return copy
    }

    private static func readAll(_ descriptor: Int32) -> String {
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &block, block.count)
            if count > 0 { bytes += block[..<count] } else if count == 0 || errno != EINTR { break }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
