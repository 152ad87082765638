import TranslatorCore

extension WriteArguments {
    /// The payload is not in here: it is sent behind the call's bytes (`call(xid:credential:payloadBytes:)`).
    public init(_ request: WriteRequest, fd number: Int64) {
        self.init()
        precondition(request.payload.count <= Record.fragmentBytesMax / 2, "a write has at most 2^30 bytes")
        (fd, offset) = (RemoteFd(request.fd, number: number), request.offset)
        (size, flag) = (UInt32(request.payload.count), UInt32(bitPattern: request.flags.rawValue))
        xdata = WireDict(xdata: request.xdata)
    }
    public func request(_ fd: Fd, payload: Payload) -> WriteRequest {
        WriteRequest(
            fd: fd, offset: offset, payload: payload, flags: OpenFlags(rawValue: Int32(bitPattern: flag)),
            xdata: xdata.xdata)
    }
}

extension TruncateArguments {
    public init(_ request: TruncateRequest, fd: Int64 = RemoteFd.noNumber) {
        self.init()
        (target, size) = (RemoteTarget(request.target, fd: fd), request.size)
        xdata = WireDict(xdata: request.xdata)
    }
    public func request(_ target: FopTarget) -> TruncateRequest {
        TruncateRequest(target, size: size, xdata: xdata.xdata)
    }
}

extension FlushArguments {
    public init(_ request: FlushRequest, fd number: Int64) {
        self.init(.flush)
        (fd, xdata) = (RemoteFd(request.fd, number: number), WireDict(xdata: request.xdata))
    }
    /// The last use of an open file, or of a directory.
    public init(releasing fd: Fd, number: Int64) {
        self.init(fd.inode.type == .directory ? .releasedir : .release)
        self.fd = RemoteFd(fd, number: number)
    }
    public func request(_ fd: Fd) -> FlushRequest { FlushRequest(fd: fd, xdata: xdata.xdata) }
}

extension FsyncArguments {
    public init(_ request: FsyncRequest, fd number: Int64) {
        self.init()
        (fd, dataOnly) = (RemoteFd(request.fd, number: number), request.dataOnly ? 1 : 0)
        xdata = WireDict(xdata: request.xdata)
    }
    public func request(_ fd: Fd) -> FsyncRequest { FsyncRequest(fd: fd, dataOnly: dataOnly != 0, xdata: xdata.xdata) }
}

extension SetxattrArguments {
    public init(_ request: SetxattrRequest, fd: Int64 = RemoteFd.noNumber) {
        self.init()
        (target, flags) = (RemoteTarget(request.target, fd: fd), request.mode.rawValue)
        (dict, xdata) = (WireDict(xattrs: request.xattrs), WireDict(xdata: request.xdata))
    }
    /// EINVAL for flags that setxattr(2) does not have.
    public func request(_ target: FopTarget) throws(FopError) -> SetxattrRequest {
        guard let mode = SetxattrRequest.Mode(rawValue: flags) else { throw .invalid }
        return SetxattrRequest(target, xattrs: dict.xattrs, mode: mode, xdata: xdata.xdata)
    }
}

extension RemovexattrArguments {
    /// Several names are the keys of xdata; `request.xdata` is not sent with them, as a brick would remove its keys
    /// too.
    public init(_ request: RemovexattrRequest, fd: Int64 = RemoteFd.noNumber) {
        self.init()
        target = RemoteTarget(request.target, fd: fd)
        if request.names.count == 1, let only = request.names.first {
            (name, xdata) = (only, WireDict(xdata: request.xdata))
        } else {
            xdata = WireDict(pairs: request.names.map { WireDict.Pair($0, .bytes([])) })
        }
    }
    public func request(_ target: FopTarget) -> RemovexattrRequest {
        guard name.isEmpty else { return RemovexattrRequest(target, names: [name], xdata: xdata.xdata) }
        return RemovexattrRequest(target, names: (xdata.pairs ?? []).map(\.keyText))
    }
}

