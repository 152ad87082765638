import TranslatorCore
import WireProtocol

extension ClientTranslator {
    public func create(_ request: CreateRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        let session = try session()
        var arguments = CreateArguments(request)
        filtered(&arguments.flags)
        let (number, reply) = try await session.brick.call(arguments, in: frame).result.createReply()
        try opened(request.fd, as: number, on: session)
        return reply
    }
    public func mknod(_ request: MknodRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await brick().call(MknodArguments(request), in: frame).result.entryReply()
    }
    public func mkdir(_ request: MkdirRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await brick().call(MkdirArguments(request), in: frame).result.entryReply()
    }
    public func symlink(_ request: SymlinkRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await brick().call(SymlinkArguments(request), in: frame).result.entryReply()
    }
    public func link(_ request: LinkRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await brick().call(LinkArguments(request), in: frame).result.entryReply()
    }
    public func unlink(_ request: UnlinkRequest, in frame: Frame) async throws(FopError) -> RemoveReply {
        try await brick().call(UnlinkArguments(request), in: frame).result.removeReply()
    }
    public func rmdir(_ request: RmdirRequest, in frame: Frame) async throws(FopError) -> RemoveReply {
        try await brick().call(RmdirArguments(request), in: frame).result.removeReply()
    }
    public func rename(_ request: RenameRequest, in frame: Frame) async throws(FopError) -> RenameReply {
        let arguments = try RenameArguments(request)
        return try await brick().call(arguments, in: frame).result.renameReply()
    }
}
