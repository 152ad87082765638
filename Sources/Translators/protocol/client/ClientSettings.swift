import TranslatorCore

/// The options of `protocol/client`, as a connection needs them.
struct ClientSettings: Sendable, CustomStringConvertible {
    enum Place: Equatable, Sendable {
        case address(BrickAddress)
        /// The port is glusterd's to say.
        case host(String, BrickAddress.Family)
    }
    /// Where glusterd listens. Source: GlusterFS `GF_DEFAULT_BASE_PORT`.
    static let glusterdPort: UInt16 = 24007

    let place: Place
    /// The brick's directory.
    let brick: String
    let credentials: (username: String, password: String)?
    let pingTimeout: Duration, frameTimeout: Duration
    let socket: StreamSocket.Options
    /// Nil: connections to the brick are plain.
    let tls: TLSSettings?
    let sendsGroups: Bool
    /// Files are opened without O_DIRECT on the brick, whatever their opener said.
    let dropsDirect: Bool
    /// A file whose locks were lost with a connection is not opened again.
    let isStrictAboutLocks: Bool

    init(_ options: OptionValues, of volume: Volume) throws(VolfileError) {
        brick = options.text("remote-subvolume")
        credentials = options.text(ifSet: "username").map { ($0, options.text(ifSet: "password") ?? "") }
        (pingTimeout, frameTimeout) = (options.duration("ping-timeout"), options.duration("frame-timeout"))
        socket = StreamSocket.Options(options)
        tls = options.flag("transport.socket.ssl-enabled") ? TLSSettings(options) : nil
        (sendsGroups, dropsDirect) = (options.flag("send-gids"), options.flag("filter-O_DIRECT"))
        isStrictAboutLocks = options.flag("strict-locks")
        place = try Self.place(options, of: volume)
    }

    func isSameBrick(as other: ClientSettings) -> Bool { place == other.place && brick == other.brick }

    private static func place(_ options: OptionValues, of volume: Volume) throws(VolfileError) -> Place {
        let family = options.text("transport.address-family")
        if options.text("transport-type") == "unix" || family == "unix" {
            guard let path = options.text(ifSet: "transport.socket.connect-path") else {
                throw volume.error("a unix socket needs option \"transport.socket.connect-path\", its path")
            }
            return .address(.unix(path: path))
        }
        guard let host = options.text(ifSet: "remote-host") else {
            throw volume.error("needs option \"remote-host\", the name or address of the brick's machine")
        }
        let wanted: BrickAddress.Family = family == "inet" ? .inet : family == "inet6" ? .inet6 : .any
        return options.isSet("remote-port")
            ? .address(.tcp(host: host, port: UInt16(options.integer("remote-port")), family: wanted))
            : .host(host, wanted)
    }

    var description: String {
        switch place {
        case .address(let address): address.description
        case .host(let host, _): host
        }
    }
}

extension TLSSettings {
    fileprivate init(_ options: OptionValues) {
        func take(_ name: String, _ field: WritableKeyPath<TLSSettings, String>) {
            if let text = options.text(ifSet: "transport.socket.ssl-" + name) { self[keyPath: field] = text }
        }
        self.init()
        take("own-cert", \.certificate)
        take("private-key", \.privateKey)
        take("ca-list", \.authorities)
        take("cipher-list", \.ciphers)
        take("ec-curve", \.curves)
        revocations = options.text(ifSet: "transport.socket.ssl-crl-path")
        depth = options.integer("transport.socket.ssl-cert-depth")
    }
}

extension StreamSocket.Options {
    fileprivate init(_ options: OptionValues) {
        keepsAlive = options.flag("transport.socket.keepalive")
        keepaliveTime = Int32(options.integer("transport.socket.keepalive-time"))
        keepaliveInterval = Int32(options.integer("transport.socket.keepalive-interval"))
        keepaliveCount = Int32(options.integer("transport.socket.keepalive-count"))
        userTimeout = options.duration("transport.tcp-user-timeout")
        isUndelayed = options.flag("transport.socket.nodelay")
        windowBytes = options.isSet("tcp-window-size") ? options.size("tcp-window-size") : nil
    }
}
