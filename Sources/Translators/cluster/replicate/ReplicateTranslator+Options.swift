import ReplicaState
import TranslatorCore

extension ReplicateTranslator {
    /// GlusterFS's names. Those of client-side heals, of latency-aware ("halo") clusters and of the self-heal daemon
    /// are here because genuine volfiles have them; this translator never heals and does not look at them.
    public static let options: [OptionDeclaration] = replicas + writing + reading + healing + others

    private static let replicas: [OptionDeclaration] = [
        .text("volume-id", default: nil, "The volume's UUID. Without it the bricks' own is used."),
        .text(
            "afr-pending-xattr", default: nil,
            "For each subvolume, in order and separated by commas, the name under which others count what it missed. "
                + "Without it, their own names."),
        .choice(
            "quorum-type", default: nil, of: ["none", "auto", "fixed"],
            "How many replicas must take part in a change: any, more than half (or half with the first), or quorum-count. "
                + "Default: auto for three replicas and more, none for two."
        ).reconfigurable(),
        .integer("quorum-count", default: nil, in: 1...Int(Int32.max), "Replicas that quorum-type fixed asks for.")
            .reconfigurable(),
        .flag("quorum-reads", default: false, "Reads, too, fail without quorum.").reconfigurable(),
        .integer("arbiter-count", default: 0, in: 0...1, "Must be 0: arbiters are not supported."),
        .text("thin-arbiter", default: nil, "Must not be set: thin arbiters are not supported."),
    ]

    private static let writing: [OptionDeclaration] = [
        .flag("eager-lock", default: true, "Keep an inode's data lock and mark from one write to the next.")
            .reconfigurable(),
        .duration(
            "post-op-delay-secs", default: "1", in: .zero ... .seconds(Int(Int32.max)),
            "How long after the last write the data lock and the mark are kept. 0: not at all."
        ).reconfigurable(),
        .flag(
            "ensure-durability", default: true,
            "Data reaches the disk before the mark that covers it is taken off."
        ).reconfigurable(),
        .flag(
            "optimistic-change-log", default: true, "Names and metadata are marked only when a replica missed a change."
        )
        .reconfigurable(),
        .flag("granular-entry-heal", default: false, "Note which names in a directory a replica missed.")
            .reconfigurable(),
        .flag("consistent-metadata", default: false, "Writes answer no attributes, which may differ between replicas.")
            .reconfigurable(),
    ]

    private static let reading: [OptionDeclaration] = [
        .translator("read-subvolume", default: nil, "Read from this subvolume where it is good.").reconfigurable(),
        .integer("read-subvolume-index", default: -1, in: -1...Int(Int32.max), "The same by position; -1: none.")
            .reconfigurable(),
        .flag("choose-local", default: true, "Else read from a brick on this machine.").reconfigurable(),
        .integer(
            "read-hash-mode", default: 1, in: 0...5,
            "Else: 0 the first good replica, 1 one chosen by gfid, 2 by gfid and client; 3 to 5 act as 1."
        ).reconfigurable(),
    ]

    private static let healing: [OptionDeclaration] = [
        .choice(
            "data-self-heal-algorithm", default: nil, of: ["diff", "full"],
            "For healers: compare before copying, or copy all. Without it: diff if any copy is not empty."
        ).reconfigurable(),
        .integer(
            "data-self-heal-window-size", default: 8, in: 1...1024,
            "For healers: windows of 128 KiB in flight per file."
        ).reconfigurable(),
        .choice(
            "favorite-child-policy", default: "none", of: FavoriteChildPolicy.allCases.map(\.rawValue),
            "For healers: whom to believe in a split-brain."
        ).reconfigurable(),
        .flag("use-anonymous-inode", default: false, "For healers: expunged directories wait in a hidden one.")
            .reconfigurable(),
        .value("data-self-heal", .text, default: "off", "Heals by clients: accepted, never done.").reconfigurable(),
        .flag("metadata-self-heal", default: false, "Heals by clients: accepted, never done.").reconfigurable(),
        .value("entry-self-heal", .text, default: "off", "Heals by clients: accepted, never done.").reconfigurable(),
        .flag("self-heal-daemon", default: true, "For healers.").reconfigurable(),
        .flag("iam-self-heal-daemon", default: false, "For healers."),
        .text("node-uuid", default: nil, "For healers."),
        .text("iam-nfs-daemon", default: nil, "Not used."),
        .flag("metadata-splitbrain-forced-heal", default: false, "For healers.").reconfigurable(),
    ]

