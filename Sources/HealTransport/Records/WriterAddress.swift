/// Where healers on other hosts find a writer: `tcp://HOST:PORT`. An operator names one port and opens three in a row.
///
/// The writer listens on all of them and healers connect, confirmations included: one address is configured for each
/// writer, none for a healer.
public struct WriterAddress: Hashable, Sendable, CustomStringConvertible {
    public let host: String
    /// Records; replays are asked for at the next one, confirmations are told at the one after that.
    public let port: UInt16

    public init(_ text: String) throws(TransportError) {
        guard case .tcp(let host, let port) = try Endpoint(text), 1...UInt16.max - 2 ~= port else {
            throw TransportError(
                .badEndpoint,
                "\"\(text)\" is no address of a writer: use tcp://HOST:PORT; the two ports behind PORT are used too")
        }
        (self.host, self.port) = (host, port)
    }

    /// The writer's PUB.
    public var records: Endpoint { .tcp(host: host, port: port) }
    /// The writer's ROUTER.
    public var replay: Endpoint { .tcp(host: host, port: port + 1) }
    /// The writer's SUB.
    public var confirmations: Endpoint { .tcp(host: host, port: port + 2) }

    public var description: String { "\(records)" }
}

/// One end of the way between a writer and healers on other hosts.
public struct WriterLink: Sendable {
    /// The writer's, at both ends.
    public let address: WriterAddress
    /// `server` at the writer, `client` at a healer.
    public let security: SocketSecurity

    public init(_ address: WriterAddress, security: SocketSecurity) {
        (self.address, self.security) = (address, security)
    }
}
