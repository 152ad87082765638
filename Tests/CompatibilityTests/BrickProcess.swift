import CPosix
import Glibc
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// A genuine `glusterfsd` on a directory of its own, without glusterd; ended when the object goes.
final class BrickProcess: Sendable {
    private static let program = "/usr/sbin/glusterfsd"
    /// What the suites here need, for `.enabled(if:)`.
    static let isAvailable = ChildProcess.isInstalled(program) && TemporaryDirectory.allowsTrustedXattrs
    /// Of all bricks here, as glusterd gives those of a volume one.
    static let volumeID = Gfid("6fd1d0a4-3c39-4a4f-9d0e-1b6f1f1a5a10")!
    static let needs: Comment = "needs root, trusted xattrs and glusterfs-server"

    /// Whether this machine has ::1.
    static let hasInet6: Bool = {
        let number = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(number) }
        var name = sockaddr_in6()
        (name.sin6_family, name.sin6_addr) = (sa_family_t(AF_INET6), in6addr_loopback)
        return withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                cposix_bind(number, $0, socklen_t(MemoryLayout<sockaddr_in6>.size)) == 0
            }
        }
    }()

    enum Listen {
        case inet, inet6, unix
    }
    /// What it speaks TLS with.
    struct TLS {
        let identity: TestAuthority.Identity
        /// File of the authorities that it trusts.
        let authorities: String

        fileprivate var options: String {
            """

                option transport.socket.ssl-enabled on
                option transport.socket.ssl-own-cert \(identity.certificate)
                option transport.socket.ssl-private-key \(identity.key)
                option transport.socket.ssl-ca-list \(authorities)
            """
        }
    }

    let scratch = TemporaryDirectory("brick")
    let directory: String
    let address: BrickAddress
    private let child = Mutex<ChildProcess?>(nil)

    init(_ listen: Listen = .inet, tls: TLS? = nil) throws {
        directory = scratch.subdirectory("b")
        // features/index wants it there before storage/posix makes it.
        _ = scratch.subdirectory("b/.glusterfs")
        XattrReading.set("trusted.glusterfs.volume-id", to: Self.volumeID.bytes, at: directory)
        let options: String
        switch listen {
        case .inet, .inet6:
            let host = listen == .inet ? "127.1.1.1" : "::1"
            let port = try Self.freePort()
            address = .tcp(host: host, port: port)
            options = """
                    option transport-type tcp
                    option transport.address-family \(listen == .inet ? "inet" : "inet6")
                    option transport.socket.bind-address \(host)
                    option transport.socket.listen-port \(port)
                """
        case .unix:
            let path = scratch.appending("s")
            address = .unix(path: path)
            options = """
                    option transport-type unix
                    option transport.socket.listen-path \(path)
                """
        }
        try TextFile.write(volfile(options + (tls?.options ?? "")), to: scratch.appending("brick.vol"))
        try start()
    }
    deinit { kill() }

    /// Starts it, again after `kill`. It takes connections a little later.
    func start() throws {
        let started: ChildProcess = try #require(
            ChildProcess(
                Self.program,
                [
                    "-N", "-f", scratch.appending("brick.vol"), "-l", scratch.appending("brick.log"), "-p",
                    scratch.appending("brick.pid"),
                ]))
        child.withLock { $0 = started }
    }

    /// kill -9, and waits until it is gone.
    func kill() {
        child.withLock { $0.take() }?.stop(SIGKILL)
    }

    /// SIGSTOP, SIGCONT.
    func send(_ signal: Int32) throws { _ = Glibc.kill(try #require(child.withLock { $0 }).pid, signal) }

    /// Options that lead `protocol/client` to it.
    var place: String {
        switch address {
        case .tcp(let host, let port, _):
            "option remote-host \(host)\n    option remote-port \(port)\n    option remote-subvolume \(directory)"
        case .unix(let path):
            "option transport-type unix\n    option transport.socket.connect-path \(path)\n"
                + "    option remote-subvolume \(directory)"
        }
    }

    private func volfile(_ server: String) -> String {
        """
        volume posix
            type storage/posix
            option directory \(directory)
        end-volume
        volume access-control
            type features/access-control
            subvolumes posix
        end-volume
        volume locks
            type features/locks
            subvolumes access-control
        end-volume
        volume upcall
            type features/upcall
            subvolumes locks
        end-volume
        volume io-threads
            type performance/io-threads
            subvolumes upcall
        end-volume
        volume index
            type features/index
            option index-base \(directory)/.glusterfs/indices
            option xattrop-dirty-watchlist trusted.afr.dirty
            option xattrop-pending-watchlist trusted.afr.v-
            subvolumes io-threads
        end-volume
        volume \(directory)
            type debug/io-stats
            subvolumes index
        end-volume
        volume server
            type protocol/server
            option auth.addr.\(directory).allow *
        \(server)
            subvolumes \(directory)
        end-volume

        """
    }

    /// One that nobody listens on now, by asking for port 0.
    static func freePort() throws -> UInt16 {
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(number) }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        var bytes = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                cposix_bind(number, $0, bytes) == 0 && cposix_getsockname(number, $0, &bytes) == 0
            }
        }
        try #require(isBound)
        return UInt16(bigEndian: name.sin_port)
    }
}
