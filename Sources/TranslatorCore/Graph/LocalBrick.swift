/// A translator whose brick directory is on this machine: `storage/posix`. What stands above reaches it through the
/// translators in between, to put lock files and journals under the brick's `.glusterfs/bypass/`.
public protocol LocalBrick: Translator {
    /// The brick's root, an absolute path.
    var brickDirectory: String { get }
    /// Whether this process serves it: then no fop waits for another one, and it is up once it has started. False for
    /// a brick that another process serves and this one visits (`VisitedBrick`).
    var isServedHere: Bool { get }
    /// Whether the brick's file system journals its metadata in the order in which it was changed, so that after a
    /// power cut whatever is seen of a change includes every change before it: ext4 with a journal, xfs. False where
    /// that is not known.
    var ordersMetadata: Bool { get }
    /// What `trusted.glusterfs.volume-id` of the root says, and before the start what the volfile wants there; nil for
    /// neither. That all bricks of a volume agree is for the replica set to check.
    var volumeID: Gfid? { get }
    /// Gives a started brick that has no volume-id this one, and answers the one it has now: another process may have
    /// been faster. Throws what the file system says.
    func adopt(volumeID: Gfid) throws(FopError) -> Gfid
    /// Whether the directory is open and answers fops.
    var isServing: Bool { get }

    // Before the start, by the replica set that it belongs to.

    /// What stands in its directory's place now. Throws what nobody gets a brick from, however long it is waited for.
    func sight() throws(VolfileError) -> BrickSight
    /// Keeps other processes that want to make a brick here waiting until the answer is let go. Nil: one of them has
    /// it.
    func claim() throws(FopError) -> (any BrickClaim)?
    /// How `start` is to go about it. Without an order, whatever keeps the directory from being opened is thrown.
    func order(_ order: BrickOrder)

    /// Takes the lock under which every xattrop on `gfid` runs, in all processes that opened this directory. A wait
    /// suspends; it is never long, because holders do a few system calls. Not recursive. Use `withXattropLock`.
    func lockXattrops(on gfid: Gfid) async throws(FopError) -> XattropLock
    func unlock(_ lock: XattropLock)
}

/// What stands where a brick should be, as found before it is opened.
public enum BrickSight: Equatable, Sendable {
    /// A brick of this volume-id.
    case brick(Gfid)
    /// A directory without volume-id. `intended` for a volume whose first start ended in between.
    case blank(intended: Gfid?)
    /// Nothing that could be opened now, and why: the end of a sentence that begins with its directory.
    case away(String)

    /// Why a blank one is as good as away where the volume has bricks.
    public static let blankBesideOthers =
        "has no volume-id, and other bricks of the volume have: is its file system mounted? To make a new, empty brick of it: --create"
}

/// The right to make a brick of a directory, among all processes: given back when it is let go.
public protocol BrickClaim: AnyObject, Sendable {
    /// Says on disk, down to the disk, that this directory was chosen for the volume. Throws one sentence.
    func intend(_ volumeID: Gfid) throws(VolfileError)
}

/// How a brick is to be started that stands under a replica set: then the others go on without it.
public struct BrickOrder: Sendable {
    /// Of the brick, or of the one that it is to become.
    public let volumeID: Gfid
    /// Lay it out, for `adopt`. False: it is away as long as its directory has no volume-id.
    public let isMade: Bool
    /// Asked before a brick is opened that was away: what else keeps it from being one, such as another brick's place.
    public let check: @Sendable () throws(VolfileError) -> Void

    public init(volumeID: Gfid, isMade: Bool, check: @escaping @Sendable () throws(VolfileError) -> Void) {
        (self.volumeID, self.isMade, self.check) = (volumeID, isMade, check)
    }
}

/// Says that its bearer holds the xattrop lock of `gfid`. Handed down in `XattropRequest.lock`, it keeps
/// `storage/posix` from taking the lock again.
public struct XattropLock: Sendable, Equatable {
    public let gfid: Gfid
    /// For `LocalBrick.lockXattrops` only.
    public init(gfid: Gfid) { self.gfid = gfid }
}

extension LocalBrick {
    public var isServedHere: Bool { true }

    /// Runs `body` under the xattrop lock of `gfid`, across processes. `features/index` does its three steps in it:
    /// insert the index entry, wind the xattrop with `lock` set, drop the entry.
    public func withXattropLock<Result>(
        on gfid: Gfid, _ body: (XattropLock) async throws(FopError) -> Result
    ) async throws(FopError) -> Result {
        let lock = try await lockXattrops(on: gfid)
        defer { unlock(lock) }
        return try await body(lock)
    }
}

/// A local brick that another process serves, opened beside it for the data of open files alone: `storage/posix` with
/// `visiting`.
public protocol VisitedBrick: LocalBrick {
    /// Opens the directory; anew where it is open already, because another may stand in its place by now. Answers a
    /// number that changes whenever it is another one than before: files opened earlier are not in it. Throws why it
    /// cannot be a brick of this volume.
    func visit() throws(VolfileError) -> UInt64
}

extension Translator {
    /// The local brick below, if every translator on the way down has one subvolume, or knows which of them it is.
    public var localBrick: (any LocalBrick)? {
        if let brick = self as? any LocalBrick { return brick }
        return subvolumes.count == 1 ? subvolume.localBrick : nil
    }

    /// Whether the brick below is a directory that this process serves itself.
    public var isBrickServedHere: Bool { localBrick?.isServedHere == true }
}
