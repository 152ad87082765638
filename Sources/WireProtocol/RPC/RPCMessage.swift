import TranslatorCore

/// What heads every call. Source: RFC 5531 §9; gluster-wire.md §1.
///
///     0   xid              4   unique among the calls of one side of a connection that are under way
///     4   type             4   0
///     8   RPC version      4   2
///     12  program          4
///     16  version          4
///     20  procedure        4
///     24  credential       u32 flavor, opaque<> of at most 400 bytes
///         verifier         u32 flavor, opaque<>: 0, 0
///         arguments
public struct CallHeader: Equatable, Sendable {
    public static let rpcVersion: UInt32 = 2

    public var xid: UInt32
    public var program: RPCProgram
    public var procedure: UInt32
    public var credential: Credential
    public var verifier: OpaqueAuth

    public init(
        xid: UInt32, program: RPCProgram, procedure: UInt32, credential: Credential, verifier: OpaqueAuth = .none
    ) {
        (self.xid, self.program, self.procedure) = (xid, program, procedure)
        (self.credential, self.verifier) = (credential, verifier)
    }
}

/// What heads every reply. Source: RFC 5531 §9.
///
///     0   xid              4   of the call
///     4   type             4   1
///     8   status           4   0 accepted, 1 denied
///     accepted: verifier (u32 flavor, opaque<>), u32 accept status, results or two versions
///     denied: u32 0 and two versions, or u32 1 and u32 why the credential is refused
public struct ReplyHeader: Equatable, Sendable {
    public var xid: UInt32
    public var outcome: Outcome
    /// Of accepted calls only.
    public var verifier: OpaqueAuth

    public init(xid: UInt32, _ outcome: Outcome = .success, verifier: OpaqueAuth = .none) {
        (self.xid, self.outcome, self.verifier) = (xid, outcome, verifier)
    }

    /// What became of a call. Results follow `success` only.
    public enum Outcome: Equatable, Sendable {
        case success
        case programUnavailable
        case programMismatch(low: UInt32, high: UInt32)
        case procedureUnavailable
        /// Arguments that no server understands; a brick also says it to every fop before SETVOLUME has succeeded.
        case garbageArguments
        case systemError
        case rpcMismatch(low: UInt32, high: UInt32)
        /// `auth_stat` of RFC 5531; 0 from bricks.
        case authError(UInt32)
    }
}

/// The head of a record, of either direction: a connection carries calls both ways.
public enum RPCMessage: Equatable, Sendable {
    case call(CallHeader)
    case reply(ReplyHeader)
}

extension RPCMessage: XDRCodable {
    public init(from xdr: inout XDRReader) throws(CodecError) {
        let xid: UInt32 = try xdr.read("xid")
        let start = xdr.position
        switch try xdr.read("message type") as UInt32 {
        case 0: self = .call(try CallHeader(xid: xid, from: &xdr))
        case 1: self = .reply(try ReplyHeader(xid: xid, from: &xdr))
        case let other: throw xdr.error("message type", "\(other) is neither 0, a call, nor 1, a reply", at: start)
        }
    }

    public func write(to xdr: inout XDRWriter) {
        switch self {
        case .call(let call): call.write(to: &xdr)
        case .reply(let reply): reply.write(to: &xdr)
        }
    }

    public var xid: UInt32 {
        switch self {
        case .call(let call): call.xid
        case .reply(let reply): reply.xid
        }
    }
}

extension CallHeader {
    fileprivate init(xid: UInt32, from xdr: inout XDRReader) throws(CodecError) {
        let start = xdr.position
        let version: UInt32 = try xdr.read("RPC version")
        guard version == Self.rpcVersion else { throw xdr.error("RPC version", "\(version) is not 2", at: start) }
        let program = RPCProgram(number: try xdr.read("program"), version: try xdr.read("program version"))
        self.init(
            xid: xid, program: program, procedure: try xdr.read("procedure"), credential: try Credential(from: &xdr),
            verifier: try OpaqueAuth(from: &xdr))
    }

    public func write(to xdr: inout XDRWriter) {
        for word in [xid, 0, Self.rpcVersion, program.number, program.version, procedure] { xdr.write(word) }
        credential.write(to: &xdr)
        verifier.write(to: &xdr)
    }
}

extension ReplyHeader {
    fileprivate init(xid: UInt32, from xdr: inout XDRReader) throws(CodecError) {
        let start = xdr.position
        switch try xdr.read("reply status") as UInt32 {
        case 0:
            let verifier = try OpaqueAuth(from: &xdr)
            self.init(xid: xid, try Self.accepted(&xdr), verifier: verifier)
        case 1: self.init(xid: xid, try Self.denied(&xdr))
        case let other: throw xdr.error("reply status", "\(other) is neither 0, accepted, nor 1, denied", at: start)
        }
    }

    private static func accepted(_ xdr: inout XDRReader) throws(CodecError) -> Outcome {
        let start = xdr.position
        switch try xdr.read("accept status") as UInt32 {
        case 0: return .success
        case 1: return .programUnavailable
        case 2: return .programMismatch(low: try xdr.read("lowest version"), high: try xdr.read("highest version"))
        case 3: return .procedureUnavailable
        case 4: return .garbageArguments
        case 5: return .systemError
        case let other: throw xdr.error("accept status", "\(other) is none of 0 to 5", at: start)
        }
    }

    private static func denied(_ xdr: inout XDRReader) throws(CodecError) -> Outcome {
        let start = xdr.position
        switch try xdr.read("reject status") as UInt32 {
        case 0: return .rpcMismatch(low: try xdr.read("lowest version"), high: try xdr.read("highest version"))
        case 1: return .authError(try xdr.read("auth status"))
        case let other: throw xdr.error("reject status", "\(other) is neither 0 nor 1", at: start)
        }
    }

    public func write(to xdr: inout XDRWriter) {
        xdr.write(xid)
        xdr.write(UInt32(1))
        switch outcome {
        case .success: accept(0, &xdr)
        case .programUnavailable: accept(1, &xdr)
        case .programMismatch(let low, let high):
            accept(2, &xdr)
            xdr.write(low)
            xdr.write(high)
        case .procedureUnavailable: accept(3, &xdr)
        case .garbageArguments: accept(4, &xdr)
        case .systemError: accept(5, &xdr)
        case .rpcMismatch(let low, let high): for word in [1, 0, low, high] { xdr.write(word) }
        case .authError(let status): for word in [1, 1, status] { xdr.write(word) }
        }
    }

    private func accept(_ status: UInt32, _ xdr: inout XDRWriter) {
        xdr.write(UInt32(0))
        verifier.write(to: &xdr)
        xdr.write(status)
    }
}

extension ReplyHeader.Outcome: CustomStringConvertible {
    /// For a log line.
    public var description: String {
        switch self {
        case .success: "accepted"
        case .programUnavailable: "the server does not have this program"
        case .programMismatch(let low, let high): "the server has this program in versions \(low) to \(high)"
        case .procedureUnavailable: "the server does not have this procedure"
        case .garbageArguments: "the server cannot read the arguments, or SETVOLUME has not succeeded"
        case .systemError: "the server failed"
        case .rpcMismatch(let low, let high): "the server speaks RPC versions \(low) to \(high)"
        case .authError(let status): "the server refuses the credential (auth status \(status))"
        }
    }
}
