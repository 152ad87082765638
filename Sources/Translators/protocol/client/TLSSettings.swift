import COpenSSL
import Glibc
import TranslatorCore

/// What TLS connections to bricks are made with. Files are read at each connection, so that renewed ones hold for the
/// next. Source: GlusterFS `transport.socket.ssl-*`; `rpc-transport/socket`.
struct TLSSettings: Sendable, Equatable {
    static let ciphersDefault = "EECDH:EDH:HIGH:!3DES:!RC4:!DES:!MD5:!aNULL:!eNULL"
    static let curvesDefault = "prime256v1"
    /// OpenSSL's own directory, where GlusterFS looks for what no option names; /etc/ssl where distributions put it
    /// there, as Debian does, and the files are.
    static let directory: String = {
        let own = X509_get_default_cert_area().map { String(cString: $0) } ?? "/etc/ssl"
        let places = [own, "/etc/ssl"]
        return places.first { access("\($0)/glusterfs.ca", F_OK) == 0 } ?? own
    }()

    /// PEM: this side's certificate, with the intermediate ones behind it; its key; whose certificates are believed.
    var certificate = TLSSettings.directory + "/glusterfs.pem"
    var privateKey = TLSSettings.directory + "/glusterfs.key"
    var authorities = TLSSettings.directory + "/glusterfs.ca"
    /// A directory of revocation lists, by hash as c_rehash(1) names them; nil: none are looked at.
    var revocations: String?
    /// Intermediate certificates between the other side's and an authority's, at most.
    var depth = 1
    /// Of TLS 1.2, as ciphers(1) has them.
    var ciphers = TLSSettings.ciphersDefault
    var curves = TLSSettings.curvesDefault
}

/// Why there is no TLS connection: what is wrong, and what to look at.
struct TLSProblem: Error, Equatable, CustomStringConvertible {
    let reason: String, advice: String
    var description: String { "\(reason); \(advice)" }
}

extension Optional<TLSSettings> {
    /// Whether glusterd speaks TLS is the cluster's choice, by a file that all of its machines have, and not the
    /// volume's. `bricks` are the settings for the volume's bricks, if those speak TLS. Source: GlusterFS "management
    /// encryption", `SECURE_ACCESS_FILE`.
    static func ofGlusterd(_ bricks: TLSSettings?) -> TLSSettings? {
        access("/var/lib/glusterd/secure-access", F_OK) == 0 ? bricks ?? TLSSettings() : nil
    }
}

extension TLSSettings {
    /// A session in its initial state, for SSL_free. Reads the files.
    func makeSession() throws(TLSProblem) -> OpaquePointer {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_client_method()) else {
            throw TLSProblem(reason: OpenSSLError.last, advice: "check the OpenSSL library")
        }
        // A session keeps a reference of its own.
        defer { SSL_CTX_free(context) }
        copenssl_set_modes(context)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        SSL_CTX_set_verify_depth(context, Int32(depth))
        try check(SSL_CTX_set_cipher_list(context, ciphers), "the cipher list \"\(ciphers)\"", "ssl-cipher-list")
        try check(copenssl_set_curves(context, curves), "the curve \"\(curves)\"", "ssl-ec-curve")
        try check(SSL_CTX_use_certificate_chain_file(context, certificate), certificate, "ssl-own-cert")
        try check(SSL_CTX_use_PrivateKey_file(context, privateKey, SSL_FILETYPE_PEM), privateKey, "ssl-private-key")
        try check(SSL_CTX_load_verify_locations(context, authorities, revocations), authorities, "ssl-ca-list")
        if revocations != nil { copenssl_check_crls(SSL_CTX_get_cert_store(context)) }
        guard let session = SSL_new(context) else {
            throw TLSProblem(reason: OpenSSLError.last, advice: "check the OpenSSL library")
        }
        return session
    }

    private func check(_ answer: Int32, _ what: String, _ option: String) throws(TLSProblem) {
        guard answer != 1 else { return }
        throw TLSProblem(
            reason: "TLS: \(what) cannot be used: \(OpenSSLError.last)",
            advice: "check option transport.socket.\(option)")
    }
}

/// What the library says of this thread's last call.
enum OpenSSLError {
    static var last: String {
        var first: UInt = 0
        // The first is nearest to the cause; later ones say who passed it on.
        while case let code = ERR_get_error(), code != 0 { if first == 0 { first = code } }
        guard first != 0 else { return "\(FopError.last)" }
        return ERR_reason_error_string(first).map { String(cString: $0) } ?? "error \(first)"
    }
}
