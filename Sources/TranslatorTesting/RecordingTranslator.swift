import Synchronization
import TranslatorCore

/// `testing/recording`: writes down every fop that passes and how it ended, so that a test can claim an order.
public final class RecordingTranslator: EveryFop {
    public static let type: TranslatorType = "testing/recording"
    public static let needs: SubvolumeNeed = .exactly(1)

    /// One fop on its way down (`ended` nil) or back up.
    public struct Step: Sendable {
        /// Later steps of a process have larger numbers, whichever translator recorded them.
        public let number: UInt64
        public let volume: String
        public let fop: Fop
        public let gfid: Gfid?
        /// As a trace shows them.
        public let arguments: String
        public let caller: Caller
        public let lockOwner: LockOwner
        public let xdata: Xdata
        public let ended: Ending?
    }
    /// How a fop ended.
    public enum Ending: Sendable, Equatable {
        case replied(String)
        case failed(FopError)
    }

    public let volume: Volume
    private let recorded = Mutex<[Step]>([])

    public init(_ volume: Volume) throws(VolfileError) { self.volume = volume }

    /// Everything so far, in order.
    public var steps: [Step] { recorded.withLock { $0 } }
    /// The fops that went down, in order.
    public var fops: [Fop] { steps.filter { $0.ended == nil }.map(\.fop) }
    /// Forgets what was recorded.
    public func clear() { recorded.withLock { $0 = [] } }

    /// What several recorders of one process saw, in one order.
    public static func together(_ recorders: [RecordingTranslator]) -> [Step] {
        recorders.flatMap(\.steps).sorted { $0.number < $1.number }
    }

    public func around<Request: FopRequest, Reply: FopReply>(
        _ fop: Fop, _ request: Request, in frame: Frame, _ next: () async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply {
        record(fop, request, frame, nil)
        do {
            let reply = try await next()
            record(fop, request, frame, .replied(reply.summary))
            return reply
        } catch {
            record(fop, request, frame, .failed(error))
            throw error
        }
    }

    private func record(_ fop: Fop, _ request: some FopRequest, _ frame: Frame, _ ended: Ending?) {
        recorded.withLock {
            $0.append(
                Step(
                    number: UniqueNumber.next(), volume: name, fop: fop, gfid: request.subject?.gfid,
                    arguments: request.arguments, caller: frame.caller, lockOwner: frame.lockOwner,
                    xdata: request.xdata, ended: ended))
        }
    }
}
