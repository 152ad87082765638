import CPosix
import Glibc
import Testing

/// The executable `TransportProbe`, run beside the tests and killed by them.
final class ProbeProcess {
    private(set) var pid: pid_t = 0
    private let output: Int32
    private var unread: [UInt8] = []

    init(_ arguments: [String]) throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe2(&ends, Int32(O_CLOEXEC)) == 0)
        output = ends[0]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        let program = try Self.buildDirectory() + "/TransportProbe"
        var argv = ([program] + arguments).map { strdup($0) } + [nil]
        defer { argv.forEach { free($0) } }
        let failed = posix_spawn(&pid, program, &actions, nil, &argv, Glibc.environ)
        close(ends[1])
        try #require(failed == 0, "cannot run \(program)")
    }

    /// Where SwiftPM puts executables: beside the test bundle.
    private static func buildDirectory() throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let path = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let slash = try #require(path.lastIndex(of: "/"))
        return String(path[..<slash])
    }

    /// The next line of its standard output; nil at the end.
    func readLine() -> String? {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                defer { unread.removeFirst(end + 1) }
                return String(decoding: unread[..<end], as: UTF8.self)
            }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(output, &buffer, buffer.count)
            if count <= 0 { return nil }
            unread += buffer.prefix(count)
        }
    }

    /// kill -9, and waits until it is gone.
    func kill() {
        guard pid > 0 else { return }
        Glibc.kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
        pid = 0
    }

    deinit {
        kill()
        close(output)
    }
}