extension XattropArguments {
    public init(_ request: XattropRequest, fd: Int64 = RemoteFd.noNumber) {
        self.init()
        (target, operation) = (RemoteTarget(request.target, fd: fd), request.operation.rawValue)
        (dict, xdata) = (WireDict(xattrs: request.values), WireDict(xdata: request.xdata))
    }
    /// EINVAL for an operation that is not known.
    public func request(_ target: FopTarget) throws(FopError) -> XattropRequest {
        guard let operation = XattropRequest.Operation(rawValue: operation) else { throw .invalid }
        return XattropRequest(target, operation: operation, values: dict.xattrs, xdata: xdata.xdata)
    }
}

extension SetattrArguments {
    public init(_ request: SetattrRequest, fd: Int64 = RemoteFd.noNumber) {
        self.init()
        target = RemoteTarget(request.target, fd: fd)
        (iatt, valid) = (WireIatt(request: request.iatt), request.valid.rawValue)
        xdata = WireDict(xdata: request.xdata)
    }
    public func request(_ target: FopTarget) -> SetattrRequest {
        SetattrRequest(target, iatt: iatt.iatt, valid: AttributeMask(rawValue: valid), xdata: xdata.xdata)
    }
}

extension FallocateArguments {
    public init(_ request: FallocateRequest, fd number: Int64) {
        self.init()
        (fd, keepsSize) = (RemoteFd(request.fd, number: number), request.keepsSize ? 1 : 0)
        (offset, length, xdata) = (request.offset, request.bytes, WireDict(xdata: request.xdata))
    }
    public func request(_ fd: Fd) -> FallocateRequest {
        FallocateRequest(fd: fd, offset: offset, bytes: length, keepsSize: keepsSize != 0, xdata: xdata.xdata)
    }
}

extension DiscardArguments {
    public init(_ request: DiscardRequest, fd number: Int64) {
        self.init(.discard)
        fd = RemoteFd(request.fd, number: number)
        (offset, length, xdata) = (request.offset, request.bytes, WireDict(xdata: request.xdata))
    }
    /// EINVAL for a file that must keep its size: on the wire ZEROFILL always lengthens.
    public init(_ request: ZerofillRequest, fd number: Int64) throws(FopError) {
        guard !request.keepsSize else { throw .invalid }
        self.init(.zerofill)
        fd = RemoteFd(request.fd, number: number)
        (offset, length, xdata) = (request.offset, request.bytes, WireDict(xdata: request.xdata))
    }
    public func discard(_ fd: Fd) -> DiscardRequest {
        DiscardRequest(fd: fd, offset: offset, bytes: length, xdata: xdata.xdata)
    }
    public func zerofill(_ fd: Fd) -> ZerofillRequest {
        ZerofillRequest(fd: fd, offset: offset, bytes: length, xdata: xdata.xdata)
    }
}

extension IpcArguments {
    public init(_ request: IpcRequest) {
        self.init()
        (operation, xdata) = (request.operation, WireDict(xdata: request.xdata))
    }
    public var request: IpcRequest { IpcRequest(operation: operation, xdata: xdata.xdata) }
}

extension CopyFileRangeArguments {
    /// The longest copy of one call: its answer is an Int32.
    private static let bytesMax: UInt64 = 1 << 30

    /// A longer copy is cut: the reply says how many bytes it was.
    public init(_ request: CopyFileRangeRequest, source sourceNumber: Int64, sink sinkNumber: Int64) {
        self.init()
        let (from, to) = (RemoteFd(request.source, number: sourceNumber), RemoteFd(request.sink, number: sinkNumber))
        (source, sourceFd, sourceOffset) = (from.gfid, from.number, request.sourceOffset)
        (sink, sinkFd, sinkOffset) = (to.gfid, to.number, request.sinkOffset)
        (size, xdata) = (UInt32(min(request.bytes, Self.bytesMax)), WireDict(xdata: request.xdata))
    }
    public func request(source: Fd, sink: Fd) -> CopyFileRangeRequest {
        CopyFileRangeRequest(
            source: source, sourceOffset: sourceOffset, sink: sink, sinkOffset: sinkOffset, bytes: UInt64(size),
            xdata: xdata.xdata)
    }
}
