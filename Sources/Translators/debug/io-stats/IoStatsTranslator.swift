import Synchronization
import TranslatorCore

/// `debug/io-stats`: counts what passes, by fop: calls, failures, bytes, and how long each took, in powers of two.
/// With both options off a fop costs one load. Source: GlusterFS `io-stats.c`, its option names.
public final class IoStatsTranslator: EveryFop {
    public static let type: TranslatorType = "debug/io-stats"
    public static let summary = "Counts fops, bytes and latencies; usually the top of a volume."
    public static let needs: SubvolumeNeed = .exactly(1)
    public static let options: [OptionDeclaration] =
        [
            .flag("latency-measurement", default: false, "Measure how long each fop takes.").reconfigurable(),
            .flag("count-fop-hits", default: false, "Count calls, failures and bytes of each fop.").reconfigurable(),
        ] + others

    /// Those of dumps to files, of the log (a mount's own options say that here) and of GlusterFS's threads.
    private static let others: [OptionDeclaration] = [
        "unique-id", "dump-fd-stats", "ios-dump-interval", "ios-dump-format", "ios-sample-interval",
        "ios-sample-buf-size", "ios-dnscache-ttl-sec", "log-level", "client-log-level", "brick-log-level",
        "sys-log-level", "logger", "client-logger", "brick-logger", "log-format", "client-log-format",
        "brick-log-format", "log-buf-size", "client-log-buf-size", "brick-log-buf-size", "log-flush-timeout",
        "client-log-flush-timeout", "brick-log-flush-timeout", "global-threading", "threads", "brick-threads",
        "client-threads", "noop", "volume-id", "fd-hard-limit",
    ].map { .value($0, .any, default: nil, "Accepted for GlusterFS's volfiles; not used.").reconfigurable() }
    private static let countsBit: UInt8 = 1, measuresBit: UInt8 = 2

    public let volume: Volume
    private let mode: Atomic<UInt8>
    /// By the fop's number.
    private let statistics: [FopStatistics]

    public init(_ volume: Volume) throws(VolfileError) {
        self.volume = volume
        mode = Atomic(Self.mode(volume.options))
        statistics = (0...Fop.allCases.map(\.rawValue).max()!).map { _ in FopStatistics() }
    }

    public func reconfigure(_ options: OptionValues) throws(VolfileError) {
        mode.store(Self.mode(options), ordering: .relaxed)
    }

    private static func mode(_ options: OptionValues) -> UInt8 {
        (options.flag("count-fop-hits") ? countsBit : 0) | (options.flag("latency-measurement") ? measuresBit : 0)
    }

    public func around<Request: FopRequest, Reply: FopReply>(
        _ fop: Fop, _ request: Request, in frame: Frame, _ next: () async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply {
        let mode = mode.load(ordering: .relaxed)
        guard mode != 0 else { return try await next() }
        let counters = statistics[fop.rawValue]
        let start = mode & Self.measuresBit != 0 ? volume.environment.time.now() : nil
        do throws(FopError) {
            let reply = try await next()
            ended(counters, bytes: max(request.payloadBytes, reply.payloadBytes), failed: false, since: start)
            return reply
        } catch {
            ended(counters, bytes: 0, failed: true, since: start)
            throw error
        }
    }

    private func ended(_ counters: FopStatistics, bytes: Int, failed: Bool, since start: MonotonicTime?) {
        counters.ended(bytes: bytes, failed: failed)
        if let start { counters.took(volume.environment.time.now() - start) }
    }

    // The hot path, without the generic detour while nothing is counted.
    public func readv(_ read: ReadRequest, in frame: Frame) async throws(FopError) -> ReadReply {
        guard mode.load(ordering: .relaxed) != 0 else { return try await subvolume.readv(read, in: frame) }
        return try await around(.readv, read, in: frame) { () async throws(FopError) in
            try await subvolume.readv(read, in: frame)
        }
    }
    public func writev(_ write: WriteRequest, in frame: Frame) async throws(FopError) -> WriteReply {
        guard mode.load(ordering: .relaxed) != 0 else { return try await subvolume.writev(write, in: frame) }
        return try await around(.writev, write, in: frame) { () async throws(FopError) in
            try await subvolume.writev(write, in: frame)
        }
    }

    public func dump() -> StateDump? {
        var dump = StateDump()
        for fop in Fop.allCases {
            if let counted = statistics[fop.rawValue].dump() { dump.add(fop.name, counted) }
        }
        return dump
    }
}
