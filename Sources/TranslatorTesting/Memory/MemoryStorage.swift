import Synchronization
import TranslatorCore

/// `testing/memory`: one connection to a `MemoryBrick`, which a test finds or makes by the name in `option brick`. Cut
/// it, and the brick has forgotten its locks, as when a client's TCP connection or process dies.
public final class MemoryStorage: EveryFop {
    public static let type: TranslatorType = "testing/memory"
    public static let needs: SubvolumeNeed = .none
    public static let options: [OptionDeclaration] = [
        .text("brick", default: nil, "Which brick: a name that `MemoryStorage.offer` gave it.")
    ]

    private static let offered = Mutex<[String: MemoryBrick]>([:])
    /// Lets volfiles name `brick`; keep names unique among tests.
    public static func offer(_ brick: MemoryBrick, as name: String) { offered.withLock { $0[name] = brick } }
    public static func withdraw(_ name: String) { offered.withLock { $0[name] = nil } }

    public let volume: Volume
    public let brick: MemoryBrick
    let connection = UniqueNumber.next()
    private let isAlive = Atomic(true)

    public init(_ volume: Volume) throws(VolfileError) {
        self.volume = volume
        let name = volume.options.text(ifSet: "brick") ?? ""
        guard let brick = Self.offered.withLock({ $0[name] }) else { throw volume.error("no memory brick \"\(name)\"") }
        self.brick = brick
    }

    public func start() async throws(VolfileError) { volume.notifyParents(.subvolumeUp, from: self) }

    /// From now on every fop fails with ENOTCONN, those under way too; locks are gone.
    public func cut() {
        guard isAlive.exchange(false, ordering: .sequentiallyConsistent) else { return }
        let (cancelled, woken) = brick.state.withLock { $0.locks.drop(connection: connection) }
        cancelled.forEach { $0.continuation.resume(returning: .notConnected) }
        woken.forEach { $0.continuation.resume(returning: nil) }
        volume.notifyParents(.subvolumeDown, from: self)
    }

    /// A connection again, without the old one's locks.
    public func reconnect() {
        guard !isAlive.exchange(true, ordering: .sequentiallyConsistent) else { return }
        volume.notifyParents(.subvolumeUp, from: self)
    }

    /// One fop: its effect happens at one moment, and the connection may die before or after it.
    func step<Reply: Sendable>(
        _ effect: (inout MemoryBrick.State) throws(FopError) -> Reply
    ) async throws(FopError) -> Reply {
        await brick.pause()
        guard isAlive.load(ordering: .sequentiallyConsistent) else { throw .notConnected }
        let result = brick.state.withLock { state in Result { () throws(FopError) in try effect(&state) } }
        await brick.pause()
        guard isAlive.load(ordering: .sequentiallyConsistent) else { throw .notConnected }
        return try result.get()
    }

    /// Fops that nobody needed yet.
    public func around<Request: FopRequest, Reply: FopReply>(
        _ fop: Fop, _ request: Request, in frame: Frame, _ next: () async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply { throw .notSupportedHere }

    public func inodelk(_ request: InodelkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let gfid = request.target.inode.gfid
        let lock = MemoryLocks.Lock(
            holder: MemoryLocks.Holder(connection: connection, owner: frame.lockOwner), mode: request.mode,
            range: request.range)
        switch request.command {
        case .tryAcquire:
            let granted = try await step { state throws(FopError) in
                guard state.files[gfid] != nil else { throw .stale }
                return state.locks.tryAcquire(lock, gfid, request.domain)
            }
            guard granted else { throw .tryAgain }
        case .acquire:
            await brick.pause()
            guard isAlive.load(ordering: .sequentiallyConsistent) else { throw .notConnected }
            if let error = await wait(for: lock, gfid, request.domain) { throw error }
            await brick.pause()
            guard isAlive.load(ordering: .sequentiallyConsistent) else { throw .notConnected }
        case .release:
            let woken = try await step { state throws(FopError) in
                guard let woken = state.locks.release(lock, gfid, request.domain) else { throw .invalid }
                // Resumed after the state's lock is let go of, but before the reply travels.
                return woken
            }
            woken.forEach { $0.continuation.resume(returning: nil) }
        }
        return DoneReply()
    }

    private func wait(for lock: MemoryLocks.Lock, _ gfid: Gfid, _ domain: String) async -> FopError? {
        let number = UniqueNumber.next()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waiter = MemoryLocks.Waiter(number: number, lock: lock, continuation: continuation)
                let answer: FopError?? = brick.state.withLock { state in
                    guard state.files[gfid] != nil else { return .some(.stale) }
                    if Task.isCancelled { return .some(.interrupted) }
                    return state.locks.acquire(waiter, gfid, domain) == nil ? .some(nil) : nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            guard let (waiter, woken) = brick.state.withLock({ $0.locks.cancel(number) }) else { return }
            waiter.continuation.resume(returning: .interrupted)
            woken.forEach { $0.continuation.resume(returning: nil) }
        }
    }
}
