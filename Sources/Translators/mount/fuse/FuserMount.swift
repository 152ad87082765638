import CPosix
import Glibc
import TranslatorCore

/// fusermount3(1), the set-user-ID program that mounts for users who are not root. It hands the opened /dev/fuse back
/// over the socket whose number stands in `_FUSE_COMMFD`.
enum FuserMount {
    private static let program = "fusermount3"

    /// `options` as after `-o`. Answers the descriptor of /dev/fuse.
    static func mount(_ directory: String, options: [String]) throws(FuseMountError) -> Int32 {
        var sockets: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &sockets) == 0 else {
            throw FuseMountError("cannot mount \(directory): \(FopError.last)")
        }
        defer { close(sockets[1]) }
        _ = cposix_fcntl_int(sockets[1], F_SETFD, FD_CLOEXEC)
        let started = Result { () throws(FuseMountError) in
            try start(
                ["-o", options.joined(separator: ","), "--", directory], environment: ["_FUSE_COMMFD=\(sockets[0])"])
        }
        close(sockets[0])
        let child = try started.get()
        let descriptor = cposix_receive_descriptor(sockets[1])
        let code = exitCode(of: child)
        guard descriptor >= 0, code == 0 else {
            if descriptor >= 0 { close(descriptor) }
            throw FuseMountError(
                "cannot mount \(directory): \(program) refused (exit code \(code)), see its message above")
        }
        return descriptor
    }

    static func unmount(_ directory: String, lazily: Bool) throws(FuseMountError) {
        let child = try start(["-u"] + (lazily ? ["-z"] : []) + ["--", directory], environment: [])
        let code = exitCode(of: child)
        if code != 0 { throw FuseMountError("cannot unmount \(directory): \(program) -u ended with \(code)") }
    }

    private static func start(_ arguments: [String], environment: [String]) throws(FuseMountError) -> pid_t {
        var inherited: [String] = []
        var entry = cposix_environ()!
        while let text = entry.pointee {
            inherited.append(String(cString: text))
            entry += 1
        }
        var argv = ([program] + arguments).map { strdup($0) } + [nil]
        var envp = (inherited + environment).map { strdup($0) } + [nil]
        defer { (argv + envp).forEach { free($0) } }
        var child = pid_t()
        let failed = posix_spawnp(&child, program, nil, nil, &argv, &envp)
        guard failed == 0 else {
            throw FuseMountError(
                "cannot run \(program): \(FopError(failed)); install Debian's package fuse3, or mount as root")
        }
        return child
    }

    private static func exitCode(of child: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }
}
