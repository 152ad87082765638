import Synchronization
import TranslatorCore

/// `debug/trace`: logs every fop twice, with its arguments on the way down and its answer and duration on the way up:
///
///     17 writev 25312cdb-0000-4000-8000-000000000070 offset=0 bytes=5 pid=4711
///     17 writev = bytes=5 in 31us
///
/// The first word is the request's number, so that requests under way at once can be told apart.
public final class TraceTranslator: EveryFop {
    public static let type: TranslatorType = "debug/trace"
    public static let summary = "Logs each fop with its arguments, its answer and how long it took."
    public static let needs: SubvolumeNeed = .exactly(1)
    public static let options: [OptionDeclaration] = [
        .text("include-ops", default: nil, "Only these fops, separated by commas; all when not set.").reconfigurable(),
        .text("exclude-ops", default: nil, "All fops but these, separated by commas.").reconfigurable(),
    ]
    public let volume: Volume
    private let traced: Mutex<FopSet>

    public init(_ volume: Volume) throws(VolfileError) {
        self.volume = volume
        traced = Mutex(try Self.traced(by: volume.options, volume))
    }

    public func reconfigure(_ options: OptionValues) throws(VolfileError) {
        let fops = try Self.traced(by: options, volume)
        traced.withLock { $0 = fops }
    }

    private static func traced(by options: OptionValues, _ volume: Volume) throws(VolfileError) -> FopSet {
        guard !(options.isSet("include-ops") && options.isSet("exclude-ops")) else {
            throw volume.error("give include-ops or exclude-ops, not both")
        }
        if options.isSet("include-ops") { return try volume.fopSet("include-ops", of: options) }
        return FopSet.all.subtracting(try volume.fopSet("exclude-ops", of: options))
    }

    public func around<Request: FopRequest, Reply: FopReply>(
        _ fop: Fop, _ request: Request, in frame: Frame, _ next: () async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply {
        guard traced.withLock({ $0.contains(fop) }) else { return try await next() }
        volume.log(
            .info,
            Self.words(
                "\(frame.unique)", fop.name, request.subject.map { "\($0.gfid)" } ?? "", request.arguments,
                xdata(request), "pid=\(frame.caller.pid)"))
        let start = volume.environment.time.now()
        do throws(FopError) {
            let reply = try await next()
            answered(frame, fop, reply.summary, since: start)
            return reply
        } catch {
            answered(frame, fop, "\(error.name): \(error)", since: start)
            throw error
        }
    }

    private func answered(_ frame: Frame, _ fop: Fop, _ answer: String, since start: MonotonicTime) {
        let microseconds = (volume.environment.time.now() - start).wholeNanoseconds / 1000
        volume.log(.info, Self.words("\(frame.unique)", fop.name, "=", answer, "in \(microseconds)us"))
    }

    private func xdata(_ request: some FopRequest) -> String {
        request.xdata.isEmpty ? "" : "xdata=" + request.xdata.keys.sorted().joined(separator: ",")
    }

    private static func words(_ parts: String...) -> String { parts.filter { !$0.isEmpty }.joined(separator: " ") }
}
