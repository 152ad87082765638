import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// `storage/posix`: a brick, which is a directory of this machine's file system in GlusterFS 10's layout. A brick that
/// we made is one that `glusterfsd` serves, and the reverse (gluster-disk-format.md §1).
///
/// Any number of processes may have the directory open: names, handles and xattrs are changed by system calls that are
/// atomic among them, xattrops under `XattropLocks`. Objects are reached by their gfid handle relative to the kept root
/// descriptor, never by a path of names. A new object gets its name last, when it is complete. The process's umask is
/// set to 0, so that modes are what callers ask for.
public final class PosixTranslator: LocalBrick {
    public static let type: TranslatorType = "storage/posix"
    public static let needs: SubvolumeNeed = .none

    public let volume: Volume
    public let brickDirectory: String
    public var ordersMetadata: Bool { (try? brick.ordersMetadata) ?? false }
    let settings: PosixSettings
    let reserve: DiskReserve
    let openFiles = OpenFileTable()
    let openFds = OpenFds()
    /// Which opening of the directory serves fops, by a number that is never used again; 0: none does, every fop
    /// answers ENOTCONN.
    let serving = Atomic<UInt64>(0)
    let opened = Mutex<PosixBrick?>(nil)
    let ordered = Mutex<BrickOrder?>(nil)
    /// Why its directory is away, as it was said last.
    let complaint = Mutex<String?>(nil)
    /// How often another directory was found, while visiting.
    let visits = Mutex<UInt64>(0)
    private let chores = Mutex<[Task<Void, Never>]>([])
    private let pressure = Mutex<DescriptorPressure.Registration?>(nil)

    public init(_ volume: Volume) throws(VolfileError) {
        self.volume = volume
        settings = try PosixSettings(volume)
        brickDirectory = settings.directory
        reserve = DiskReserve(settings.reserve)
    }

    public func reconfigure(_ options: OptionValues) throws(VolfileError) {
        reserve.change(to: DiskReserve.Amount(options.sizeOrPercent("reserve")))
    }

    public func start() async throws(VolfileError) {
        // Opened by `visit`, when the process that serves it is there.
        if settings.isVisiting { return }
        do throws(BrickRefusal) {
            serve(try open())
        } catch {
            guard ordered.withLock({ $0 }) != nil, error.mayPass else { throw refusal(error) }
            waitFor(error)
        }
        let registration = DescriptorPressure.shared.register(
            tell: { [volume] sentence in volume.log(.error, sentence) },
            { [weak self] in
                let brick = self?.opened.withLock { $0 }
                brick?.directories.dropAll()
                brick?.files.dropAll()
            })
        pressure.withLock { $0 = registration }
        let started = startChores()
        chores.withLock { $0 = started }
    }

    public func stop() async {
        let running = chores.withLock { chores in
            defer { chores = [] }
            return chores
        }
        for chore in running { chore.cancel() }
        for chore in running { await chore.value }
        serving.store(0, ordering: .relaxed)
        opened.withLock { $0 = nil }
    }

    func refusal(_ refusal: BrickRefusal) -> VolfileError {
        volume.error("brick \(brickDirectory): \(refusal.message)")
    }

    public var volumeID: Gfid? {
        settings.isVisiting ? settings.volumeID : opened.withLock { $0.map(\.volumeID) ?? settings.volumeID }
    }

    public func adopt(volumeID: Gfid) throws(FopError) -> Gfid {
        if settings.isVisiting, let known = settings.volumeID { return known }
        return try brick.adopt(volumeID: volumeID)
    }

    /// The open brick. ENOTCONN before start, after stop, and while its directory is away.
    var brick: PosixBrick {
        get throws(FopError) {
            guard let brick = opened.withLock({ $0 }) else { throw .notConnected }
            return brick
        }
    }

    public func lockXattrops(on gfid: Gfid) async throws(FopError) -> XattropLock {
        guard let locks = try brick.xattropLocks else { throw .notSupportedHere }
        try await locks.lock(gfid)
        return XattropLock(gfid: gfid)
    }

    public func unlock(_ lock: XattropLock) {
        // A stopped brick has closed the lock file, and its locks with it.
        opened.withLock { $0 }?.xattropLocks?.unlock(lock.gfid)
    }

    public func forget(_ inode: Inode) { opened.withLock { $0 }?.files.drop(inode.gfid) }

    public func dump() -> StateDump? {
        let brick = opened.withLock { $0 }
        var dump = StateDump()
        dump.add("directory", brickDirectory)
        dump.add("volume-id", volumeID.map(\.description) ?? "none")
        dump.add("healthy", isServing)
        dump.add("open-files", openFiles.fileCount)
        dump.add("kept-directories", brick?.directories.count ?? 0)
        dump.add("kept-files", brick?.files.count ?? 0)
        return dump
    }

    // Locks are `features/locks`', above.
    public func inodelk(_ request: InodelkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        throw .notSupportedHere
    }
    public func entrylk(_ request: EntrylkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        throw .notSupportedHere
    }
    public func lk(_ request: LkRequest, in frame: Frame) async throws(FopError) -> LkReply { throw .notSupportedHere }
    public func ipc(_ request: IpcRequest, in frame: Frame) async throws(FopError) -> DoneReply { throw .notSupported }
}
