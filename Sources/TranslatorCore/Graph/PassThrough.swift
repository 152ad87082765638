/// What a translator does that says nothing of its own: pass the fop to its first subvolume. A storage translator,
/// which has none, answers every fop itself. Source: GlusterFS `defaults.c`.
extension Translator {
    public static var aliases: [TranslatorType] { [] }
    public static var summary: String { "" }
    public static var options: [OptionDeclaration] { [] }

    public func survey() async throws(VolfileError) {}
    public func start() async throws(VolfileError) {}
    public func stop() async {}
    public func reconfigure(_ options: OptionValues) throws(VolfileError) {}
    public func notify(_ event: GraphEvent, from subvolume: any Translator) { volume.notifyParents(event, from: self) }
    public func dump() -> StateDump? { nil }

    public func forget(_ inode: Inode) { subvolumes.forEach { $0.forget(inode) } }
    public func anticipate(_ fd: Fd) async { for subvolume in subvolumes { await subvolume.anticipate(fd) } }
    public func release(_ fd: Fd) async { for subvolume in subvolumes { await subvolume.release(fd) } }
    public func releasedir(_ fd: Fd) async { for subvolume in subvolumes { await subvolume.releasedir(fd) } }

    public func stat(_ request: StatRequest, in frame: Frame) async throws(FopError) -> StatReply {
        try await subvolume.stat(request, in: frame)
    }
    public func readlink(_ request: ReadlinkRequest, in frame: Frame) async throws(FopError) -> ReadlinkReply {
        try await subvolume.readlink(request, in: frame)
    }
    public func mknod(_ request: MknodRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await subvolume.mknod(request, in: frame)
    }
    public func mkdir(_ request: MkdirRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await subvolume.mkdir(request, in: frame)
    }
    public func unlink(_ request: UnlinkRequest, in frame: Frame) async throws(FopError) -> RemoveReply {
        try await subvolume.unlink(request, in: frame)
    }
    public func rmdir(_ request: RmdirRequest, in frame: Frame) async throws(FopError) -> RemoveReply {
        try await subvolume.rmdir(request, in: frame)
    }
    public func symlink(_ request: SymlinkRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await subvolume.symlink(request, in: frame)
    }
    public func rename(_ request: RenameRequest, in frame: Frame) async throws(FopError) -> RenameReply {
        try await subvolume.rename(request, in: frame)
    }
    public func link(_ request: LinkRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await subvolume.link(request, in: frame)
    }
    public func truncate(_ request: TruncateRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await subvolume.truncate(request, in: frame)
    }
    public func open(_ request: OpenRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await subvolume.open(request, in: frame)
    }
    public func readv(_ request: ReadRequest, in frame: Frame) async throws(FopError) -> ReadReply {
        try await subvolume.readv(request, in: frame)
    }
    public func writev(_ request: WriteRequest, in frame: Frame) async throws(FopError) -> WriteReply {
        try await subvolume.writev(request, in: frame)
    }
    public func statfs(_ request: StatfsRequest, in frame: Frame) async throws(FopError) -> FileSystemStatus {
        try await subvolume.statfs(request, in: frame)
    }
    public func flush(_ request: FlushRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await subvolume.flush(request, in: frame)
    }
    public func fsync(_ request: FsyncRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await subvolume.fsync(request, in: frame)
    }
    public func setxattr(_ request: SetxattrRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await subvolume.setxattr(request, in: frame)
    }
    public func getxattr(_ request: GetxattrRequest, in frame: Frame) async throws(FopError) -> GetxattrReply {
        try await subvolume.getxattr(request, in: frame)
    }
    public func removexattr(_ request: RemovexattrRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await subvolume.removexattr(request, in: frame)
    }
    public func opendir(_ request: OpendirRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await subvolume.opendir(request, in: frame)
    }
    public func fsyncdir(_ request: FsyncdirRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await subvolume.fsyncdir(request, in: frame)
    }
    public func access(_ request: AccessRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await subvolume.access(request, in: frame)
    }
    public func create(_ request: CreateRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await subvolume.create(request, in: frame)
    }
    public func lk(_ request: LkRequest, in frame: Frame) async throws(FopError) -> LkReply {
        try await subvolume.lk(request, in: frame)
    }
    public func lookup(_ request: LookupRequest, in frame: Frame) async throws(FopError) -> LookupReply {
        try await subvolume.lookup(request, in: frame)
    }
    public func readdir(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        try await subvolume.readdir(request, in: frame)
    }
    public func readdirp(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        try await subvolume.readdirp(request, in: frame)
    }
    public func inodelk(_ request: InodelkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await subvolume.inodelk(request, in: frame)
    }
    public func entrylk(_ request: EntrylkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await subvolume.entrylk(request, in: frame)
    }
    public func xattrop(_ request: XattropRequest, in frame: Frame) async throws(FopError) -> XattropReply {
        try await subvolume.xattrop(request, in: frame)
    }
    public func rchecksum(_ request: RchecksumRequest, in frame: Frame) async throws(FopError) -> RchecksumReply {
        try await subvolume.rchecksum(request, in: frame)
    }
    public func setattr(_ request: SetattrRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await subvolume.setattr(request, in: frame)
    }
    public func fallocate(_ request: FallocateRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await subvolume.fallocate(request, in: frame)
    }
    public func discard(_ request: DiscardRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await subvolume.discard(request, in: frame)
    }
    public func zerofill(_ request: ZerofillRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await subvolume.zerofill(request, in: frame)
    }
    public func ipc(_ request: IpcRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await subvolume.ipc(request, in: frame)
    }
    public func seek(_ request: SeekRequest, in frame: Frame) async throws(FopError) -> UInt64 {
        try await subvolume.seek(request, in: frame)
    }
    public func copyFileRange(
        _ request: CopyFileRangeRequest, in frame: Frame
    ) async throws(FopError) -> CopyFileRangeReply {
        try await subvolume.copyFileRange(request, in: frame)
    }
}
