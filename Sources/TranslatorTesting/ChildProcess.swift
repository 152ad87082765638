import CPosix
import Glibc

/// A program that a test starts, and ends by its process id when the test is done with it.
public final class ChildProcess: Sendable {
    public let pid: pid_t

    /// Nil when it cannot be started. `held` is a directory that it has open as descriptor 9. Output goes to `log`.
    public init?(_ program: String, _ arguments: [String], holding held: String? = nil, log: String = "/dev/null") {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for number in [Int32(1), 2] {
            posix_spawn_file_actions_addopen(&actions, number, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        }
        if let held { posix_spawn_file_actions_addopen(&actions, 9, held, O_RDONLY | O_DIRECTORY, 0) }
        // Test threads may block signals, and a child inherits that.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var argv: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        defer { argv.forEach { free($0) } }
        var pid = pid_t()
        guard posix_spawn(&pid, program, &actions, &attributes, &argv, Glibc.environ) == 0 else { return nil }
        self.pid = pid
    }

    /// Ends it and waits until it is gone.
    public func stop(_ signal: Int32 = SIGTERM) {
        kill(pid, signal)
        _ = wait()
    }

    /// Waits until it ends by itself; its exit status, or 128 and the number of the signal that ended it. Once, and not
    /// beside `stop`.
    public func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : 128 + signal
    }

    /// Whether there is such a program, by its path: for `.enabled(if:)`.
    public static func isInstalled(_ program: String) -> Bool { access(program, X_OK) == 0 }
}
