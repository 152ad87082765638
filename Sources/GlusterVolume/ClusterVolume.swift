import Translators

/// A volume of a GlusterFS cluster, as mount(8) and fstab(5) name it: `HOST[,HOST2...]:/VOLUME`. Any of the hosts can
/// tell what it consists of; bricks may be on others. Addresses of IPv6 stand in brackets or bare.
public struct ClusterVolume: Equatable, Sendable, CustomStringConvertible {
    /// In the order in which they are asked; at least one.
    public private(set) var servers: [VolfileServer]
    public let name: String
    /// As it was written, for messages.
    public let description: String

    /// Whether `spec` is meant to name a volume, and not a file's path.
    public static func isNamed(by spec: String) -> Bool {
        spec.contains(":") && !spec.hasPrefix("/") && !spec.hasPrefix(".")
    }

    /// `backups` are further hosts. Throws one sentence for what cannot be understood.
    public init(
        _ spec: String, backups: [String] = [], port: UInt16 = VolfileServer.portDefault
    ) throws(VolfileProblem) {
        guard let colon = spec.lastIndex(of: ":") else {
            throw .badName(spec, "there is no colon in it")
        }
        var name = spec[spec.index(after: colon)...]
        if name.first == "/" { name.removeFirst() }
        guard !name.isEmpty else { throw .badName(spec, "the volume's name is missing") }
        guard !name.contains("/") else {
            throw .badName(spec, "a directory inside a volume cannot be mounted by itself")
        }
        let hosts = spec[..<colon].split(separator: ",", omittingEmptySubsequences: false).map(String.init) + backups
        guard hosts.allSatisfy({ !$0.isEmpty }) else { throw .badName(spec, "a host's name is missing") }
        servers = hosts.map { VolfileServer(host: Self.withoutBrackets($0), port: port) }
        (self.name, description) = (String(name), spec)
    }

    private static func withoutBrackets(_ host: String) -> String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    }
}

/// Why a cluster's volume cannot be had, in one sentence.
public enum VolfileProblem: Error, Equatable, Sendable, CustomStringConvertible {
    case badName(String, String)
    /// With what became of each server.
    case nobodyAnswers(ClusterVolume, [String])
    case unknown(ClusterVolume, VolfileServer)
    /// It needs a newer client.
    case tooNew(ClusterVolume, VolfileServer)
    /// The bricks' errno for anything else, as text.
    case refused(ClusterVolume, VolfileServer, String)

    /// Whether the command line is to blame, and not what runs where.
    public var isMistake: Bool {
        switch self {
        case .badName, .unknown: true
        case .nobodyAnswers, .tooNew, .refused: false
        }
    }

    public var description: String {
        switch self {
        case .badName(let spec, let why):
            "\"\(spec)\": \(why); write it as HOST[,HOST2...]:/VOLUME, or give a file with --volfile"
        case .nobodyAnswers(let volume, let reasons):
            "\(volume): no glusterd answers (\(reasons.joined(separator: "; "))); start one, or name another host"
        case .unknown(let volume, let server):
            "\(volume): glusterd at \(server) knows no volume \"\(volume.name)\"; \"gluster volume list\" there shows what it has"
        case .tooNew(let volume, let server):
            "\(volume): glusterd at \(server) says that the volume needs a newer client; lower its options' op-version"
        case .refused(let volume, let server, let error):
            "\(volume): glusterd at \(server) does not hand out the volfile: \(error); its log says why"
        }
    }
}
