import ReplicaState
import TranslatorCore

/// The knobs of an engine, with the names that GlusterFS gives them where it has them.
public struct HealSettings: Equatable, Sendable {
    /// `data-self-heal-algorithm`. `auto`: compare first if any copy is non-empty.
    public enum Algorithm: String, Sendable, CaseIterable { case auto, diff, full }

    public var algorithm = Algorithm.auto
    /// `data-self-heal-window-size`: windows of 128 KiB in flight in one file, 1…1024.
    public var windowsInFlight = 8
    /// `shd-max-threads`: files healed at once, 1…64.
    public var filesInFlight = 4
    /// `heal-timeout`: between two walks of the indices. Zero: only at start, on a brick's return and when records were
    /// lost.
    public var crawlInterval = Duration.seconds(600)
    /// `index-interval`: between two looks at the names in the indices. Of what ordinary clients of the volume mark
    /// nobody tells, and they may find a brick that came back later than this healer does. Zero: never.
    public var glanceInterval = Duration.seconds(5)
    /// `favorite-child-policy`: whom to believe in a split-brain without asking.
    public var favorite = FavoriteChildPolicy.none
    /// Files that wait for their turn; what does not fit is left to the next crawl.
    public var waitingMax = 65_536
    /// How long journal and writers are asked, once in a heal.
    public var askTimeout = Duration.seconds(1)
    /// From a writer's death, or the loss of its connection, until its last epoch is believed to have ended.
    public var writerDrain = Duration.seconds(1)
    /// The same where nobody knows the writer: from when the epoch mark was first found free.
    public var unknownWriterDrain = Duration.seconds(5)
    /// The first pause after a failure; doubles up to `retryMax`.
    public var retryMin = Duration.seconds(1)
    public var retryMax = Duration.seconds(600)
    /// How long some replicas may lack a file that others have before that is a failure: it may be under way.
    public var nameSettles = Duration.seconds(1)
    /// Whole-file heals of one file under an open epoch: the first pause, doubled each time up to `retryMax`.
    public var wholeFilePause = Duration.seconds(1)
    /// A file whose copy took some time rests for eight times that time, once that time if little was copied, at most
    /// so long, before news of it starts the next heal: a writer that never pauses keeps most of processor and disk,
    /// and what it writes again meanwhile is copied once. A rest is over when the writer pauses. Zero: never. Whoever
    /// waits for a heal, an fsync or an operator, has it at once.
    public var restMax = Duration.seconds(2)

    /// First gfid bytes that this healer looks after, when several share a volume.
    public var share: ClosedRange<UInt8> = 0...255

    public init() {}
}

extension HealSettings {
    func planner(for replicas: HealReplicas) -> HealPlanner {
        HealPlanner(
            algorithm: algorithm == .auto ? nil : algorithm == .diff ? .diff : .full,
            quorum: replicas.replicaSet.quorum, favorite: favorite, local: replicas.localReplica)
    }
}
