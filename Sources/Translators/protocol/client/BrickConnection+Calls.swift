import TranslatorCore
import WireProtocol

extension BrickConnection {
    /// A fop for `frame`, and what the brick answered, failures in `status` included. `timeFlags`: by default what
    /// genuine clients send with it. READ alone has a payload that comes, of at most `payloadBytesMax`. Throws what
    /// `exchange` does, and EIO for results that cannot be read.
    func call<Arguments: FopArguments>(
        _ arguments: Arguments, in frame: Frame, timeFlags: TimeFlags? = nil, payload: Payload = .empty,
        payloadBytesMax: Int? = nil, isPatient: Bool = false
    ) async throws(FopError) -> (result: Arguments.Result, payload: Payload) {
        let fop = arguments.fop
        var credential = GlusterCredential(frame, timeFlags: timeFlags ?? TimeFlags(fop, in: frame))
        if !settings.sendsGroups { credential.caller.groups = [] }
        let answer = try await exchange(payload: payload, payloadBytesMax: payloadBytesMax, isPatient: isPatient) {
            arguments.call(xid: $0, credential: credential, payloadBytes: payload.count)
        }
        let result = try decode(answer) { xdr throws(CodecError) in try Arguments.Result(of: fop, from: &xdr) }
        return (result, answer.payload)
    }

    /// A READ.
    func read(_ arguments: ReadArguments, in frame: Frame) async throws(FopError) -> ReadReply {
        let (result, payload) = try await call(arguments, in: frame, payloadBytesMax: Int(arguments.size))
        return try result.readReply(payload: payload)
    }

    /// A WRITE of `payload`, which is sent from where it lies.
    func write(_ arguments: WriteArguments, _ payload: Payload, in frame: Frame) async throws(FopError) -> WriteReply {
        precondition(payload.count == Int(arguments.size))
        return try await call(arguments, in: frame, payload: payload).result.writeReply(asked: payload.count)
    }

    /// Any other procedure: DUMP, SETVOLUME, PORTBYBRICK, ...
    func call<Arguments: ProcedureArguments>(
        _ arguments: Arguments, credential: Credential
    ) async throws(FopError) -> Arguments.Result {
        let answer = try await exchange { arguments.call(xid: $0, credential: credential) }
        return try decode(answer) { xdr throws(CodecError) in try Arguments.result(from: &xdr) }
    }

    private func decode<Value>(
        _ answer: Answer, _ read: (inout XDRReader) throws(CodecError) -> Value
    ) throws(FopError) -> Value {
        let result = answer.results.withUnsafeBytes { bytes -> Result<Value, CodecError> in
            var xdr = XDRReader(bytes)
            do throws(CodecError) { return .success(try read(&xdr)) } catch { return .failure(error) }
        }
        switch result {
        case .success(let value): return value
        case .failure(let error):
            remark("\(error)")
            throw .io
        }
    }
}

/// Why a connected server is not a brick for us.
enum HandshakeFailure: Error, Equatable, CustomStringConvertible {
    /// It lacks the program of file operations in version 400: glusterd, or a brick before GlusterFS 4.
    case noFops(BrickAddress)
    case refused(SetvolumeRefusal)
    /// The connection was lost meanwhile, or the answer could not be read.
    case failed(FopError)
    /// The other side hung up on the first words. Brick processes that want TLS do that to those who do not.
    case hungUp(BrickAddress, isEncrypted: Bool)

    var description: String {
        switch self {
        case .noFops(let address):
            "\(address) does not serve \(RPCProgram.fop); check remote-port: is it glusterd's, or an old brick's?"
        case .refused(let refusal): "\(refusal)"
        case .failed(let error): "no answer to the handshake: \(error)"
        case .hungUp(let address, let isEncrypted):
            "\(address) closed the connection at the first word; check "
                + (isEncrypted
                    ? "that it trusts who signed transport.socket.ssl-own-cert, and its log"
                    : "its log, and option transport.socket.ssl-enabled: it closes plain connections where server.ssl is on")
        }
    }
}

extension BrickConnection {
    /// Makes this a connection to a brick: asks which programs there are, then SETVOLUME. Fops before it has succeeded
    /// are answered as unreadable. Source: gluster-wire.md §4.1.
    func introduce(_ introduction: Introduction) async throws(HandshakeFailure) -> Welcome {
        let credential = GlusterCredential(Frame(caller: .root), timeFlags: [])
        let answer: SetvolumeArguments.Result
        do throws(FopError) {
            let programs = try await call(DumpArguments(), credential: .version2(credential))
            guard programs.has(.fop) else { throw .notSupported }
            let arguments = SetvolumeArguments(introduction.dict)
            answer = try await call(arguments, credential: .version3(credential))
        } catch {
            switch error {
            case .notSupported: throw .noFops(settings.address)
            case .notConnected: throw .hungUp(settings.address, isEncrypted: settings.tls != nil)
            default: throw .failed(error)
            }
        }
        do throws(SetvolumeRefusal) { return try Welcome(answer) } catch { throw .refused(error) }
    }
}
