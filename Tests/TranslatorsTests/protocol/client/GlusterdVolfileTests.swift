import Foundation
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// Volfiles as glusterd 10.3 wrote them for a volume of two replicas: as it is made, and after every option that
/// `gluster volume get VOLUME all` lists was set. Captured: `Vectors/volfiles/`.
@Suite struct GlusterdVolfileTests {
    private func graph(_ name: String, top: String? = nil, log: Log = .silent) throws -> Graph {
        let text = try String(
            contentsOf: Bundle.module.bundleURL.appendingPathComponent("Vectors/volfiles/\(name)"), encoding: .utf8)
        return try Graph(
            Volfile(text, file: name, top: top), registry: InTreeTranslators.registry,
            environment: GraphEnvironment(log: log))
    }

    @Test(arguments: [
        ("fuse.vol", "v-replicate-0"), ("fuse-every-option.vol", "v-replicate-0"), ("shd-every-option.vol", "v"),
    ])
    func `no option of theirs is refused, and none is said to be unknown`(name: String, top: String) throws {
        let lines = LogLines()
        let graph = try graph(name, top: top, log: lines.log)
        #expect(graph.translators.count { $0 is ClientTranslator } == 2)
        #expect(!lines.all.contains { $0.contains("not known") || $0.contains("no effect") }, "\(lines.all)")
    }

    @Test func `what they say of the socket, of trust and of patience is taken`() throws {
        let graph = try graph("fuse.vol", top: "v-replicate-0")
        let settings = try #require(graph["v-client-1"] as? ClientTranslator).settings
        #expect(settings.brick == "/bricks/b2")
        guard case .host("127.1.1.1", .inet) = settings.place else {
            Issue.record("\(settings.place)")
            return
        }
        #expect(settings.credentials?.password == "00000000-0000-4000-8000-000000000001")
        #expect(settings.socket == StreamSocket.Options() && settings.tls == nil)
        #expect(settings.pingTimeout == .seconds(42) && settings.sendsGroups && !settings.isStrictAboutLocks)
    }

    private static let changed = """
        volume client
            type protocol/client
            option remote-host localhost
            option remote-subvolume /b
            option transport.socket.keepalive-time 5
            option transport.socket.keepalive-interval 3
            option transport.socket.keepalive-count 4
            option transport.tcp-user-timeout 7
            option tcp-window-size 1MB
            option send-gids off
            option strict-locks on
            option filter-O_DIRECT enable
            option client-bind-insecure no
        end-volume

        """

    @Test func `options that differ from the defaults are taken, and one without effect is said`() throws {
        let lines = LogLines()
        let graph = try Graph.fromText(Self.changed, environment: GraphEnvironment(log: lines.log))
        let settings = try #require(graph.top as? ClientTranslator).settings
        var socket = StreamSocket.Options()
        (socket.keepaliveTime, socket.keepaliveInterval, socket.keepaliveCount) = (5, 3, 4)
        (socket.userTimeout, socket.windowBytes) = (.seconds(7), 1 << 20)
        #expect(settings.socket == socket)
        #expect(!settings.sendsGroups && settings.isStrictAboutLocks && settings.dropsDirect)
        let line = try #require(lines.all.first)
        #expect(lines.all.count == 1)
        #expect(line.hasPrefix("info client: test.vol:1: volume \"client\": option \"client-bind-insecure\" has no"))
    }

    @Test func `TLS is set up as the options say, by GlusterFS's files where they say nothing`() throws {
        func tls(_ options: String) throws -> TLSSettings? {
            let text = Self.changed.replacing("option send-gids off", with: options)
            return try #require(try Graph.fromText(text).top as? ClientTranslator).settings.tls
        }
        #expect(try tls("option transport.socket.ssl-own-cert /c.pem") == nil)
        #expect(try tls("option transport.socket.ssl-enabled on") == TLSSettings())
        #expect(TLSSettings().authorities.hasSuffix("/glusterfs.ca") && TLSSettings().depth == 1)
        var wanted = TLSSettings()
        (wanted.certificate, wanted.privateKey, wanted.authorities) = ("/c.pem", "/k.pem", "/a.pem")
        (wanted.revocations, wanted.depth, wanted.ciphers, wanted.curves) = ("/crl", 3, "HIGH", "secp384r1")
        let options = """
            option transport.socket.ssl-enabled on
            option transport.socket.ssl-own-cert /c.pem
            option transport.socket.ssl-private-key /k.pem
            option transport.socket.ssl-ca-list /a.pem
            option transport.socket.ssl-crl-path /crl
            option transport.socket.ssl-cert-depth 3
            option transport.socket.ssl-cipher-list HIGH
            option transport.socket.ssl-ec-curve secp384r1
            """
        #expect(try tls(options) == wanted)
    }

    @Test func `an option of a later release is left out with a line, unless a person wrote the volfile`() throws {
        let text = Self.changed.replacing("option send-gids off", with: "option tomorrows-idea on")
        let lines = LogLines()
        _ = try Graph(
            Volfile(text, file: "v.vol", writer: .glusterd), registry: InTreeTranslators.registry,
            environment: GraphEnvironment(log: lines.log))
        #expect(
            lines.all.contains(
                "info client: v.vol:1: volume \"client\": option \"tomorrows-idea\" is not known here and left out"),
            "\(lines.all)")
        let error = #expect(throws: VolfileError.self) { try Graph.fromText(text) }
        #expect("\(try #require(error))".contains("unknown option \"tomorrows-idea\""))
    }

    @Test func `timeouts, what fops ask for and the brick change while mounted, how it is reached does not`() throws {
        let graph = try Graph.fromText(Self.changed)
        let other = Self.changed.replacing("send-gids off", with: "send-gids on")
            .replacing("option strict-locks on", with: "option ping-timeout 9")
        #expect(
            try graph.reconfigure(with: Volfile(other, file: "test.vol"))
                == ["client.ping-timeout", "client.send-gids", "client.strict-locks"])
        let settings = try #require(graph.top as? ClientTranslator).settings
        #expect(settings.pingTimeout == .seconds(9) && settings.sendsGroups && !settings.isStrictAboutLocks)
        let moved = other.replacing("remote-subvolume /b", with: "remote-subvolume /c")
        #expect(
            try graph.reconfigure(with: Volfile(moved, file: "test.vol")) == ["client.remote-subvolume"])
        let encrypted = moved.replacing("send-gids on", with: "transport.socket.ssl-enabled on")
        let error = #expect(throws: VolfileError.self) {
            try graph.reconfigure(with: Volfile(encrypted, file: "test.vol"))
        }
        let said = "option \"transport.socket.ssl-enabled\" cannot change while mounted"
        #expect("\(try #require(error))".contains(said))
    }
}
