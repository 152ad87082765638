import Synchronization
import TranslatorCore

/// `debug/error-gen`: fails some fops before the subvolume hears of them. Each `100 / failure`th call fails, or with
/// `random-failure` each call by chance; the same `seed` and the same calls give the same faults.
/// Source: GlusterFS `error-gen.c`, its option names.
public final class ErrorGenTranslator: EveryFop {
    public static let type: TranslatorType = "debug/error-gen"
    public static let summary = "Fails a share of the fops, for tests."
    public static let needs: SubvolumeNeed = .exactly(1)
    public static let options: [OptionDeclaration] = [
        .percent("failure", default: "10%", "How many of the fops fail.").reconfigurable(),
        .text("error-no", default: nil, "The errno, such as ENOSPC; when not set, one that fits the fop is drawn.")
            .reconfigurable(),
        .text("enable", default: nil, "The fops that may fail, separated by commas; all when not set.")
            .reconfigurable(),
        .flag("random-failure", default: false, "Fail by chance instead of at equal distances.").reconfigurable(),
        .integer("seed", default: 0, "Where the random numbers start. Not in GlusterFS."),
    ]
    public let volume: Volume
    private let faults: Mutex<FaultPlan>

    public init(_ volume: Volume) throws(VolfileError) {
        self.volume = volume
        let seed = UInt64(bitPattern: Int64(volume.options.integer("seed")))
        faults = Mutex(FaultPlan(seed: seed, settings: try Self.settings(volume.options, volume)))
    }

    public func reconfigure(_ options: OptionValues) throws(VolfileError) {
        let settings = try Self.settings(options, volume)
        faults.withLock { $0.settings = settings }
    }

    private static func settings(_ options: OptionValues, _ volume: Volume) throws(VolfileError) -> FaultPlan.Settings {
        var error: FopError?
        if let name = options.text(ifSet: "error-no") {
            error = FopError(name: name)
            guard error != nil else {
                throw volume.error("option \"error-no\": \"\(name)\" is no errno; write ENOSPC or 28")
            }
        }
        return FaultPlan.Settings(
            fops: options.isSet("enable") ? try volume.fopSet("enable", of: options) : .all,
            share: options.percent("failure") / 100, isRandom: options.flag("random-failure"), error: error)
    }

    public func around<Request: FopRequest, Reply: FopReply>(
        _ fop: Fop, _ request: Request, in frame: Frame, _ next: () async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply {
        if let error = faults.withLock({ $0.next(fop) }) {
            volume.log(.debug, "\(frame.unique) \(fop.name) fails on purpose: \(error)")
            throw error
        }
        return try await next()
    }

    public func dump() -> StateDump? {
        let (calls, failed) = faults.withLock { ($0.calls, $0.failed) }
        var dump = StateDump()
        dump.add("calls", calls)
        dump.add("failed", failed)
        return dump
    }
}
