import TranslatorCore

/// `cluster/distribute` over one subvolume, which then has every file: it passes on what it is given, and gives new
/// directories the layout that GlusterFS's own clients look for.
///
/// Over several it would have to hash names; `SubvolumeNeed` refuses that. Source: GlusterFS `dht-layout.c`;
/// gluster-wire.md §7, MKDIR.
public final class DistributeTranslator: Translator {
    public static let type: TranslatorType = "cluster/distribute"
    public static let aliases: [TranslatorType] = ["cluster/dht"]
    public static let summary =
        "Puts every file on its one subvolume; its directories are laid out as GlusterFS has it."
    public static let needs: SubvolumeNeed = .exactly(1)
    public static let options: [OptionDeclaration] = [
        "assert-no-child-down", "decommissioned-bricks", "directory-layout-spread", "du-refresh-interval-sec",
        "extra-hash-regex", "force-migration", "lock-migration", "lookup-optimize", "lookup-unhashed", "min-free-disk",
        "min-free-inodes", "randomize-hash-range-by-gfid", "readdir-optimize", "rebal-throttle", "rebalance-filter",
        "rebalance-stats", "rsync-hash-regex", "unhashed-sticky-bit", "use-readdirp", "weighted-rebalance",
        "xattr-name",
    ].map { .value($0, .any, default: nil, "Accepted for GlusterFS's volfiles; not used.").reconfigurable() }

    /// Key and value of a directory's layout: the whole range of hashes is this subvolume's. Four big-endian u32:
    /// commit hash, type, first and last hash.
    static let layoutKey = "trusted.glusterfs.dht"
    static let wholeLayout: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]

    public let volume: Volume
    public init(_ volume: Volume) throws(VolfileError) { self.volume = volume }

    public func mkdir(_ request: MkdirRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        var request = request
        request.entry.xdata[Self.layoutKey] = .bytes(Self.wholeLayout)
        return try await subvolume.mkdir(request, in: frame)
    }
}
