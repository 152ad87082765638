import TranslatorCore

/// The translators of client volfiles of GlusterFS 10, and what becomes of each in a graph of ours. One that is not
/// known is refused: to leave out what changes names or data would show another volume.
/// Source: volfiles that glusterd 10.3 made, in the tests' resources.
enum GlusterTranslators {
    enum Treatment {
        case serve
        /// Left out; the volume below stands in its place.
        case passThrough
    }
    static let client: TranslatorType = "protocol/client"
    static let replicate: TranslatorType = "cluster/replicate"
    /// Ours, which we put in.
    static let bypass: TranslatorType = "features/bypass", direct: TranslatorType = "performance/direct"

    private static let served: Set<TranslatorType> = [
        replicate, "cluster/distribute", "protocol/client", "features/utime", "debug/io-stats", "debug/trace",
        "debug/error-gen", "debug/delay-gen",
    ]
    /// Beside `performance/`, whose caches are the kernel's business in our mounts. Without `features/snapview-client`
    /// the directory `.snaps` is missing, and nothing else.
    private static let passedThrough: Set<TranslatorType> = ["meta", "features/snapview-client"]
    /// The one of `performance/` that is served: the kernel waits for each write of a process. Not above
    /// `features/bypass`, which promises that a write that was answered is on its target, marked and told to the
    /// healer, and with `fsync` how far beyond: an answer before that would take the promise back. Nor under the
    /// kernel's writeback cache, which has answered and gathered them already.
    static let writeBehind: TranslatorType = "performance/write-behind"

    private static let genuine = "mount it with \"mount -t glusterfs\""

    /// Throws one sentence for what cannot be served.
    static func treatment(
        of block: Volfile.VolumeBlock, servesWriteBehind: Bool
    ) throws(VolfileError) -> Treatment {
        if block.type == writeBehind, servesWriteBehind { return .serve }
        if block.type.hasPrefix("performance/") || passedThrough.contains(block.type), !block.subvolumes.isEmpty {
            return .passThrough
        }
        switch block.type {
        case "cluster/distribute", "cluster/nufa", "cluster/switch":
            guard block.subvolumes.count > 1 || block.type != "cluster/distribute" else { return .serve }
            throw block.refused(
                "spreads files over \(block.subvolumes.count) subvolumes, which volmount cannot do; \(genuine) (healer heals such volumes)"
            )
        case "cluster/disperse":
            throw block.refused("keeps files as fragments, which volmount cannot join; \(genuine)")
        case "features/shard":
            throw block.refused(
                "cuts files into pieces, which volmount cannot join; \(genuine), as long as the volume has such files")
        case replicate:
            try refuseArbiter(block)
            return .serve
        case _ where block.type.hasPrefix("encryption/"):
            throw block.refused("keeps files encrypted, which volmount cannot read; \(genuine)")
        case _ where served.contains(block.type): return .serve
        default: throw block.refused("is nothing that volmount can serve or leave out; \(genuine)")
        }
    }

    static func refuseArbiter(_ block: Volfile.VolumeBlock) throws(VolfileError) {
        guard block.option("arbiter-count").map({ $0 != "0" }) == true || block.option("thin-arbiter") != nil else {
            return
        }
        throw block.refused(
            "has an arbiter, which holds no data to read or heal from and is not supported; use glusterfs's own mount and self-heal daemon"
        )
    }
}

extension Volfile.VolumeBlock {
    func refused(_ why: String) -> VolfileError { VolfileError(location, "volume \"\(name)\": \(type) \(why)") }
}
