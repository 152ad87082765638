/// A volfile type such as `encryption/rot-13`: category and name. It is also the translator's folder in the sources.
public typealias TranslatorType = String

/// How many subvolumes a translator stands on; the loader checks it. In words: "exactly 1 subvolume".
public enum SubvolumeNeed: Equatable, Sendable, CustomStringConvertible {
    case none
    case exactly(Int)
    case atLeast(Int)

    public func isMet(by count: Int) -> Bool {
        switch self {
        case .none: count == 0
        case .exactly(let needed): count == needed
        case .atLeast(let needed): count >= needed
        }
    }

    public var description: String {
        switch self {
        case .none: "no subvolume"
        case .exactly(let needed): "exactly \(needed) subvolume\(needed == 1 ? "" : "s")"
        case .atLeast(let needed): "at least \(needed) subvolume\(needed == 1 ? "" : "s")"
        }
    }
}

/// One translator instance in a graph. Winding down is calling a subvolume's fop, unwinding is returning.
///
/// Every fop has a default that passes it to the first subvolume, so a translator holds only the difference. Instances
/// share code, never data. Fops run on the caller's thread until they suspend; any number run at once.
/// Source: GlusterFS `xlator.h` (fops, cbks, dumpops, init, fini, reconfigure, notify).
public protocol Translator: AnyObject, Sendable {
    static var type: TranslatorType { get }
    /// Other types under which volfiles know it, e.g. `cluster/afr`.
    static var aliases: [TranslatorType] { get }
    /// What it does, in one sentence, for the manual.
    static var summary: String { get }
    static var needs: SubvolumeNeed { get }
    static var options: [OptionDeclaration] { get }

    /// This instance's name, options, subvolumes and surroundings.
    var volume: Volume { get }

    /// Checks and takes its options. No I/O here.
    init(_ volume: Volume) throws(VolfileError)
    /// Called once, parents first, before anything starts: looks at what is to be started. Throws what makes the graph
    /// unusable.
    func survey() async throws(VolfileError)
    /// Called once, subvolumes first, before any fop. Throws what makes the graph unusable.
    func start() async throws(VolfileError)
    /// Called once after the last fop, parents first. Leaves nothing running and nothing locked.
    func stop() async
    /// Takes new values of options declared reconfigurable; others have not changed.
    func reconfigure(_ options: OptionValues) throws(VolfileError)
    /// Hears from below that something happened; the default passes it up. Must not block or call fops.
    func notify(_ event: GraphEvent, from subvolume: any Translator)
    /// The brick of this machine that it stands on, if there is just one.
    var localBrick: (any LocalBrick)? { get }
    /// Its state, for statedumps and `healctl`; nil when it has none to show.
    func dump() -> StateDump?

    // Callbacks: the last use of an object by this graph.
    func forget(_ inode: Inode)
    func release(_ fd: Fd) async
    /// The caller of `create` has its answer, and will use `fd` next: what its first use would wait for may be done
    /// now. A hint, by the mount, after the reply is on its way; the file may be closed or gone already.
    func anticipate(_ fd: Fd) async
    func releasedir(_ fd: Fd) async

    // Fops, in the order of gluster-wire.md §6.
    func stat(_ request: StatRequest, in frame: Frame) async throws(FopError) -> StatReply
    func readlink(_ request: ReadlinkRequest, in frame: Frame) async throws(FopError) -> ReadlinkReply
    func mknod(_ request: MknodRequest, in frame: Frame) async throws(FopError) -> EntryReply
    func mkdir(_ request: MkdirRequest, in frame: Frame) async throws(FopError) -> EntryReply
    func unlink(_ request: UnlinkRequest, in frame: Frame) async throws(FopError) -> RemoveReply
    func rmdir(_ request: RmdirRequest, in frame: Frame) async throws(FopError) -> RemoveReply
    func symlink(_ request: SymlinkRequest, in frame: Frame) async throws(FopError) -> EntryReply
    func rename(_ request: RenameRequest, in frame: Frame) async throws(FopError) -> RenameReply
    func link(_ request: LinkRequest, in frame: Frame) async throws(FopError) -> EntryReply
    func truncate(_ request: TruncateRequest, in frame: Frame) async throws(FopError) -> AttributesReply
    func open(_ request: OpenRequest, in frame: Frame) async throws(FopError) -> DoneReply
    func readv(_ request: ReadRequest, in frame: Frame) async throws(FopError) -> ReadReply
    func writev(_ request: WriteRequest, in frame: Frame) async throws(FopError) -> WriteReply
    func statfs(_ request: StatfsRequest, in frame: Frame) async throws(FopError) -> FileSystemStatus
    func flush(_ request: FlushRequest, in frame: Frame) async throws(FopError) -> DoneReply
    func fsync(_ request: FsyncRequest, in frame: Frame) async throws(FopError) -> AttributesReply
    func setxattr(_ request: SetxattrRequest, in frame: Frame) async throws(FopError) -> DoneReply
    func getxattr(_ request: GetxattrRequest, in frame: Frame) async throws(FopError) -> GetxattrReply
    func removexattr(_ request: RemovexattrRequest, in frame: Frame) async throws(FopError) -> DoneReply
    func opendir(_ request: OpendirRequest, in frame: Frame) async throws(FopError) -> DoneReply
    func fsyncdir(_ request: FsyncdirRequest, in frame: Frame) async throws(FopError) -> DoneReply
    func access(_ request: AccessRequest, in frame: Frame) async throws(FopError) -> DoneReply
    func create(_ request: CreateRequest, in frame: Frame) async throws(FopError) -> EntryReply
    func lk(_ request: LkRequest, in frame: Frame) async throws(FopError) -> LkReply
    func lookup(_ request: LookupRequest, in frame: Frame) async throws(FopError) -> LookupReply
    func readdir(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply
    func readdirp(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply
    func inodelk(_ request: InodelkRequest, in frame: Frame) async throws(FopError) -> DoneReply
    func entrylk(_ request: EntrylkRequest, in frame: Frame) async throws(FopError) -> DoneReply
    func xattrop(_ request: XattropRequest, in frame: Frame) async throws(FopError) -> XattropReply
    func rchecksum(_ request: RchecksumRequest, in frame: Frame) async throws(FopError) -> RchecksumReply
    func setattr(_ request: SetattrRequest, in frame: Frame) async throws(FopError) -> AttributesReply
    func fallocate(_ request: FallocateRequest, in frame: Frame) async throws(FopError) -> AttributesReply
    func discard(_ request: DiscardRequest, in frame: Frame) async throws(FopError) -> AttributesReply
    func zerofill(_ request: ZerofillRequest, in frame: Frame) async throws(FopError) -> AttributesReply
    func ipc(_ request: IpcRequest, in frame: Frame) async throws(FopError) -> DoneReply
    func seek(_ request: SeekRequest, in frame: Frame) async throws(FopError) -> UInt64
    func copyFileRange(_ request: CopyFileRangeRequest, in frame: Frame) async throws(FopError) -> CopyFileRangeReply
}

extension Translator {
    public var name: String { volume.name }
    public var slot: Int { volume.slot }
    public var subvolumes: [any Translator] { volume.subvolumes }
    /// The only, or the first, subvolume.
    @inlinable public var subvolume: any Translator { volume.firstSubvolume }
}
