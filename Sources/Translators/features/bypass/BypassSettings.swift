import TranslatorCore

/// `fsync`: how many replicas must hold the data before it returns.
enum SyncStrength: String, Sendable, CaseIterable {
    case local, quorum, all

    /// Of `count` replicas, how many beside the target. Whatever `quorum-type` says: ⌊n/2⌋ + 1 hold it.
    func sinksNeeded(of count: Int) -> Int {
        switch self {
        case .local: 0
        case .quorum: count / 2
        case .all: count - 1
        }
    }
}

/// `fsync-at`: when `fsync` keeps its promise without being called. Each includes those before it.
enum SyncMoment: String, Sendable, CaseIterable, Comparable {
    case fsync, close, unlock

    static func < (a: Self, b: Self) -> Bool { allCases.firstIndex(of: a)! < allCases.firstIndex(of: b)! }
}

/// The options of `features/bypass`, read.
struct BypassSettings: Sendable {
    var rules = BypassRules()
    let answersBusy: Bool
    let timing: BypassInodeState.Timing
    let fsync: SyncStrength
    let fsyncAt: SyncMoment
    let fsyncTimeout: Duration
    let attributeTimeout: Duration
    /// Nil: no limit.
    let lagMax: Duration?, backlogBytesMax: UInt64?
    let blocksOverLimit: Bool

    init(_ options: OptionValues) throws(OptionError) {
        func bound(_ name: String) -> UInt64? {
            let bytes = options.size(name)
            return bytes == 0 ? nil : UInt64(bytes)
        }
        rules.isDefault = options.flag("bypass-default")
        rules.rules = try BypassRules.parse(options.list("bypass-rules"))
        (rules.sizeMin, rules.sizeMax) = (bound("bypass-min-size"), bound("bypass-max-size"))
        rules.users = try BypassRules.parseOwners(options.list("bypass-users"), option: "bypass-users")
        rules.groups = try BypassRules.parseOwners(options.list("bypass-groups"), option: "bypass-groups")
        answersBusy = options.text("on-contention") == "busy"
        timing = .init(duration: options.duration("epoch-duration"), idle: options.duration("epoch-idle"))
        fsync = SyncStrength(rawValue: options.text("fsync"))!
        fsyncAt = SyncMoment(rawValue: options.text("fsync-at"))!
        fsyncTimeout = options.duration("fsync-timeout")
        attributeTimeout = options.duration("attribute-timeout")
        let lag = options.duration("max-lag")
        (lagMax, backlogBytesMax) = (lag == .zero ? nil : lag, bound("max-backlog"))
        blocksOverLimit = options.text("over-limit") == "block"
    }

    static let declarations: [OptionDeclaration] = [
        .text(
            "target", default: "auto",
            "The subvolume of the cluster/replicate below to write to, by name. auto: the only one whose brick is a directory of this machine."
        ),
        .flag(
            "bypass-default", default: true,
            "Whether files that no rule decides are written to the target alone; off: through replicate."
        ).reconfigurable(),
        .text(
            "bypass-rules", default: nil,
            "Patterns in order, the first that matches decides: +PATTERN bypasses, -PATTERN replicates, separated by commas. With a slash a pattern is about the path from the volume's root (* within a name, ** across names, ? one byte), without one about the last name. Example: -*.log,+/vm/**."
        ).reconfigurable(),
        .size(
            "bypass-min-size", default: "0",
            "Files that are smaller when an epoch would open go through replicate. 0: no bound."
        ).reconfigurable(),
        .size(
            "bypass-max-size", default: "0",
            "Files that are larger when an epoch would open go through replicate. 0: no bound."
        ).reconfigurable(),
        .text(
            "bypass-users", default: nil,
            "Only files of these owners are bypassed: numeric ids and ranges, 0,1000-1999. Unset: everybody's."
        ).reconfigurable(),
        .text("bypass-groups", default: nil, "Only files of these groups are bypassed; as bypass-users.")
            .reconfigurable(),
        .choice(
            "on-contention", default: "replicate", of: ["replicate", "busy"],
            "What a write gets while another mount holds the file's lease: replicate, the ordinary path, or busy, EBUSY."
        ).reconfigurable(),
        .duration(
            "epoch-duration", default: "50ms", in: .milliseconds(1) ... .seconds(60),
            "How long after its first write an epoch is closed, so that it can be healed. Grows by a 64th for each epoch not healed."
        ),
        .duration(
            "epoch-idle", default: "1", in: .milliseconds(10) ... .seconds(600),
            "How long after the last write of a file its epoch is closed without another."),
        .choice(
            "fsync", default: "local", of: SyncStrength.allCases.map(\.rawValue),
            "How many replicas hold the data when fsync returns: local, the target; quorum, more than half; all."
        ).reconfigurable(),
        .choice(
            "fsync-at", default: "fsync", of: SyncMoment.allCases.map(\.rawValue),
            "When as many replicas hold a file as fsync (quorum, all) says: at fsync; close, at each close of a file that was open for writing too; unlock, before a lock of such a file is given back too. For files that are shared with clients of other kinds."
        ).reconfigurable(),
        .duration(
            "fsync-timeout", default: "30", in: .milliseconds(1) ... .seconds(86_400),
            "How long fsync waits for the healer (quorum, all) before it answers EIO."
        ).reconfigurable(),
        .duration(
            "attribute-timeout", default: "1", in: .zero ... .seconds(60),
            "How long the target is believed to be readable after the replicas were asked. 0: they are asked every time."
        ).reconfigurable(),
        .duration(
            "max-lag", default: "300",
            "How old the oldest epoch of a file that is not healed may be; past it the file goes the way of over-limit until the age is half of it. 0: no limit."
        ).reconfigurable(),
        .size(
            "max-backlog", default: "0",
            "How many bytes this mount may have written that are not healed; past it all files go the way of over-limit until it is half of it. 0: no limit."
        ).reconfigurable(),
        .choice(
            "over-limit", default: "replicate", of: ["replicate", "block"],
            "What writes do past max-lag or max-backlog: go through replicate, or wait, until a signal to the program ends that with EINTR. With a replica down block acts as replicate."
        ).reconfigurable(),
    ]
}
