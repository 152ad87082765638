import TranslatorCore

// From a request of the stack to its arguments, on a client; and back, on a server, once it has found the objects that
// the arguments name. `fd` is the number that the connection has for the request's fd.

extension StatArguments {
    public init(_ request: StatRequest, fd: Int64 = RemoteFd.noNumber) {
        self.init()
        (target, xdata) = (RemoteTarget(request.target, fd: fd), WireDict(xdata: request.xdata))
    }
    public func request(_ target: FopTarget) -> StatRequest { StatRequest(target, xdata: xdata.xdata) }
}

extension ReadlinkArguments {
    /// PATH_MAX: no target is longer.
    private static let targetBytesMax: UInt32 = 4096

    public init(_ request: ReadlinkRequest) {
        self.init()
        (gfid, size, xdata) = (request.inode.gfid, Self.targetBytesMax, WireDict(xdata: request.xdata))
    }
    public func request(_ inode: Inode) -> ReadlinkRequest { ReadlinkRequest(inode: inode, xdata: xdata.xdata) }
}

extension OpenArguments {
    /// To reopen a file after a reconnection, too: it is neither made nor truncated again then, if `isAgain`.
    public init(_ request: OpenRequest, isAgain: Bool = false) {
        self.init()
        var open = request.fd.flags
        if isAgain { open.subtract([.create, .exclusive, .truncate]) }
        (gfid, flags) = (request.fd.inode.gfid, UInt32(bitPattern: open.rawValue))
        xdata = WireDict(xdata: request.xdata)
    }
    public var openFlags: OpenFlags { OpenFlags(rawValue: Int32(bitPattern: flags)) }
    public func request(_ fd: Fd) -> OpenRequest { OpenRequest(fd: fd, xdata: xdata.xdata) }
}

extension ReadArguments {
    public init(_ request: ReadRequest, fd number: Int64) {
        self.init()
        (fd, offset) = (RemoteFd(request.fd, number: number), request.offset)
        (size, flag) = (UInt32(clamping: request.bytes), UInt32(bitPattern: request.fd.flags.rawValue))
        xdata = WireDict(xdata: request.xdata)
    }
    public func request(_ fd: Fd) -> ReadRequest {
        ReadRequest(fd: fd, offset: offset, bytes: Int(size), xdata: xdata.xdata)
    }
}

extension StatfsArguments {
    public init(_ request: StatfsRequest) {
        self.init()
        gfid = request.inode.gfid
    }
    public func request(_ inode: Inode) -> StatfsRequest { StatfsRequest(inode: inode) }
}

extension GetxattrArguments {
    public init(_ request: GetxattrRequest, fd: Int64 = RemoteFd.noNumber) {
        self.init()
        target = RemoteTarget(request.target, fd: fd)
        (named, name) = (request.name == nil ? 0 : 1, request.name ?? "")
        xdata = WireDict(xdata: request.xdata)
    }
    public func request(_ target: FopTarget) -> GetxattrRequest {
        GetxattrRequest(target, name: named == 0 ? nil : name, xdata: xdata.xdata)
    }
}

extension AccessArguments {
    public init(_ request: AccessRequest) {
        self.init()
        (gfid, mask, xdata) = (request.inode.gfid, request.mask, WireDict(xdata: request.xdata))
    }
    public func request(_ inode: Inode) -> AccessRequest { AccessRequest(inode: inode, mask: mask, xdata: xdata.xdata) }
}

extension RchecksumArguments {
    public init(_ request: RchecksumRequest, fd number: Int64) {
        self.init()
        (fd, offset) = (RemoteFd(request.fd, number: number), request.offset)
        (length, xdata) = (UInt32(clamping: request.bytes), WireDict(xdata: request.xdata))
    }
    public func request(_ fd: Fd) -> RchecksumRequest {
        RchecksumRequest(fd: fd, offset: offset, bytes: Int(length), xdata: xdata.xdata)
    }
}

extension SeekArguments {
    public init(_ request: SeekRequest, fd number: Int64) {
        self.init()
        (fd, offset, what) = (RemoteFd(request.fd, number: number), request.offset, request.what.rawValue)
    }
    /// EINVAL where it is neither data nor a hole that is sought.
    public func request(_ fd: Fd) throws(FopError) -> SeekRequest {
        guard let what = SeekWhat(rawValue: what) else { throw .invalid }
        return SeekRequest(fd: fd, offset: offset, what: what)
    }
}
