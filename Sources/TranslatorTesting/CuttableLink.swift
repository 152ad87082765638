import Synchronization
import TranslatorCore

/// `testing/link`: a brick's connection that a test cuts and mends. With the cut go the locks that were taken through
/// it, as a brick drops a dead client's; fops fail with ENOTCONN.
public final class CuttableLink: EveryFop {
    public static let type: TranslatorType = "testing/link"
    public static let needs: SubvolumeNeed = .exactly(1)

    private struct Held {
        let request: InodelkRequest
        let frame: Frame
    }
    private struct State {
        var isUp = true
        var held: [Held] = []
    }
    public let volume: Volume
    private let state = Mutex(State())

    public init(_ volume: Volume) throws(VolfileError) { self.volume = volume }

    public var isUp: Bool { state.withLock { $0.isUp } }
    /// Locks held on files through it, by domain; not what a mount holds on the root while its target may be ahead.
    public var heldLocks: [String] {
        state.withLock { $0.held.map(\.request.domain).filter { !$0.contains(":bypass-ahead:") }.sorted() }
    }

    public func cut() async {
        let held = state.withLock { state in
            state.isUp = false
            defer { state.held = [] }
            return state.held
        }
        for lock in held {
            let release = InodelkRequest(
                lock.request.target, domain: lock.request.domain, command: .release, mode: lock.request.mode,
                range: lock.request.range)
            _ = try? await subvolume.inodelk(release, in: lock.frame)
        }
        volume.notifyParents(.subvolumeDown, from: self)
    }

    public func mend() {
        state.withLock { $0.isUp = true }
        volume.notifyParents(.subvolumeUp, from: self)
    }

    public func inodelk(_ request: InodelkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        guard isUp else { throw .notConnected }
        let reply = try await subvolume.inodelk(request, in: frame)
        state.withLock { state in
            if request.command == .release {
                let position = state.held.firstIndex {
                    $0.request.domain == request.domain && $0.request.range == request.range
                        && $0.frame.lockOwner == frame.lockOwner
                }
                if let position { state.held.remove(at: position) }
            } else {
                state.held.append(Held(request: request, frame: frame))
            }
        }
        return reply
    }

    public func around<Request: FopRequest, Reply: FopReply>(
        _ fop: Fop, _ request: Request, in frame: Frame, _ next: () async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply {
        guard isUp else { throw .notConnected }
        let reply = try await next()
        // Done, but nobody hears of it.
        guard isUp else { throw .notConnected }
        return reply
    }
}
