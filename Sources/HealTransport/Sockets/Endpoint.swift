import CPosix
import Glibc

/// Where a ZeroMQ socket binds or connects: `ipc:///run/volmount/…/x.records` or `tcp://host:port`.
public enum Endpoint: Hashable, Sendable, CustomStringConvertible {
    case ipc(path: String)
    case tcp(host: String, port: UInt16)

    /// sockaddr_un has 108 bytes for a path, one of which ends it (unix(7)).
    public static let pathBytesMax = 107

    /// Reads either form. Throws a sentence for anything else, and for a path that a socket cannot have.
    public init(_ text: String) throws(TransportError) {
        if text.hasPrefix("ipc://") {
            self = try .socket(at: String(text.dropFirst(6)))
        } else if text.hasPrefix("tcp://"), let colon = text.lastIndex(of: ":"),
            colon > text.index(text.startIndex, offsetBy: 6),
            let port = UInt16(text[text.index(after: colon)...])
        {
            self = .tcp(host: String(text[text.index(text.startIndex, offsetBy: 6)..<colon]), port: port)
        } else {
            throw TransportError(
                .badEndpoint, "\"\(text)\" is no endpoint: use ipc:///directory/name or tcp://host:port")
        }
    }

    /// A socket file. Throws when its path is relative or too long.
    public static func socket(at path: String) throws(TransportError) -> Endpoint {
        guard path.hasPrefix("/") else {
            throw TransportError(.badEndpoint, "ipc://\(path) is no endpoint: its path must begin with a slash")
        }
        guard path.utf8.count <= pathBytesMax else {
            throw TransportError(
                .badEndpoint,
                "the socket path \(path) has \(path.utf8.count) bytes; the kernel allows \(pathBytesMax): choose a shorter runtime directory"
            )
        }
        return .ipc(path: path)
    }

    public var description: String {
        switch self {
        case .ipc(let path): "ipc://\(path)"
        case .tcp(let host, let port): "tcp://\(host):\(port)"
        }
    }

    /// Whether what goes there cannot leave this machine.
    public var isLocal: Bool {
        switch self {
        case .ipc: true
        case .tcp(let host, _): host == "localhost" || host == "[::1]" || Self.isLoopbackAddress(host)
        }
    }

    /// 127.0.0.0/8, written as an address: a name that only looks like one could resolve to anywhere.
    private static func isLoopbackAddress(_ host: String) -> Bool {
        var address = in_addr()
        guard inet_pton(AF_INET, host, &address) == 1 else { return false }
        return UInt32(bigEndian: address.s_addr) >> 24 == 127
    }
}

extension Endpoint {
    /// Makes way for a bind to a socket file: a stale one is removed, a live one is "in use".
    func makeWay() throws(TransportError) {
        guard case .ipc(let path) = self else { return }
        switch Self.probe(path) {
        case .nothing: return
        case .live:
            throw TransportError(
                .inUse,
                "endpoint \(self) is in use by another process: stop that one, or choose another runtime directory")
        case .stale:
            guard unlink(path) == 0 || errno == ENOENT else { throw .system("remove the stale socket", path) }
        case .notASocket:
            throw TransportError(.inUse, "\(path) is in the way of a socket and is none: move it away")
        }
    }

    enum Occupant { case nothing, live, stale, notASocket }

    /// Who listens on a socket file: asked by connecting to it.
    static func probe(_ path: String) -> Occupant {
        var status = stat()
        guard lstat(path, &status) == 0 else { return .nothing }
        guard status.st_mode & S_IFMT == S_IFSOCK else { return .notASocket }
        let descriptor = Glibc.socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { return .live }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(pathBytesMax)) }
        let failed = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                cposix_connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        // A full backlog (EAGAIN) is somebody who listens.
        return failed != 0 && (errno == ECONNREFUSED || errno == ENOENT) ? .stale : .live
    }
}
