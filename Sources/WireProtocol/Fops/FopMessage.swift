import TranslatorCore

/// The arguments of a fop on the wire, with all that a peer said, both directions. Program 1298437 version 400; the
/// procedure is the fop's number. Source: GlusterFS `glusterfs4-xdr.x`; gluster-wire.md §6.
public protocol FopArguments: Equatable, Sendable {
    associatedtype Result: FopResult
    /// Some layouts serve several fops.
    var fop: Fop { get }
    /// Any arguments of this fop, for a reader to overwrite. `fop` is one of those that have this layout.
    init(_ fop: Fop)
    mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure)
}

/// The results of a fop on the wire. A fop that fails has the whole layout too, filled with zeros.
public protocol FopResult: XDRStructure, Equatable {
    var status: FopStatus { get set }
}

/// Arguments of one fop only.
public protocol OneFopArguments: FopArguments {
    static var fop: Fop { get }
    init()
}

extension OneFopArguments {
    public var fop: Fop { Self.fop }
    public init(_ fop: Fop) {
        precondition(fop == Self.fop)
        self.init()
    }
}

/// Arguments of a fop by gfid and of its twin by fd, which differ in the target.
public protocol TargetedArguments: FopArguments {
    static var fops: (byInode: Fop, byFd: Fop) { get }
    var target: RemoteTarget { get set }
    init()
}

extension TargetedArguments {
    public var fop: Fop { if case .fd = target { Self.fops.byFd } else { Self.fops.byInode } }
    public init(_ fop: Fop) {
        precondition(fop == Self.fops.byInode || fop == Self.fops.byFd)
        self.init()
        target = fop == Self.fops.byFd ? .fd(RemoteFd()) : .inode(.none)
    }
}

extension FopArguments {
    /// Reads arguments that end where the bytes do; of WRITE, only the part before its payload.
    public init(_ fop: Fop, from xdr: inout XDRReader) throws(CodecError) {
        self.init(fop)
        try fields(&xdr)
    }

    public func write(to xdr: inout XDRWriter) {
        var copy = self
        copy.fields(&xdr)
    }

    /// A whole call, but for a WRITE's payload of `payloadBytes`, which is sent right behind these bytes from where it
    /// lies.
    public func call(xid: UInt32, credential: GlusterCredential, payloadBytes: Int = 0) -> [UInt8] {
        let header = CallHeader(
            xid: xid, program: .fop, procedure: UInt32(fop.rawValue), credential: .version3(credential))
        return Record.encode(header, payloadBytes: payloadBytes) { write(to: &$0) }
    }
}

extension FopResult {
    /// A failure: zeros behind the status.
    public init(_ error: FopError) {
        self.init()
        status = FopStatus(error)
    }

    /// Reads the results in `xdr`, behind an accepted reply's head, up to its end; of READ, up to the payload, which is
    /// not among these bytes. Errors are headed by the fop.
    public init(of fop: Fop, from xdr: inout XDRReader) throws(CodecError) {
        do throws(CodecError) {
            try self.init(from: &xdr)
            guard xdr.isAtEnd else { throw xdr.error("end", "\(xdr.remaining) bytes are left over") }
        } catch {
            throw CodecError("\(fop.name) reply: \(error)")
        }
    }

    /// A whole reply, but for a READ's payload.
    public func reply(xid: UInt32, payloadBytes: Int = 0) -> [UInt8] {
        Record.encode(ReplyHeader(xid: xid), payloadBytes: payloadBytes) { write(to: &$0) }
    }
}
