import TranslatorCore

/// What heads every result: i32 op_ret, negative for failure and else often a count; i32 op_errno.
/// Source: gluster-wire.md §13.
public struct FopStatus: XDRStructure, Equatable {
    public var opRet: Int32 = 0
    /// Noise unless `opRet` is negative, but for ENOENT of READ, READDIR and READDIRP: "this was the end".
    public var opErrno: Int32 = 0

    /// errno(3): the highest number that Linux gives a program.
    private static let errnoMax: Int32 = 133
    private static let endErrno: Int32 = 2

    public init() {}
    public init(opRet: Int32, opErrno: Int32 = 0) { (self.opRet, self.opErrno) = (opRet, opErrno) }
    public init(_ error: FopError) { self.init(opRet: -1, opErrno: error.code) }
    /// A count, at the end of a file or directory or before it.
    public init(count: Int, isEnd: Bool) {
        self.init(opRet: Int32(clamping: count), opErrno: isEnd ? Self.endErrno : 0)
    }

    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.integer(&opRet, "op_ret")
        try xdr.integer(&opErrno, "op_errno")
    }

    /// Nil for success. Numbers are Linux's own; one that Linux does not have is EIO, because the kernel takes no other
    /// numbers from a mount.
    public var error: FopError? {
        guard opRet < 0 else { return nil }
        return (1...Self.errnoMax).contains(opErrno) ? FopError(opErrno) : .io
    }

    /// A read reached the end of the file, or a listing that of the directory.
    public var isEnd: Bool { opRet >= 0 && opErrno == Self.endErrno }

    func check() throws(FopError) { if let error { throw error } }
}
