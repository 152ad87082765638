import CPosix
import Glibc
import TranslatorCore
import TranslatorTesting

/// A volume on a brick in a scratch folder, mounted by the real `volmount` in a process of its own.
final class MountedVolume {
    static let isPossible =
        geteuid() == 0 && access("/dev/fuse", R_OK | W_OK) == 0 && TemporaryDirectory.allowsTrustedXattrs
    /// `volmount` beside the test bundle.
    static let program =
        CommandLine.arguments[0].split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/volmount"

    /// A directory over features/locks: what a single brick serves.
    static func locksOverPosix(_ brick: String) -> String {
        """
        volume brick
            type storage/posix
            option directory \(brick)
        end-volume
        volume top
            type features/locks
            subvolumes brick
        end-volume
        """
    }

    let scratch = TemporaryDirectory("volmount")
    let brick: String, directory: String, volfile: String
    private let options: [String]

    /// `volfile`: its text, given the brick's path.
    init(_ options: [String] = [], volfile text: (String) -> String = MountedVolume.locksOverPosix) throws {
        // Tests act as other users too.
        chmod(scratch.path, 0o755)
        brick = scratch.subdirectory("brick")
        directory = scratch.subdirectory("mnt")
        volfile = scratch.appending("test.vol")
        self.options = options
        try Self.write(text(brick), to: volfile)
        try mount()
    }

    /// Mounts (again). Returns when `volmount` said that the volume can be used.
    func mount() throws {
        let ended = Program.run(
            Self.program,
            ["--volfile", volfile, "--log-file", log, "--pid-file", pidFile, "--runtime-dir", scratch.path]
                + options.flatMap { ["-o", $0] } + [directory])
        guard ended.code == 0 else { throw Refused(sentence: ended.output, code: ended.code) }
    }

    struct Refused: Error {
        let sentence: String
        let code: Int32
    }

    var log: String { scratch.appending("volmount.log") }
    private var pidFile: String { scratch.appending("pid") }

    /// The serving process; 0 when there is none.
    var pid: pid_t {
        guard let text = try? Self.read(pidFile) else { return 0 }
        return pid_t(text.split(separator: "\n").first.map(String.init) ?? "") ?? 0
    }

    var isRunning: Bool { Self.isAlive(pid) }

    /// A zombie that its parent has not waited for is not alive: it has no program any more.
    static func isAlive(_ pid: pid_t) -> Bool {
        var target = [CChar](repeating: 0, count: 2)
        return pid > 0 && readlink("/proc/\(pid)/exe", &target, 2) > 0
    }

    /// What `name` is on the mount.
    func path(_ name: String) -> String { "\(directory)/\(name)" }

    func unmount() async {
        let serving = pid
        umount2(directory, Int32(MNT_DETACH))
        if serving > 0 { _ = await eventually(within: .seconds(20)) { !Self.isAlive(serving) } }
    }

    deinit {
        let serving = pid
        umount2(directory, Int32(MNT_DETACH))
        if serving > 0 { kill(serving, SIGKILL) }
    }

    static func write(_ text: String, to path: String) throws {
        let descriptor = cposix_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard descriptor >= 0 else { throw FopError.last }
        defer { close(descriptor) }
        var text = text
        try text.withUTF8 { bytes in
            guard Glibc.write(descriptor, bytes.baseAddress, bytes.count) == bytes.count else { throw FopError.last }
        }
    }

    static func read(_ path: String) throws -> String {
        let descriptor = cposix_open(path, O_RDONLY, 0)
        guard descriptor >= 0 else { throw FopError.last }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw FopError.last }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}

/// Another program, run to its end.
enum Program {
    struct Ended {
        let code: Int32
        /// Standard output and error.
        let output: String
    }

    static func run(_ path: String, _ arguments: [String]) -> Ended {
        var pipe: [Int32] = [-1, -1]
        precondition(pipe2(&pipe, O_CLOEXEC) == 0)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, pipe[1], 1)
        posix_spawn_file_actions_adddup2(&actions, pipe[1], 2)
        var argv = ([path] + arguments).map { strdup($0) } + [nil]
        defer { argv.forEach { free($0) } }
        var child = pid_t()
        let failed = posix_spawnp(&child, path, &actions, nil, &argv, cposix_environ())
        close(pipe[1])
        defer { close(pipe[0]) }
        guard failed == 0 else { return Ended(code: 127, output: "\(path): \(FopError(failed))") }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(pipe[0], &block, block.count)
            if count > 0 { bytes += block[..<count] } else if count == 0 || errno != EINTR { break }
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        let code = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
        return Ended(code: code, output: String(decoding: bytes, as: UTF8.self))
    }
}

func mkdirAsTests(_ path: String) -> Bool { mkdir(path, 0o755) == 0 && chmod(path, 0o755) == 0 }
