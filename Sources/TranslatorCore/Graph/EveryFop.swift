/// A translator that treats every fop alike (traces, counts, delays, fails them): it writes `around` once instead of
/// one method per fop. A fop for which it also writes the method itself goes there.
///
/// Nothing is allocated on the way: requests pass by reference and `next` lives on the caller's frame.
public protocol EveryFop: Translator {
    /// Called in place of each fop. `next` winds to the subvolume: call it once, or not at all and throw.
    /// `fop` is the name on GlusterFS's wire: `fstat` for a stat by fd.
    func around<Request: FopRequest, Reply: FopReply>(
        _ fop: Fop, _ request: Request, in frame: Frame, _ next: () async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply
}

extension EveryFop {
    public func stat(_ request: StatRequest, in frame: Frame) async throws(FopError) -> StatReply {
        try await around(.stat.on(request.target), request, in: frame) { () async throws(FopError) in
            try await subvolume.stat(request, in: frame)
        }
    }
    public func readlink(_ request: ReadlinkRequest, in frame: Frame) async throws(FopError) -> ReadlinkReply {
        try await around(.readlink, request, in: frame) { () async throws(FopError) in
            try await subvolume.readlink(request, in: frame)
        }
    }
    public func mknod(_ request: MknodRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await around(.mknod, request, in: frame) { () async throws(FopError) in
            try await subvolume.mknod(request, in: frame)
        }
    }
    public func mkdir(_ request: MkdirRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await around(.mkdir, request, in: frame) { () async throws(FopError) in
            try await subvolume.mkdir(request, in: frame)
        }
    }
    public func unlink(_ request: UnlinkRequest, in frame: Frame) async throws(FopError) -> RemoveReply {
        try await around(.unlink, request, in: frame) { () async throws(FopError) in
            try await subvolume.unlink(request, in: frame)
        }
    }
    public func rmdir(_ request: RmdirRequest, in frame: Frame) async throws(FopError) -> RemoveReply {
        try await around(.rmdir, request, in: frame) { () async throws(FopError) in
            try await subvolume.rmdir(request, in: frame)
        }
    }
    public func symlink(_ request: SymlinkRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await around(.symlink, request, in: frame) { () async throws(FopError) in
            try await subvolume.symlink(request, in: frame)
        }
    }
    public func rename(_ request: RenameRequest, in frame: Frame) async throws(FopError) -> RenameReply {
        try await around(.rename, request, in: frame) { () async throws(FopError) in
            try await subvolume.rename(request, in: frame)
        }
    }
    public func link(_ request: LinkRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await around(.link, request, in: frame) { () async throws(FopError) in
            try await subvolume.link(request, in: frame)
        }
    }
    public func truncate(_ request: TruncateRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await around(.truncate.on(request.target), request, in: frame) { () async throws(FopError) in
            try await subvolume.truncate(request, in: frame)
        }
    }
    public func open(_ request: OpenRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await around(.open, request, in: frame) { () async throws(FopError) in
            try await subvolume.open(request, in: frame)
        }
    }
    public func readv(_ request: ReadRequest, in frame: Frame) async throws(FopError) -> ReadReply {
        try await around(.readv, request, in: frame) { () async throws(FopError) in
            try await subvolume.readv(request, in: frame)
        }
    }
    public func writev(_ request: WriteRequest, in frame: Frame) async throws(FopError) -> WriteReply {
        try await around(.writev, request, in: frame) { () async throws(FopError) in
            try await subvolume.writev(request, in: frame)
        }
    }
    public func statfs(_ request: StatfsRequest, in frame: Frame) async throws(FopError) -> FileSystemStatus {
        try await around(.statfs, request, in: frame) { () async throws(FopError) in
            try await subvolume.statfs(request, in: frame)
        }
    }
    public func flush(_ request: FlushRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await around(.flush, request, in: frame) { () async throws(FopError) in
            try await subvolume.flush(request, in: frame)
        }
    }
    public func fsync(_ request: FsyncRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await around(.fsync, request, in: frame) { () async throws(FopError) in
            try await subvolume.fsync(request, in: frame)
        }
    }
    public func setxattr(_ request: SetxattrRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await around(.setxattr.on(request.target), request, in: frame) { () async throws(FopError) in
            try await subvolume.setxattr(request, in: frame)
        }
    }
    public func getxattr(_ request: GetxattrRequest, in frame: Frame) async throws(FopError) -> GetxattrReply {
        try await around(.getxattr.on(request.target), request, in: frame) { () async throws(FopError) in
            try await subvolume.getxattr(request, in: frame)
        }
    }
    public func removexattr(_ request: RemovexattrRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await around(.removexattr.on(request.target), request, in: frame) { () async throws(FopError) in
            try await subvolume.removexattr(request, in: frame)
        }
    }
    public func opendir(_ request: OpendirRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await around(.opendir, request, in: frame) { () async throws(FopError) in
            try await subvolume.opendir(request, in: frame)
        }
    }
    public func fsyncdir(_ request: FsyncdirRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await around(.fsyncdir, request, in: frame) { () async throws(FopError) in
            try await subvolume.fsyncdir(request, in: frame)
        }
    }
    public func access(_ request: AccessRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await around(.access, request, in: frame) { () async throws(FopError) in
            try await subvolume.access(request, in: frame)
        }
    }
    public func create(_ request: CreateRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await around(.create, request, in: frame) { () async throws(FopError) in
            try await subvolume.create(request, in: frame)
        }
    }
    public func lk(_ request: LkRequest, in frame: Frame) async throws(FopError) -> LkReply {
        try await around(.lk, request, in: frame) { () async throws(FopError) in
            try await subvolume.lk(request, in: frame)
        }
    }
    public func lookup(_ request: LookupRequest, in frame: Frame) async throws(FopError) -> LookupReply {
        try await around(.lookup, request, in: frame) { () async throws(FopError) in
            try await subvolume.lookup(request, in: frame)
        }
    }
    public func readdir(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        try await around(.readdir, request, in: frame) { () async throws(FopError) in
            try await subvolume.readdir(request, in: frame)
        }
    }
    public func readdirp(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        try await around(.readdirp, request, in: frame) { () async throws(FopError) in
            try await subvolume.readdirp(request, in: frame)
        }
    }
    public func inodelk(_ request: InodelkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await around(.inodelk.on(request.target), request, in: frame) { () async throws(FopError) in
            try await subvolume.inodelk(request, in: frame)
        }
    }
    public func entrylk(_ request: EntrylkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await around(.entrylk.on(request.target), request, in: frame) { () async throws(FopError) in
            try await subvolume.entrylk(request, in: frame)
        }
    }
    public func xattrop(_ request: XattropRequest, in frame: Frame) async throws(FopError) -> XattropReply {
        try await around(.xattrop.on(request.target), request, in: frame) { () async throws(FopError) in
            try await subvolume.xattrop(request, in: frame)
        }
    }
    public func rchecksum(_ request: RchecksumRequest, in frame: Frame) async throws(FopError) -> RchecksumReply {
        try await around(.rchecksum, request, in: frame) { () async throws(FopError) in
            try await subvolume.rchecksum(request, in: frame)
        }
    }
    public func setattr(_ request: SetattrRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await around(.setattr.on(request.target), request, in: frame) { () async throws(FopError) in
            try await subvolume.setattr(request, in: frame)
        }
    }
    public func fallocate(_ request: FallocateRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await around(.fallocate, request, in: frame) { () async throws(FopError) in
            try await subvolume.fallocate(request, in: frame)
        }
    }
    public func discard(_ request: DiscardRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await around(.discard, request, in: frame) { () async throws(FopError) in
            try await subvolume.discard(request, in: frame)
        }
    }
    public func zerofill(_ request: ZerofillRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await around(.zerofill, request, in: frame) { () async throws(FopError) in
            try await subvolume.zerofill(request, in: frame)
        }
    }
    public func ipc(_ request: IpcRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await around(.ipc, request, in: frame) { () async throws(FopError) in
            try await subvolume.ipc(request, in: frame)
        }
    }
    public func seek(_ request: SeekRequest, in frame: Frame) async throws(FopError) -> UInt64 {
        try await around(.seek, request, in: frame) { () async throws(FopError) in
            try await subvolume.seek(request, in: frame)
        }
    }
    public func copyFileRange(
        _ request: CopyFileRangeRequest, in frame: Frame
    ) async throws(FopError) -> CopyFileRangeReply {
        try await around(.copyFileRange, request, in: frame) { () async throws(FopError) in
            try await subvolume.copyFileRange(request, in: frame)
        }
    }
}