    private static let others: [OptionDeclaration] =
        [
            .flag("halo-enabled", default: false, "Write to near replicas only.")
                .without("every replica is written, however slow").reconfigurable()
        ]
        + [
            "background-self-heal-count", "heal-wait-queue-length", "heal-timeout", "self-heal-readdir-size",
            "self-heal-window-size", "shd-max-threads", "shd-wait-qlength", "data-change-log", "metadata-change-log",
            "entry-change-log", "strict-readdir", "inodelk-trace", "entrylk-trace", "pre-op-compat", "full-lock",
            "locking-scheme", "consistent-io", "use-compound-fops", "afr-dirty-xattr", "metadata-lock-server-count",
            "data-lock-server-count", "entry-lock-server-count", "halo-shd-max-latency",
            "halo-nfsd-max-latency", "halo-max-latency", "halo-max-replicas", "halo-min-replicas",
            "halo-failover-enabled", "halo-min-samples", "favorite-child", "check-self-heal", "full-lock-enable",
            "transaction-trace",
        ].map { .value($0, .any, default: nil, "Accepted for GlusterFS's volfiles; not used.").reconfigurable() }
}

/// The options that fops look at, as one value.
struct ReplicateSettings: Sendable {
    let quorum: QuorumRule
    let readsNeedQuorum: Bool
    let locksEagerly: Bool
    let postOpDelay: Duration
    let ensuresDurability: Bool
    let isOptimistic: Bool
    let notesNames: Bool
    let hidesWriteAttributes: Bool
    /// The replica to read from where it is good.
    let favorite: Int?
    let readHashMode: Int

    init(_ options: OptionValues, of volume: Volume) throws(VolfileError) {
        guard options.integer("arbiter-count") == 0, !options.isSet("thin-arbiter") else {
            throw volume.error(
                "a replica set with an arbiter is not supported: its arbiter holds no data to read or heal from")
        }
        quorum = try Self.quorum(options, of: volume)
        readsNeedQuorum = options.flag("quorum-reads")
        locksEagerly = options.flag("eager-lock")
        postOpDelay = locksEagerly ? options.duration("post-op-delay-secs") : .zero
        ensuresDurability = options.flag("ensure-durability")
        isOptimistic = options.flag("optimistic-change-log")
        notesNames = options.flag("granular-entry-heal")
        hidesWriteAttributes = options.flag("consistent-metadata")
        readHashMode = options.integer("read-hash-mode")
        favorite = try Self.favorite(options, of: volume)
    }

    private static func quorum(_ options: OptionValues, of volume: Volume) throws(VolfileError) -> QuorumRule {
        let count = volume.subvolumes.count
        switch options.text(ifSet: "quorum-type") ?? (count > 2 ? "auto" : "none") {
        case "auto": return .auto
        case "fixed":
            guard options.isSet("quorum-count") else {
                throw volume.error("quorum-type fixed needs option \"quorum-count\"")
            }
            let needed = options.integer("quorum-count")
            guard needed <= count else {
                throw volume.error("quorum-count is \(needed), but there are only \(count) subvolumes")
            }
            return .fixed(needed)
        default: return .none
        }
    }

    private static func favorite(_ options: OptionValues, of volume: Volume) throws(VolfileError) -> Int? {
        if let name = options.text(ifSet: "read-subvolume") {
            guard let position = volume.subvolumes.firstIndex(where: { $0.name == name }) else {
                throw volume.error("option \"read-subvolume\" names \"\(name)\", which is none of its subvolumes")
            }
            return position
        }
        let index = options.integer("read-subvolume-index")
        guard index < volume.subvolumes.count else {
            throw volume.error(
                "read-subvolume-index is \(index), but the last subvolume is \(volume.subvolumes.count - 1)")
        }
        if index >= 0 { return index }
        guard options.flag("choose-local") else { return nil }
        return volume.subvolumes.firstIndex { $0.localBrick != nil }
    }
}
