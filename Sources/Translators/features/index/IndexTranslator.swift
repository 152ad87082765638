import CPosix
import Glibc
import TranslatorCore

/// `features/index`: keeps a list of the gfids whose pending or dirty counts are not zero, so that a healer need not
/// walk the brick; and of the names touched in directories that missed something.
///
/// Stands on `storage/posix`, whose xattrop lock makes entry, count and entry's removal one step across processes. The
/// lists are read and cleaned by fops on virtual directories. Source: gluster-disk-format.md §2.1, gluster-wire.md §10,
/// §11.
public final class IndexTranslator: Translator {
    public static let type: TranslatorType = "features/index"
    public static let summary = "Lists the files whose replicas may differ."
    public static let needs: SubvolumeNeed = .exactly(1)
    public static let options: [OptionDeclaration] = [
        .path("index-base", default: nil, "Directory of the indices; by default .glusterfs/indices of the brick."),
        .text(
            "xattrop-pending-watchlist", default: "",
            "Prefixes of the xattrs that count what replicas missed; given by cluster/replicate where it is empty."),
        .text(
            "xattrop-dirty-watchlist", default: "trusted.afr.dirty",
            "Prefixes of the xattrs that mark what is under way."),
    ]

    public let volume: Volume
    let pending: XattropWatch
    let dirty: XattropWatch
    /// What makes each index a directory of this graph: random, so that a number of an earlier process means nothing.
    let virtualGfids: [IndexKind: Gfid]
    let folder: IndexFolder
    let brick: any LocalBrick

    public init(_ volume: Volume) throws(VolfileError) {
        self.volume = volume
        do throws(OptionError) {
            pending = try XattropWatch(volume.options.text("xattrop-pending-watchlist"))
            dirty = try XattropWatch(volume.options.text("xattrop-dirty-watchlist"))
        } catch {
            throw volume.error("watch list \(error)")
        }
        guard let brick = volume.firstSubvolume.localBrick else {
            throw volume.error(
                "features/index needs a storage/posix below it; bricks that are reached by network keep their own index"
            )
        }
        self.brick = brick
        virtualGfids = Dictionary(uniqueKeysWithValues: IndexKind.allCases.map { ($0, .random()) })
        folder = IndexFolder(
            path: volume.options.text(ifSet: "index-base") ?? brick.brickDirectory + "/.glusterfs/indices")
    }

    public func start() async throws(VolfileError) {
        // Of a brick that is away they are made when it comes, by the first entry.
        do throws(FopError) {
            if brick.isServing { try folder.prepare() }
        } catch {
            throw volume.error("cannot make the index directories in \(folder.path): \(error)")
        }
        if pending.prefixes.isEmpty {
            volume.log(.warning, "xattrop-pending-watchlist is empty: nothing will be listed for healing")
        }
    }

    public func dump() -> StateDump? {
        StateDump([
            ("index-base", .text(folder.path)),
            ("pending-watchlist", .list(pending.prefixes.map { .text($0) })),
            ("dirty-watchlist", .list(dirty.prefixes.map { .text($0) })),
        ])
    }
}
