import CPosix
import Glibc
import TranslatorCore

/// The directory where the sockets of one volume's writers and healers meet: `/run/volmount/<volume id>`, or
/// `$XDG_RUNTIME_DIR/volmount/<volume id>` without root (DESIGN §3.2).
public struct RuntimeDirectory: Hashable, Sendable {
    /// What the sockets in it are for: `<writer id>.records`, `<healer id>.control`.
    public enum Role: String, Sendable, CaseIterable {
        /// A writer's PUB.
        case records
        /// A writer's ROUTER.
        case replay
        /// A healer's PUB.
        case confirm
        /// A healer's ROUTER.
        case control
    }

    public let base: String
    public let volume: Gfid
    public var path: String { "\(base)/\(volume)" }

    /// `base` nil: where this user's sockets belong.
    public init(volume: Gfid, base: String? = nil) throws(TransportError) {
        self.volume = volume
        if let base { self.base = base } else { self.base = try Self.defaultBase() }
        // The longest name there will be: checked now, told before anything is started.
        _ = try endpoint(.none, .control)
    }

    public static func defaultBase() throws(TransportError) -> String {
        if geteuid() == 0 { return "/run/volmount" }
        guard let runtime = getenv("XDG_RUNTIME_DIR").map({ String(cString: $0) }), runtime.hasPrefix("/") else {
            throw TransportError(
                .badEndpoint,
                "XDG_RUNTIME_DIR is not set, so there is no place for sockets: set it, or name a runtime directory")
        }
        return "\(runtime)/volmount"
    }

    public func endpoint(_ id: Gfid, _ role: Role) throws(TransportError) -> Endpoint {
        try .socket(at: "\(path)/\(id).\(role.rawValue)")
    }

    /// Makes it, for its owner alone.
    public func create() throws(TransportError) {
        for directory in [base, path] {
            guard mkdir(directory, 0o700) == 0 || errno == EEXIST else {
                throw .system("make the runtime directory", directory)
            }
        }
    }

    /// Whose sockets of one role are here.
    public func members(_ role: Role) -> Set<Gfid> {
        Set(Self.names(in: path).compactMap { Self.id(inName: $0, role) })
    }

    /// The volumes that have a directory below `base`.
    public static func volumes(base: String) -> [Gfid] { names(in: base).compactMap { Gfid($0) }.sorted() }

    static func id(inName name: String, _ role: Role) -> Gfid? {
        guard name.hasSuffix(".\(role.rawValue)") else { return nil }
        return Gfid(String(name.dropLast(role.rawValue.utf8.count + 1)))
    }

    private static func names(in path: String) -> [String] { (try? LocalFile.names(in: path)) ?? [] }

    /// Removes sockets on which nobody listens any more: what kill -9 leaves. A young one may be about to listen.
    public func removeStaleSockets(olderThan age: Duration = .seconds(10)) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        for name in Self.names(in: path) where Role.allCases.contains(where: { Self.id(inName: name, $0) != nil }) {
            let socket = "\(path)/\(name)"
            var status = stat()
            guard lstat(socket, &status) == 0, now.tv_sec - status.st_ctim.tv_sec >= Int(age.components.seconds),
                case .stale = Endpoint.probe(socket)
            else { continue }
            unlink(socket)
        }
    }
}
