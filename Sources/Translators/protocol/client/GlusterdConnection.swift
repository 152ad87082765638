import TranslatorCore
import WireProtocol

/// Where a glusterd listens: a host's name or address, and a TCP port.
public struct VolfileServer: Hashable, Sendable, CustomStringConvertible {
    public static let portDefault = ClientSettings.glusterdPort

    public let host: String
    public let port: UInt16
    public init(host: String, port: UInt16 = portDefault) { (self.host, self.port) = (host, port) }

    var address: BrickAddress { .tcp(host: host, port: port) }
    /// `host:port`; numbers of IPv6 in brackets.
    public var description: String { address.description }
}

/// One connection to a glusterd: asks for volfiles and hears when some volume's changed. It stays until `close`, or
/// until `Event.closed`. Source: GlusterFS `glusterfsd-mgmt.c`; gluster-wire.md §5.
public final class GlusterdConnection: Sendable {
    /// Told on the connection's thread, in order; must not block.
    public enum Event: Equatable, Sendable {
        /// Which volume's is not told.
        case volfileChanged
        /// The last event: why it ended, for people.
        case closed(String)
    }
    /// How long glusterd may take to answer; it reads a file for it.
    private static let answerMax = Duration.seconds(30)

    public let server: VolfileServer
    private let connection: BrickConnection

    private init(_ server: VolfileServer, _ connection: BrickConnection) {
        (self.server, self.connection) = (server, connection)
    }

    /// Throws a sentence when nobody listens there.
    public static func connect(
        to server: VolfileServer, pool: IobufPool, _ tell: @escaping @Sendable (Event) -> Void
    ) async throws(GlusterdUnreachable) -> GlusterdConnection {
        var settings = BrickConnection.Settings(server.address, pool: pool)
        (settings.name, settings.frameTimeout, settings.tls) = ("glusterd", answerMax, .ofGlusterd(nil))
        do throws(BrickUnreachable) {
            let connection = try await BrickConnection.connect(settings) { event in
                switch event {
                case .callback(.volfileChanged): tell(.volfileChanged)
                case .closed(let reason): tell(.closed(reason))
                case .callback, .remark: break
                }
            }
            return GlusterdConnection(server, connection)
        } catch {
            throw GlusterdUnreachable(server: server, reason: error.reason)
        }
    }

    /// The volfile of clients of `volume`. Throws ENOENT for a volume that this cluster has not, EOPNOTSUPP for one
    /// that needs a newer client, ENOTCONN when the connection is lost, EIO for an answer that cannot be read.
    public func volfile(of volume: String) async throws(FopError) -> String {
        let credential = GlusterCredential(Frame(caller: .root), timeFlags: [])
        return try await connection.call(GetspecArguments(key: volume), credential: .version2(credential)).volfileText()
    }

    public func close() { connection.close() }
}

/// Why there is no connection to a glusterd, for people.
public struct GlusterdUnreachable: Error, Equatable, CustomStringConvertible {
    public let server: VolfileServer
    public let reason: String
    public var description: String { "\(server): \(reason)" }
}
