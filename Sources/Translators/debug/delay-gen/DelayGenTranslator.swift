import Synchronization
import TranslatorCore

/// `debug/delay-gen`: lets some fops wait before they go on. The wait suspends on the graph's clock and blocks no
/// thread; a request that is interrupted meanwhile answers EINTR. Source: GlusterFS `delay-gen.c`, its option names.
public final class DelayGenTranslator: EveryFop {
    public static let type: TranslatorType = "debug/delay-gen"
    public static let summary = "Delays a share of the fops, for tests."
    public static let needs: SubvolumeNeed = .exactly(1)
    public static let options: [OptionDeclaration] = [
        .percent("delay-percentage", default: "10%", "How many of the fops wait.").reconfigurable(),
        .integer("delay-duration", default: 100_000, in: 0...3_600_000_000, "How long they wait, in microseconds.")
            .reconfigurable(),
        .text("enable", default: nil, "The fops that may wait, separated by commas; all when not set.")
            .reconfigurable(),
        .integer("seed", default: 0, "Where the random numbers start. Not in GlusterFS."),
    ]
    private struct State: Sendable {
        var fops: FopSet
        /// 0…1 of the calls wait.
        var share: Double
        var delay: Duration
        var random: SeededRandom
        var delayed = 0

        mutating func next(_ fop: Fop) -> Duration? {
            guard fops.contains(fop), Double.random(in: 0..<1, using: &random) < share else { return nil }
            delayed += 1
            return delay
        }
    }
    public let volume: Volume
    private let state: Mutex<State>

    public init(_ volume: Volume) throws(VolfileError) {
        self.volume = volume
        let seed = UInt64(bitPattern: Int64(volume.options.integer("seed")))
        state = Mutex(try Self.state(volume.options, volume, SeededRandom(seed: seed)))
    }

    public func reconfigure(_ options: OptionValues) throws(VolfileError) {
        let new = try Self.state(options, volume, SeededRandom(seed: 0))
        state.withLock { ($0.fops, $0.share, $0.delay) = (new.fops, new.share, new.delay) }
    }

    private static func state(
        _ options: OptionValues, _ volume: Volume, _ random: SeededRandom
    ) throws(VolfileError) -> State {
        State(
            fops: options.isSet("enable") ? try volume.fopSet("enable", of: options) : .all,
            share: options.percent("delay-percentage") / 100,
            delay: .microseconds(options.integer("delay-duration")), random: random)
    }

    public func around<Request: FopRequest, Reply: FopReply>(
        _ fop: Fop, _ request: Request, in frame: Frame, _ next: () async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply {
        if let delay = state.withLock({ $0.next(fop) }) {
            do { try await volume.environment.time.sleep(for: delay) } catch { throw .interrupted }
        }
        return try await next()
    }

    public func dump() -> StateDump? {
        var dump = StateDump()
        dump.add("delayed", state.withLock { $0.delayed })
        return dump
    }
}
