import Synchronization
import TranslatorCore

/// `performance/write-behind`: answers writes when they are in the window of their file and sends them while the caller
/// goes on, many at a time; small neighbours as one.
///
/// What a process of this mount sees is as if every write had been done when it was answered: whatever reads, measures
/// or changes a file waits for those that it depends on. A failure is told to the next write, fsync or flush of the
/// same fd, once; one that nobody was told of, to the next one of the same file. What fsync answers is on the volume.
///
/// Two deviations from GlusterFS, both to the safe side: without `resync-failed-syncs-after-fsync` a failed write is
/// told at the next chance instead of being tried again until an fsync, and where POSIX locks were taken a flush is
/// done before it is answered, because it lets go of them. Other clients see writes as late as GlusterFS has them.
/// Source: `gluster volume set help`; the options of volfiles that glusterd 10.3 makes.
public final class WriteBehindTranslator: Translator {
    public static let type: TranslatorType = "performance/write-behind"
    public static let summary = "Answers writes before they are done, and sends them in the background."
    public static let needs: SubvolumeNeed = .exactly(1)
    public static let options: [OptionDeclaration] = [
        .size(
            "cache-size", default: "1MB", in: (512 << 10)...(1 << 30),
            "How much of one file may be answered and not done; more waits."
        ).alias("window-size").reconfigurable(),
        .flag("flush-behind", default: true, "close(2) is answered before what was written is done.").reconfigurable(),
        .flag(
            "trickling-writes", default: true,
            "A small write goes at once when no other of its file is under way; else it waits to be joined."
        ).reconfigurable(),
        .size(
            "aggregate-size", default: "128KB", in: 0...(1 << 30),
            "Small writes that follow one another become one up to this."
        ).reconfigurable(),
        .flag("strict-O_DIRECT", default: false, "Writes with O_DIRECT are done before they are answered.")
            .reconfigurable(),
        .flag(
            "strict-write-ordering", default: false,
            "Writes of one file are done one after the other, not only those that overlap."
        ).reconfigurable(),
        .flag(
            "resync-failed-syncs-after-fsync", default: false,
            "What failed is kept and tried again, until a flush; fsync fails nonetheless."
        ).reconfigurable(),
        .flag("pass-through", default: false, "Every write is done before it is answered.").reconfigurable(),
    ]

    /// Writes of one file on the subvolume at once: enough to keep bricks busy.
    private static let underWayMax = 64
    /// Answered and not done, of all files: what is beyond is done before it is answered.
    static let chargedMax = 256 << 20

    struct Settings {
        let limits: WriteBehindInode.Pending.Limits
        let flushesBehind: Bool, isDirectStrict: Bool, passesThrough: Bool
    }

    public let volume: Volume
    private let taken: Mutex<Settings>
    let counters = WriteBehindCounters()
    let dirty = DirtyInodes()
    /// Flushes that were answered and may still be under way, the last one of each open fd.
    let flushes = Mutex<[ObjectIdentifier: Task<Void, Never>]>([:])
    /// Of all files together.
    let charged = Atomic<Int>(0)
    /// Writes done since the start: tells whether an answer from below may be older than one of them.
    let settled = Atomic<UInt64>(0)

    public init(_ volume: Volume) throws(VolfileError) {
        self.volume = volume
        taken = Mutex(Self.settings(volume.options))
    }

    var settings: Settings { taken.withLock { $0 } }

    private static func settings(_ options: OptionValues) -> Settings {
        Settings(
            limits: WriteBehindInode.Pending.Limits(
                windowBytes: options.size("cache-size"), aggregateBytes: options.size("aggregate-size"),
                underWayMax: underWayMax, trickles: options.flag("trickling-writes"),
                isStrict: options.flag("strict-write-ordering"),
                resyncs: options.flag("resync-failed-syncs-after-fsync")),
            flushesBehind: options.flag("flush-behind"), isDirectStrict: options.flag("strict-O_DIRECT"),
            passesThrough: options.flag("pass-through"))
    }

    public func reconfigure(_ options: OptionValues) throws(VolfileError) {
        let new = Self.settings(options)
        taken.withLock { $0 = new }
        for inode in volume.environment.inodes.living {
            guard let context = context(inode) else { continue }
            let wakes = change(context) { $0.adopt(new.limits) }
            for (waiter, answer) in wakes { waiter.resume(returning: answer) }
            sendSoon(context)
        }
    }

    /// Nothing is answered any more that is not done.
    public func stop() async {
        await drain()
        for flush in flushes.withLock({ Array($0.values) }) { await flush.value }
    }

    /// What was answered until now is done, or has failed for good.
    public func drain() async { for context in dirty.all { await settle(context, forgets: true) } }

    public func dump() -> StateDump? {
        var dump = StateDump()
        dump.add("pending-bytes", charged.load(ordering: .relaxed))
        dump.add("dirty-files", dirty.all.count)
        dump.add("written-behind", Int(counters.taken.value))
        dump.add("written-through", Int(counters.writtenThrough.value))
        dump.add("waited-for-room", Int(counters.waitedForRoom.value))
        dump.add("sent", Int(counters.sent.value))
        dump.add("failed", Int(counters.failed.value))
        dump.add("failures-nobody-was-told", Int(counters.untold.value))
        dump.add("flushed-behind", Int(counters.flushedBehind.value))
        return dump
    }
}
