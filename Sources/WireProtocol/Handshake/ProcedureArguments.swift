import TranslatorCore

/// The arguments of a procedure that is no fop. A call of it is the head and these; a reply the head and `Result`.
public protocol ProcedureArguments: XDRStructure, Equatable {
    associatedtype Result: XDRStructure & Equatable
    static var program: RPCProgram { get }
    static var procedure: UInt32 { get }
}

extension ProcedureArguments {
    /// A whole call, mark included.
    public func call(xid: UInt32, credential: Credential) -> [UInt8] {
        let header = CallHeader(xid: xid, program: Self.program, procedure: Self.procedure, credential: credential)
        return Record.encode(header) { write(to: &$0) }
    }

    /// A whole reply with `result`, mark included.
    public static func reply(_ result: Result, xid: UInt32) -> [UInt8] {
        Record.encode(ReplyHeader(xid: xid)) { result.write(to: &$0) }
    }

    /// Reads the results in `xdr`, behind an accepted reply's head, up to its end.
    public static func result(from xdr: inout XDRReader) throws(CodecError) -> Result {
        do throws(CodecError) {
            let result = try Result(from: &xdr)
            guard xdr.isAtEnd else { throw xdr.error("end", "\(xdr.remaining) bytes are left over") }
            return result
        } catch {
            throw CodecError("reply to procedure \(procedure) of \(program): \(error)")
        }
    }
}
