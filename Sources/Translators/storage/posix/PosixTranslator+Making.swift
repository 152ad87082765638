import CPosix
import Glibc
import TranslatorCore

/// What a replica set asks before the start, and how two processes that start at once make one volume and not two.
extension PosixTranslator {
    public func sight() throws(VolfileError) -> BrickSight {
        do throws(BrickRefusal) {
            let root = try PosixBrick.openRoot(settings.directory)
            if let id = try PosixBrick.checkIdentity(root, wanted: settings.volumeID) { return .brick(id) }
            return .blank(intended: PosixBrick.intent(root))
        } catch {
            guard error.mayPass else { throw refusal(error) }
            return .away(error.message)
        }
    }

    public func claim() throws(FopError) -> (any BrickClaim)? { try DirectoryClaim(self) }
}

/// A BSD lock (flock(2)) on the directory itself, which works before there is anything in it.
private final class DirectoryClaim: BrickClaim {
    private let root: BrickObject
    private let posix: PosixTranslator

    init?(_ posix: PosixTranslator) throws(FopError) {
        self.posix = posix
        root = BrickObject(
            open: try PosixCall.run { cposix_open(posix.brickDirectory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) })
        let number = root.number
        guard try PosixCall.run(nilFor: EWOULDBLOCK, { flock(number, LOCK_EX | LOCK_NB) }) != nil else { return nil }
    }

    func intend(_ volumeID: Gfid) throws(VolfileError) {
        do throws(BrickRefusal) {
            try PosixBrick.checkXattrs(root)
            do throws(FopError) {
                try root.setXattr(PosixBrick.intentKey, volumeID.bytes)
                try PosixCall.run { Glibc.fsync(root.number) }
            } catch {
                throw BrickRefusal("cannot become a brick: \(error)")
            }
        } catch { throw posix.refusal(error) }
    }
}

extension PosixBrick {
    /// 16 bytes: the volume-id of which a first start chose this directory. All bricks of the volume have it, down to
    /// the disk, before the first of them gets `trusted.glusterfs.volume-id`, and it goes with that. So a directory
    /// that has neither, beside a brick that has the latter, is not the one that was chosen: its file system is not
    /// mounted.
    static let intentKey = "trusted.bypass.intended-volume-id"

    static func intent(_ root: BrickObject) -> Gfid? {
        (try? root.xattr(intentKey)).flatMap(\.self).flatMap { Gfid(bytes: $0) }
    }
}
