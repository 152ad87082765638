import TranslatorCore

/// `testing/inert`: the bottom of a stack whose upper part is under test. Does every fop at once, keeps nothing, and
/// answers as if the file were empty. Where content matters a test stands on `storage/posix` in a `TemporaryDirectory`.
public final class InertStorage: Translator {
    public static let type: TranslatorType = "testing/inert"
    public static let needs: SubvolumeNeed = .none

    public let volume: Volume
    private let iatt = Iatt()
    private var unchanged: PrePostIatt { PrePostIatt(pre: iatt, post: iatt) }

    public init(_ volume: Volume) throws(VolfileError) { self.volume = volume }

    public func start() async throws(VolfileError) { volume.notifyParents(.subvolumeUp, from: self) }

    public func stat(_ request: StatRequest, in frame: Frame) async throws(FopError) -> StatReply {
        StatReply(iatt: iatt)
    }
    public func readlink(_ request: ReadlinkRequest, in frame: Frame) async throws(FopError) -> ReadlinkReply {
        ReadlinkReply(target: [], iatt: iatt)
    }
    public func mknod(_ request: MknodRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        EntryReply(iatt: iatt, parent: unchanged)
    }
    public func mkdir(_ request: MkdirRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        EntryReply(iatt: iatt, parent: unchanged)
    }
    public func unlink(_ request: UnlinkRequest, in frame: Frame) async throws(FopError) -> RemoveReply {
        RemoveReply(parent: unchanged)
    }
    public func rmdir(_ request: RmdirRequest, in frame: Frame) async throws(FopError) -> RemoveReply {
        RemoveReply(parent: unchanged)
    }
    public func symlink(_ request: SymlinkRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        EntryReply(iatt: iatt, parent: unchanged)
    }
    public func rename(_ request: RenameRequest, in frame: Frame) async throws(FopError) -> RenameReply {
        RenameReply(iatt: iatt, oldParent: unchanged, newParent: unchanged)
    }
    public func link(_ request: LinkRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        EntryReply(iatt: iatt, parent: unchanged)
    }
    public func truncate(_ request: TruncateRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        AttributesReply(attributes: unchanged)
    }
    public func open(_ request: OpenRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        DoneReply()
    }
    public func readv(_ request: ReadRequest, in frame: Frame) async throws(FopError) -> ReadReply {
        ReadReply(payload: .empty, isEndOfFile: true)
    }
    public func writev(_ request: WriteRequest, in frame: Frame) async throws(FopError) -> WriteReply {
        WriteReply(bytes: request.payload.count)
    }
    public func statfs(_ request: StatfsRequest, in frame: Frame) async throws(FopError) -> FileSystemStatus {
        FileSystemStatus()
    }
    public func flush(_ request: FlushRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        DoneReply()
    }
    public func fsync(_ request: FsyncRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        AttributesReply(attributes: unchanged)
    }
    public func setxattr(_ request: SetxattrRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        DoneReply()
    }
    public func getxattr(_ request: GetxattrRequest, in frame: Frame) async throws(FopError) -> GetxattrReply {
        GetxattrReply(xattrs: [:])
    }
    public func removexattr(_ request: RemovexattrRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        DoneReply()
    }
    public func opendir(_ request: OpendirRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        DoneReply()
    }
    public func fsyncdir(_ request: FsyncdirRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        DoneReply()
    }
    public func access(_ request: AccessRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        DoneReply()
    }
    public func create(_ request: CreateRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        EntryReply(iatt: iatt, parent: unchanged)
    }
    public func lk(_ request: LkRequest, in frame: Frame) async throws(FopError) -> LkReply {
        LkReply(lock: request.lock)
    }
    public func lookup(_ request: LookupRequest, in frame: Frame) async throws(FopError) -> LookupReply {
        LookupReply(iatt: iatt)
    }
    public func readdir(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        ReaddirReply(entries: [], isEnd: true)
    }
    public func readdirp(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        ReaddirReply(entries: [], isEnd: true)
    }
    public func inodelk(_ request: InodelkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        DoneReply()
    }
    public func entrylk(_ request: EntrylkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        DoneReply()
    }
    public func xattrop(_ request: XattropRequest, in frame: Frame) async throws(FopError) -> XattropReply {
        XattropReply(values: request.values)
    }
    public func rchecksum(_ request: RchecksumRequest, in frame: Frame) async throws(FopError) -> RchecksumReply {
        RchecksumReply(weak: 0, strong: [], isSHA256: true)
    }
    public func setattr(_ request: SetattrRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        AttributesReply(attributes: unchanged)
    }
    public func fallocate(_ request: FallocateRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        AttributesReply(attributes: unchanged)
    }
    public func discard(_ request: DiscardRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        AttributesReply(attributes: unchanged)
    }
    public func zerofill(_ request: ZerofillRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        AttributesReply(attributes: unchanged)
    }
    public func ipc(_ request: IpcRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        DoneReply()
    }
    public func seek(_ request: SeekRequest, in frame: Frame) async throws(FopError) -> UInt64 {
        request.offset
    }
    public func copyFileRange(
        _ request: CopyFileRangeRequest, in frame: Frame
    ) async throws(FopError) -> CopyFileRangeReply {
        CopyFileRangeReply(bytes: request.bytes)
    }
}
