import TranslatorCore

/// The options of `protocol/client`, as a connection needs them.
struct ClientSettings: Sendable, CustomStringConvertible {
    enum Place: Sendable {
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

    init(_ volume: Volume) throws(VolfileError) {
        let options = volume.options
        brick = options.text("remote-subvolume")
        credentials = options.text(ifSet: "username").map { ($0, options.text(ifSet: "password") ?? "") }
        (pingTimeout, frameTimeout) = (options.duration("ping-timeout"), options.duration("frame-timeout"))
        let family = options.text("transport.address-family")
        if options.text("transport-type") == "unix" || family == "unix" {
            guard let path = options.text(ifSet: "transport.socket.connect-path") else {
                throw volume.error("a unix socket needs option \"transport.socket.connect-path\", its path")
            }
            place = .address(.unix(path: path))
            return
        }
        guard let host = options.text(ifSet: "remote-host") else {
            throw volume.error("needs option \"remote-host\", the name or address of the brick's machine")
        }
        let wanted: BrickAddress.Family = family == "inet" ? .inet : family == "inet6" ? .inet6 : .any
        place =
            if options.isSet("remote-port") {
                .address(.tcp(host: host, port: UInt16(options.integer("remote-port")), family: wanted))
            } else {
                .host(host, wanted)
            }
    }

    var description: String {
        switch place {
        case .address(let address): address.description
        case .host(let host, _): host
        }
    }
}

extension ClientTranslator {
    public static let options: [OptionDeclaration] = [
        .value("remote-host", .address, default: nil, "The brick's machine."),
        .integer(
            "remote-port", default: nil, in: 1...65535, "The brick's port; glusterd on that machine is asked without."),
        .text("remote-subvolume", default: nil, "The brick's directory, as its own volfile has it.").required(),
        .choice("transport-type", default: "tcp", of: ["tcp", "socket", "unix"], "How the brick is reached.")
            .alias("transport.type"),
        .choice(
            "transport.address-family", default: "inet/inet6", of: ["inet", "inet6", "inet/inet6", "unix"],
            "What the host's name may mean."
        ).alias("address-family"),
        .path("transport.socket.connect-path", default: nil, "The path of a unix socket.").alias("connect-path"),
        .text("username", default: nil, "Makes this a trusted client, with the password."),
        .text("password", default: nil, "Of the username.").secret(),
        .duration(
            "ping-timeout", default: "42", in: .zero ... .seconds(1013),
            "Silence after which the brick counts as gone; 0 waits for ever."),
        .duration(
            "frame-timeout", default: "1800", in: .zero ... .seconds(86_400),
            "Time after which a call without an answer fails; locks may wait for longer."),
    ]
}
