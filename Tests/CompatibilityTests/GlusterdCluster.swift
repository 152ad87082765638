import CPosix
import Glibc
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// A genuine `glusterd` and what it starts, with state, logs and process numbers of their own; all of them end when the
/// object goes. It listens on a loopback address that is nobody else's, so that tests and other users of the machine
/// do not meet.
final class GlusterdCluster: Sendable {
    private static let glusterd = "/usr/sbin/glusterd", gluster = "/usr/sbin/gluster"
    private static let unshare = "/usr/bin/unshare", nsenter = "/usr/bin/nsenter"
    /// For `.enabled(if:)`.
    static let isAvailable =
        [glusterd, gluster, unshare, nsenter].allSatisfy(ChildProcess.isInstalled)
        && TemporaryDirectory.allowsTrustedXattrs
    static let needs: Comment = "needs root, trusted xattrs, util-linux and glusterfs-server"
    private static let count = Atomic(0)

    let scratch = TemporaryDirectory("glusterd")
    /// What `gluster volume create` is to call it.
    let host: String
    private let child: ChildProcess
    /// Number of the shell that is process 1 in there.
    private let inside: pid_t

    /// Returns when it takes commands.
    init() async throws {
        let pid = Int(getpid()), number = Self.count.add(1, ordering: .relaxed).newValue
        host = "127.\(64 + pid >> 8 & 63).\(pid & 255).\(number)"
        try TextFile.write(Self.script(scratch.path), to: scratch.appending("run"))
        try TextFile.write(Self.volfile(host), to: scratch.appending("glusterd.vol"))
        child = try #require(
            ChildProcess(
                Self.unshare,
                [
                    "--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "/bin/bash", scratch.appending("run"),
                ], log: scratch.appending("log")))
        let children = "/proc/\(child.pid)/task/\(child.pid)/children"
        var shell: pid_t?
        _ = await eventually {
            shell = (try? TextFile.read(children)).flatMap { pid_t($0.prefix { $0 != " " }) }
            return shell != nil
        }
        inside = try #require(shell, "unshare did not start")
        let isReady = await eventually(within: .seconds(60)) { (try? gluster("volume", "list")) != nil }
        try #require(isReady, "glusterd did not come up; see \(scratch.appending("log"))")
    }
    deinit { child.stop(SIGKILL) }

    /// Runs a command of the gluster program; throws what it says when it fails.
    @discardableResult
    func gluster(_ arguments: String...) throws -> String { try gluster(arguments) }
    private func gluster(_ arguments: [String]) throws -> String {
        let log = scratch.appending("gluster-\(Self.count.add(1, ordering: .relaxed).newValue)")
        defer { unlink(log) }
        let status = try run([Self.gluster, "--mode=script"] + arguments, log: log)
        let said = (try? TextFile.read(log)) ?? ""
        guard status == 0 else { throw Refusal("gluster \(arguments.joined(separator: " ")): \(said)") }
        return said
    }
    struct Refusal: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    /// Makes and starts a volume whose bricks are `scratch/NAME-0`, …; answers their directories.
    @discardableResult
    func makeVolume(_ name: String, replicas: Int = 2, options: [(String, String)] = []) throws -> [String] {
        let bricks = (0..<replicas).map { scratch.subdirectory("\(name)-\($0)") }
        let kind = replicas > 1 ? ["replica", "\(replicas)"] : []
        _ = try gluster(["volume", "create", name] + kind + bricks.map { "\(host):\($0)" } + ["force"])
        // Heals are ours to make, and to be seen.
        if replicas > 1 { try gluster("volume", "set", name, "cluster.self-heal-daemon", "off") }
        for (option, value) in options { try gluster("volume", "set", name, option, value) }
        try gluster("volume", "start", name)
        return bricks
    }

    /// A volfile as glusterd wrote it: `NAME.tcp-fuse.vol`, `NAME-shd.vol`, …
    func volfile(_ file: String, of volume: String) throws -> String {
        try TextFile.read("/proc/\(inside)/root/var/lib/glusterd/vols/\(volume)/\(file)")
    }

    /// kill -9 to the process of a brick; `gluster volume start NAME force` starts it again, on another port.
    func killBrick(_ directory: String, of volume: String) throws {
        let name = "\(host)\(directory.replacing("/", with: "-")).pid"
        let pid = try TextFile.read("/proc/\(inside)/root/run/gluster/vols/\(volume)/\(name)")
        _ = try run(["/bin/kill", "-9", String(pid.prefix { $0 != "\n" })], log: scratch.appending("log"))
    }

    /// kill -9 to glusterd; bricks go on.
    func killGlusterd() throws {
        _ = try run(["/bin/sh", "-c", "kill -9 $(pidof glusterd)"], log: scratch.appending("log"))
    }

    /// Starts it again after `killGlusterd`; returns when it takes commands.
    func startGlusterd() async throws {
        _ = try run([Self.glusterd, "-f", scratch.appending("glusterd.vol")], log: scratch.appending("log"))
        let isReady = await eventually(within: .seconds(60)) { (try? gluster("volume", "list")) != nil }
        try #require(isReady, "glusterd did not come up again; see \(scratch.appending("log"))")
    }

    /// In the namespaces of glusterd; answers the exit status.
    private func run(_ command: [String], log: String) throws -> Int32 {
        let arguments = ["-t", "\(inside)", "--mount", "--pid"] + command
        let child: ChildProcess = try #require(ChildProcess(Self.nsenter, arguments, log: log))
        return child.wait()
    }

    /// The shell stays process 1: it takes in the bricks that glusterd leaves behind, and all end with it.
    private static func script(_ scratch: String) -> String {
        """
        set -e
        for folder in /var/lib/glusterd /var/log/glusterfs /run; do
            mkdir -p $folder
            mount -t tmpfs tmpfs $folder
        done
        mkdir -p /run/gluster
        \(glusterd) -N -f \(scratch)/glusterd.vol &
        while :; do wait || :; sleep 1; done

        """
    }

    private static func volfile(_ host: String) -> String {
        """
        volume management
            type mgmt/glusterd
            option working-directory /var/lib/glusterd
            option transport-type socket
            option transport.address-family inet
            option transport.socket.bind-address \(host)
            option transport.socket.listen-port 24007
            option transport.socket.read-fail-log off
            option ping-timeout 0
        end-volume

        """
    }
}
