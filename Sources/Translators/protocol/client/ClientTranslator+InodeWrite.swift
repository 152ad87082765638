import TranslatorCore
import WireProtocol

extension ClientTranslator {
    public func writev(_ request: WriteRequest, in frame: Frame) async throws(FopError) -> WriteReply {
        let (brick, number) = try reachByGfidToo(request.fd)
        var arguments = WriteArguments(request, fd: number)
        filtered(&arguments.flag)
        return try await brick.write(arguments, request.payload, in: frame)
    }
    public func truncate(_ request: TruncateRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        let (brick, number) = try await reach(request.target)
        return try await brick.call(TruncateArguments(request, fd: number), in: frame).result.attributesReply()
    }
    public func flush(_ request: FlushRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let (brick, number) = try reachIfOpen(request.fd)
        let reply = try await brick.call(FlushArguments(request, fd: number), in: frame).result.doneReply()
        let context: ClientFd? = request.fd.contexts.context(at: slot)
        context?.letGo(frame.lockOwner)
        let inode: ClientInode? = request.fd.inode.contexts.context(at: slot)
        inode?.letGo(of: frame.lockOwner)
        return reply
    }
    public func fsync(_ request: FsyncRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        let (brick, number) = try reachByGfidToo(request.fd)
        return try await brick.call(FsyncArguments(request, fd: number), in: frame).result.attributesReply()
    }
    public func setxattr(_ request: SetxattrRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let (brick, number) = try await reach(request.target)
        return try await brick.call(SetxattrArguments(request, fd: number), in: frame).result.doneReply()
    }
    public func removexattr(_ request: RemovexattrRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let (brick, number) = try await reach(request.target)
        return try await brick.call(RemovexattrArguments(request, fd: number), in: frame).result.doneReply()
    }
    public func xattrop(_ request: XattropRequest, in frame: Frame) async throws(FopError) -> XattropReply {
        let (brick, number) = try reachByGfidToo(request.target)
        return try await brick.call(XattropArguments(request, fd: number), in: frame).result.xattropReply()
    }
    public func setattr(_ request: SetattrRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        let (brick, number) = try await reach(request.target)
        return try await brick.call(
            SetattrArguments(request, fd: number), in: frame, timeFlags: TimeFlags(setattr: request.valid)
        ).result.attributesReply()
    }
    public func fallocate(_ request: FallocateRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        let (brick, number) = try await reach(request.fd)
        return try await brick.call(FallocateArguments(request, fd: number), in: frame).result.attributesReply()
    }
    public func discard(_ request: DiscardRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        let (brick, number) = try await reach(request.fd)
        return try await brick.call(DiscardArguments(request, fd: number), in: frame).result.attributesReply()
    }
    public func zerofill(_ request: ZerofillRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        let (brick, number) = try await reach(request.fd)
        var request = request
        if request.keepsSize {
            // On the wire ZEROFILL always lengthens: what is behind the end is left out.
            let end = try await stat(StatRequest(.fd(request.fd)), in: frame).iatt
            guard request.offset < end.size else {
                return AttributesReply(attributes: PrePostIatt(pre: end, post: end))
            }
            request = ZerofillRequest(
                fd: request.fd, offset: request.offset, bytes: min(request.bytes, end.size - request.offset),
                xdata: request.xdata)
        }
        let arguments = try DiscardArguments(request, fd: number)
        return try await brick.call(arguments, in: frame).result.attributesReply()
    }
    /// Not over the wire: GlusterFS's own mounts and its replication never send COPY_FILE_RANGE, and what stands on a
    /// brick above its storage (locks, quota, changelog) does not know it. Whoever asks reads and writes instead.
    public func copyFileRange(
        _ request: CopyFileRangeRequest, in frame: Frame
    ) async throws(FopError) -> CopyFileRangeReply {
        throw .notSupported
    }
}
