/// Where a brick, or glusterd, listens. Source: GlusterFS's options `remote-host`, `remote-port`, `transport-type`,
/// `transport.address-family`, `transport.socket.connect-path`.
enum BrickAddress: Hashable, Sendable, CustomStringConvertible {
    /// By name or number; `family` restricts what a name may mean.
    case tcp(host: String, port: UInt16, family: Family = .any)
    /// At most 107 bytes (unix(7)).
    case unix(path: String)

    enum Family: Sendable {
        case any, inet, inet6
    }

    /// `host:port`, as people write it: numbers of IPv6 in brackets.
    var description: String {
        switch self {
        case .tcp(let host, let port, _): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): path
        }
    }
}

/// Why there is no connection, for people.
struct BrickUnreachable: Error, Equatable, CustomStringConvertible {
    let address: BrickAddress
    let reason: String
    /// What to look at.
    var advice = "check that the brick runs and listens there"

    var description: String { "cannot connect to \(address): \(reason); \(advice)" }
}
