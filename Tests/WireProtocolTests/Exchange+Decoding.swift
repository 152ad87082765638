import TranslatorCore
import WireProtocol

/// A captured record, taken apart and put together again.
struct Replay {
    var recorder = FieldRecorder()
    /// The record without its mark, written from what was read.
    var bytes: [UInt8] = []
    /// How many of them are content, which may have any length.
    var payloadBytes = 0
}

/// How a record is to be read: the procedure that it calls or answers.
enum Decoding {
    case fop(Fop)
    case procedure(any ProcedureArguments.Type)
    /// Without arguments: procedure 0 of a program, and the ping of the handshake's.
    case null

    init(program: UInt32, procedure: UInt32) throws {
        if program == RPCProgram.fop.number, let fop = Fop(rawValue: Int(procedure)) {
            self = .fop(fop)
            return
        }
        let known: [any ProcedureArguments.Type] = [
            DumpArguments.self, PingArguments.self, SetvolumeArguments.self, GetspecArguments.self,
            VolumeInfoArguments.self, PortByBrickArguments.self,
        ]
        if let type = known.first(where: { $0.program.number == program && $0.procedure == procedure }) {
            self = .procedure(type)
        } else if procedure == 0 || program == RPCProgram.handshake.number && procedure == 3 {
            self = .null
        } else {
            throw CodecError("nobody knows procedure \(procedure) of program \(program)")
        }
    }

    /// Takes a call's arguments apart, payload included, and puts the record together again.
    func replayCall(_ record: [UInt8]) throws(CodecError) -> Replay {
        try XDRReader.whole(record, as: "call") { xdr throws(CodecError) in
            guard case .call(let header) = try RPCMessage(from: &xdr) else { throw CodecError("no call") }
            switch self {
            case .fop(let fop): return try Self.replay(fop.arguments, fop, header, &xdr)
            case .procedure(let type): return try Self.replay(type, header, &xdr)
            case .null: return Replay(bytes: Record.encode(header).withoutMark)
            }
        }
    }

    func replayReply(_ record: [UInt8]) throws(CodecError) -> Replay {
        try XDRReader.whole(record, as: "reply") { xdr throws(CodecError) in
            guard case .reply(let header) = try RPCMessage(from: &xdr) else { throw CodecError("no reply") }
            guard header.outcome == .success else { return Replay(bytes: Record.encode(header).withoutMark) }
            switch self {
            case .fop(let fop): return try Self.replayResult(of: fop.arguments, fop, header, &xdr)
            case .procedure(let type): return try Self.replayResult(of: type, header, &xdr)
            case .null: return try Self.replayResult(of: PingArguments.self, header, &xdr)
            }
        }
    }

    private static func replay<Arguments: FopArguments>(
        _: Arguments.Type, _ fop: Fop, _ header: CallHeader, _ xdr: inout XDRReader
    ) throws(CodecError) -> Replay {
        var arguments = try Arguments(fop, from: &xdr)
        guard arguments.fop == fop else { throw CodecError("\(arguments.fop) instead of \(fop)") }
        let payload = fop == .writev ? Array(try xdr.raw(xdr.remaining, "payload")) : []
        var replay = Replay()
        arguments.fields(&replay.recorder)
        if fop == .writev { replay.recorder.fields.append(.bytes(payload)) }
        let record = Record.encode(header, payloadBytes: payload.count) { arguments.write(to: &$0) }
        (replay.bytes, replay.payloadBytes) = (record.withoutMark + payload, payload.count)
        return replay
    }

    private static func replayResult<Arguments: FopArguments>(
        of _: Arguments.Type, _ fop: Fop, _ header: ReplyHeader, _ xdr: inout XDRReader
    ) throws(CodecError) -> Replay {
        var result = try Arguments.Result(from: &xdr)
        let payload = fop == .readv ? Array(try xdr.raw(xdr.remaining, "payload")) : []
        var replay = Replay()
        result.fields(&replay.recorder)
        if fop == .readv { replay.recorder.fields.append(.bytes(payload)) }
        let record = Record.encode(header, payloadBytes: payload.count) { result.write(to: &$0) }
        (replay.bytes, replay.payloadBytes) = (record.withoutMark + payload, payload.count)
        return replay
    }

    private static func replay<Arguments: ProcedureArguments>(
        _: Arguments.Type, _ header: CallHeader, _ xdr: inout XDRReader
    ) throws(CodecError) -> Replay {
        var arguments = try Arguments(from: &xdr)
        var replay = Replay()
        arguments.fields(&replay.recorder)
        replay.bytes = Record.encode(header) { arguments.write(to: &$0) }.withoutMark
        return replay
    }

    private static func replayResult<Arguments: ProcedureArguments>(
        of _: Arguments.Type, _ header: ReplyHeader, _ xdr: inout XDRReader
    ) throws(CodecError) -> Replay {
        var result = try Arguments.result(from: &xdr)
        var replay = Replay()
        result.fields(&replay.recorder)
        replay.bytes = Record.encode(header) { result.write(to: &$0) }.withoutMark
        return replay
    }
}

extension [UInt8] {
    fileprivate var withoutMark: [UInt8] { Array(dropFirst(Record.markBytes)) }
}

extension Golden.Exchange {
    var decoding: Decoding {
        get throws { try Decoding(program: UInt32(header[1])!, procedure: UInt32(header[3])!) }
    }
}
