import TranslatorCore

extension ClientTranslator {
    /// GlusterFS's names: what glusterd writes into volfiles, and what people write by hand.
    public static let options: [OptionDeclaration] =
        (place + patience + socket + fops).map { $0.reconfigurable() } + trust + transport + encryption + others

    /// These change when another brick takes the place of one that is given up: GlusterFS's replace-brick.
    private static let place: [OptionDeclaration] = [
        .value("remote-host", .address, default: nil, "The brick's machine."),
        .integer(
            "remote-port", default: nil, in: 1...65535, "The brick's port; glusterd on that machine is asked without."),
        .text("remote-subvolume", default: nil, "The brick's directory, as its own volfile has it.").required(),
    ]

    private static let transport: [OptionDeclaration] = [
        .choice("transport-type", default: "tcp", of: ["tcp", "socket", "unix"], "How the brick is reached.")
            .alias("transport.type"),
        .choice(
            "transport.address-family", default: "inet/inet6", of: ["inet", "inet6", "inet/inet6", "unix"],
            "What the host's name may mean."
        ).alias("address-family"),
        .path("transport.socket.connect-path", default: nil, "The path of a unix socket.").alias("connect-path"),
    ]

    private static let trust: [OptionDeclaration] = [
        .text("username", default: nil, "Makes this a trusted client, with the password."),
        .text("password", default: nil, "Of the username.").secret(),
    ]

    private static let patience: [OptionDeclaration] = [
        .duration(
            "ping-timeout", default: "42", in: .zero ... .seconds(1013),
            "Silence after which the brick counts as gone; 0 waits for ever."),
        .duration(
            "frame-timeout", default: "1800", in: .zero ... .seconds(86_400),
            "Time after which a call without an answer fails; locks may wait for longer. 0: all may."),
    ]

    private static let socket: [OptionDeclaration] = [
        .flag("transport.socket.keepalive", default: true, "Probe a silent connection."),
        .integer(
            "transport.socket.keepalive-time", default: 20, in: 1...32767, "Seconds of silence before the first probe."),
        .integer(
            "transport.socket.keepalive-interval", default: 2, in: 1...32767,
            "Seconds from a probe without an answer to the next."),
        .integer(
            "transport.socket.keepalive-count", default: 9, in: 1...127,
            "Probes without an answer after which the connection is lost."),
        .duration(
            "transport.tcp-user-timeout", default: "0", in: .zero ... .seconds(1013),
            "How long what was sent may stay unacknowledged; 0: the system's default."
        ).alias("tcp-user-timeout"),
        .flag("transport.socket.nodelay", default: true, "Send small messages at once."),
        .size(
            "tcp-window-size", default: nil, in: 0...1 << 30,
            "Bytes of the socket's buffers; the system chooses without."),
    ]

    private static let fops: [OptionDeclaration] = [
        .flag("send-gids", default: true, "Send the caller's supplementary groups; without, the brick looks them up."),
        .flag("filter-O_DIRECT", default: false, "Open files without O_DIRECT on the brick.").alias("remote-dio"),
        .flag(
            "strict-locks", default: false,
            "A file that had POSIX locks when the connection was lost fails until it is opened anew."),
    ]

    private static let encryption: [OptionDeclaration] = [
        .flag("transport.socket.ssl-enabled", default: false, "Reach the brick by TLS, each side with a certificate.")
            .alias("ssl-enabled"),
        .text(
            "transport.socket.ssl-own-cert", default: nil,
            "File of this side's certificate (PEM). Without it glusterfs.pem in OpenSSL's directory or in /etc/ssl."
        ).alias("ssl-own-cert"),
        .text("transport.socket.ssl-private-key", default: nil, "File of its key; glusterfs.key there without.")
            .alias("ssl-private-key"),
        .text(
            "transport.socket.ssl-ca-list", default: nil,
            "File of the authorities whose certificates are trusted; glusterfs.ca there without."
        ).alias("ssl-ca-list"),
        .text(
            "transport.socket.ssl-crl-path", default: nil,
            "Directory of revocation lists, as c_rehash(1) makes it; none are looked at without."
        ).alias("ssl-crl-path"),
        .integer(
            "transport.socket.ssl-cert-depth", default: 1, in: 0...100,
            "Certificates between the brick's and the authority's, at most."
        ).alias("ssl-cert-depth"),
        .text(
            "transport.socket.ssl-cipher-list", default: TLSSettings.ciphersDefault,
            "Ciphers of TLS 1.2, as ciphers(1) has them."
        ).alias("ssl-cipher-list"),
        .text("transport.socket.ssl-ec-curve", default: TLSSettings.curvesDefault, "Curves for the key exchange.")
            .alias("ssl-ec-curve"),
    ]

    private static let others: [OptionDeclaration] =
        [
            .flag("client-bind-insecure", default: true, "Connect from ports that any user may have.")
                .without("the system chooses the port, which bricks refuse where rpc-auth-allow-insecure is off")
                .reconfigurable()
        ]
        + [
            "event-threads", "transport.socket.own-thread", "transport.socket.lowlat",
            "transport.socket.read-fail-log", "transport.socket.non-blocking-io", "non-blocking-io",
            "testing.old-protocol", "transport.socket.ssl-dh-param",
        ].map { .value($0, .any, default: nil, "Accepted for GlusterFS's volfiles; not used.").reconfigurable() }
}
