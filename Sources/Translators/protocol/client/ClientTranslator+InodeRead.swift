import TranslatorCore
import WireProtocol

extension ClientTranslator {
    public func lookup(_ request: LookupRequest, in frame: Frame) async throws(FopError) -> LookupReply {
        try await brick().call(LookupArguments(request), in: frame).result.lookupReply()
    }
    public func stat(_ request: StatRequest, in frame: Frame) async throws(FopError) -> StatReply {
        let (brick, number) = try await reach(request.target)
        return try await brick.call(StatArguments(request, fd: number), in: frame).result.statReply()
    }
    public func readlink(_ request: ReadlinkRequest, in frame: Frame) async throws(FopError) -> ReadlinkReply {
        try await brick().call(ReadlinkArguments(request), in: frame).result.readlinkReply()
    }
    public func access(_ request: AccessRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await brick().call(AccessArguments(request), in: frame).result.doneReply()
    }
    public func open(_ request: OpenRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let session = try session()
        var arguments = OpenArguments(request)
        filtered(&arguments.flags)
        let (number, reply) = try await session.brick.call(arguments, in: frame).result.openReply()
        try opened(request.fd, as: number, on: session)
        return reply
    }
    public func readv(_ request: ReadRequest, in frame: Frame) async throws(FopError) -> ReadReply {
        let (brick, number) = try reachByGfidToo(request.fd)
        var arguments = ReadArguments(request, fd: number)
        filtered(&arguments.flag)
        return try await brick.read(arguments, in: frame)
    }
    public func statfs(_ request: StatfsRequest, in frame: Frame) async throws(FopError) -> FileSystemStatus {
        try await brick().call(StatfsArguments(request), in: frame).result.statfsReply()
    }
    public func getxattr(_ request: GetxattrRequest, in frame: Frame) async throws(FopError) -> GetxattrReply {
        let (brick, number) = try await reach(request.target)
        return try await brick.call(GetxattrArguments(request, fd: number), in: frame).result.getxattrReply()
    }
    public func rchecksum(_ request: RchecksumRequest, in frame: Frame) async throws(FopError) -> RchecksumReply {
        let (brick, number) = try await reach(request.fd)
        return try await brick.call(RchecksumArguments(request, fd: number), in: frame).result.rchecksumReply()
    }
    public func seek(_ request: SeekRequest, in frame: Frame) async throws(FopError) -> UInt64 {
        let (brick, number) = try await reach(request.fd)
        return try await brick.call(SeekArguments(request, fd: number), in: frame).result.seekReply()
    }
    public func ipc(_ request: IpcRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await brick().call(IpcArguments(request), in: frame).result.doneReply()
    }
}

// Directories.
extension ClientTranslator {
    public func opendir(_ request: OpendirRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let session = try session()
        let (number, reply) = try await session.brick.call(OpendirArguments(request), in: frame).result.openReply()
        try opened(request.fd, as: number, on: session)
        return reply
    }
    public func readdir(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        let (brick, number) = try await reach(request.fd)
        return try await brick.call(ReaddirArguments(request, fd: number), in: frame).result.readdirReply()
    }
    public func readdirp(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        let (brick, number) = try await reach(request.fd)
        return try await brick.call(ReaddirpArguments(request, fd: number), in: frame).result.readdirReply()
    }
    public func fsyncdir(_ request: FsyncdirRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let (brick, number) = try await reach(request.fd)
        return try await brick.call(FsyncdirArguments(request, fd: number), in: frame).result.doneReply()
    }
}
