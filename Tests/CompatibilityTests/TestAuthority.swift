import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

/// A certificate authority of a test's own, made with the openssl program, and the certificates that it signs.
final class TestAuthority: Sendable {
    private static let openssl = "/usr/bin/openssl"
    static let isAvailable = ChildProcess.isInstalled(openssl)
    static let needs: Comment = "needs the openssl program"

    private let scratch = TemporaryDirectory("authority")
    /// PEM: what whoever trusts it has as `ssl-ca-list`.
    var certificate: String { scratch.appending("ca.pem") }

    init() throws {
        try run(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=authority", "-keyout", scratch.appending("ca.key"), "-out", certificate)
    }

    /// Who has a certificate: files of it and of its key.
    struct Identity: Sendable {
        let certificate: String, key: String
    }

    func identity(_ name: String) throws -> Identity {
        let (request, key) = (scratch.appending(name + ".csr"), scratch.appending(name + ".key"))
        let signed = scratch.appending(name + ".pem")
        try run(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
            "/CN=\(name)",
            "-keyout", key, "-out", request)
        try run(
            "x509", "-req", "-in", request, "-CA", certificate, "-CAkey", scratch.appending("ca.key"),
            "-CAcreateserial", "-days", "2", "-out", signed)
        return Identity(certificate: signed, key: key)
    }

    private func run(_ arguments: String...) throws {
        let log = scratch.appending("log")
        let child: ChildProcess = try #require(ChildProcess(Self.openssl, arguments, log: log))
        try #require(child.wait() == 0, "openssl \(arguments.joined(separator: " ")): see \(log)")
    }
}
