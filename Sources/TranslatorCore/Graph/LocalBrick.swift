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
    /// What `trusted.glusterfs.volume-id` of the root says, once started; nil for a brick without one. That all bricks
    /// of a volume agree is for the mount to check.
    var volumeID: Gfid? { get }
    /// Gives a started brick that has no volume-id this one, and answers the one it has now: another process may have
    /// been faster. Throws what the file system says.
    func adopt(volumeID: Gfid) throws(FopError) -> Gfid

    /// Takes the lock under which every xattrop on `gfid` runs, in all processes that opened this directory. A wait
    /// suspends; it is never long, because holders do a few system calls. Not recursive. Use `withXattropLock`.
    func lockXattrops(on gfid: Gfid) async throws(FopError) -> XattropLock
    func unlock(_ lock: XattropLock)
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
