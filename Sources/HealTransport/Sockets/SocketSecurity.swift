import CZeroMQ

/// A CURVE key pair or half of one: 40 characters of Z85 (ZeroMQ RFC 32), as `healctl` and zmq_curve_keypair(3) print
/// them.
public struct CurveKey: Hashable, Sendable {
    /// The 32 bytes.
    public let bytes: [UInt8]

    public init(z85 text: String) throws(TransportError) {
        let bytes = [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            count = text.utf8.count == 40 && zmq_z85_decode(buffer.baseAddress, text) != nil ? 32 : 0
        }
        // The key itself may be secret: it is not repeated.
        guard bytes.count == 32 else {
            throw TransportError(.badEndpoint, "not a CURVE key: 40 characters of Z85 are expected")
        }
        self.bytes = bytes
    }
    public var z85: String {
        String(unsafeUninitializedCapacity: 40) { buffer in
            var text = [CChar](repeating: 0, count: 41)
            zmq_z85_encode(&text, bytes, 32)
            for position in 0..<40 { buffer[position] = UInt8(bitPattern: text[position]) }
            return 40
        }
    }

    /// The public key that belongs to this secret one (zmq_curve_public(3)).
    public var publicHalf: CurveKey {
        var text = [CChar](repeating: 0, count: 41)
        let failed = zmq_curve_public(&text, z85)
        precondition(failed == 0, "libzmq has no CURVE: \(String(cString: zmq_strerror(zmq_errno())))")
        return try! CurveKey(z85: String(decoding: text.prefix(40).map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    public static func makePair() -> (publicKey: CurveKey, secretKey: CurveKey) {
        var publicText = [CChar](repeating: 0, count: 41), secretText = publicText
        let failed = zmq_curve_keypair(&publicText, &secretText)
        precondition(failed == 0, "libzmq has no CURVE: \(String(cString: zmq_strerror(zmq_errno())))")
        func key(_ text: [CChar]) -> CurveKey {
            try! CurveKey(z85: String(decoding: text.prefix(40).map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        return (key(publicText), key(secretText))
    }
}

/// How a socket knows its peers. Sockets that can be reached from other hosts must use CURVE.
public enum SocketSecurity: Sendable {
    /// For ipc, where the directory's permissions decide, and for loopback.
    case none
    /// Listens with this secret key, and admits only clients whose public keys `guests` holds.
    case server(secretKey: CurveKey, guests: CurveGuests)
    /// Connects to the holder of `serverKey` as `publicKey`.
    case client(serverKey: CurveKey, publicKey: CurveKey, secretKey: CurveKey)

    func check(_ endpoint: Endpoint) throws(TransportError) {
        guard case .none = self, !endpoint.isLocal else { return }
        throw TransportError(
            .notAllowed,
            "endpoint \(endpoint) can be reached from other hosts and has no keys: give CURVE keys, or use ipc or loopback"
        )
    }

    func apply(to socket: ZMQSocket) {
        switch self {
        case .none: break
        case .server(let secretKey, let guests):
            ZAPHandler.start()
            socket.set(ZMQ_ZAP_DOMAIN, bytes: Array(guests.domain.utf8))
            socket.set(ZMQ_CURVE_SERVER, Int32(1))
            socket.set(ZMQ_CURVE_SECRETKEY, bytes: secretKey.bytes)
        case .client(let serverKey, let publicKey, let secretKey):
            socket.set(ZMQ_CURVE_SERVERKEY, bytes: serverKey.bytes)
            socket.set(ZMQ_CURVE_PUBLICKEY, bytes: publicKey.bytes)
            socket.set(ZMQ_CURVE_SECRETKEY, bytes: secretKey.bytes)
        }
    }
}
