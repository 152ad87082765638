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
    private struct Link: Equatable {
        var isAlive = true
        /// A new one after each loss: whoever locked under the old one holds nothing.
        var number = UniqueNumber.next()
        /// What was on its way when it died is carried out all the same.
        var landsLate = false
    }
    private let link = Mutex(Link())

    public init(_ volume: Volume) throws(VolfileError) {
        self.volume = volume
        let name = volume.options.text(ifSet: "brick") ?? ""
        guard let brick = Self.offered.withLock({ $0[name] }) else { throw volume.error("no memory brick \"\(name)\"") }
        self.brick = brick
    }

    public func start() async throws(VolfileError) {
        listen()
        volume.notifyParents(.subvolumeUp, from: self)
    }

    public var isUp: Bool { link.withLock { $0.isAlive } }

    /// From now on every fop fails with ENOTCONN, those under way too; locks are gone. `landsLate`: what is on its way
    /// down is carried out by the brick when it gets there, though nobody hears of it; else it gets lost.
    public func cut(landsLate: Bool = false) {
        let number = link.withLock { link -> UInt64? in
            defer { (link.isAlive, link.landsLate) = (false, landsLate) }
            return link.isAlive ? link.number : nil
        }
        guard let number else { return }
        let (cancelled, woken) = brick.state.withLock { state in
            state.connections[number] = nil
            return state.locks.drop(connection: number)
        }
        cancelled.forEach { $0.continuation.resume(returning: .notConnected) }
        woken.forEach { $0.continuation.resume(returning: nil) }
        volume.notifyParents(.subvolumeDown, from: self)
    }

    /// A connection again, without the old one's locks.
    public func reconnect() {
        let isNew = link.withLock { link in
            if link.isAlive { return false }
            link = Link()
            return true
        }
        guard isNew else { return }
        listen()
        volume.notifyParents(.subvolumeUp, from: self)
    }

    /// Hears from the brick when somebody waits for a lock that was taken through this connection.
    private func listen() {
        let link = link.withLock { $0 }
        brick.state.withLock { state in
            state.connections[link.number] = { [weak self] gfid, domain, range in
                guard let self else { return }
                Task(executorPreference: self.volume.environment.executor) {
                    await self.brick.pause()
                    guard self.link.withLock({ $0 == link }) else { return }
                    self.volume.notifyParents(.inodelkContention(gfid, domain: domain, range: range), from: self)
                }
            }
        }
    }

    /// One fop: its effect happens at one moment, and the connection may die before or after it.
    func step<Reply: Sendable>(
        isOfConnection: Bool = false, _ effect: (inout MemoryBrick.State) throws(FopError) -> Reply
    ) async throws(FopError) -> Reply {
        let (sent, boot) = (link.withLock { $0 }, brick.state.withLock { $0.boot })
        guard sent.isAlive else { throw .notConnected }
        await brick.pause()
        guard link.withLock({ $0 == sent }) else {
            if !isOfConnection, link.withLock({ $0.landsLate && $0.number == sent.number }) {
                brick.state.withLock { state in if state.boot == boot { _ = try? effect(&state) } }
            }
            throw .notConnected
        }
        let result = brick.state.withLock { state in Result { () throws(FopError) in try effect(&state) } }
        await brick.pause()
        guard link.withLock({ $0 == sent }) else { throw .notConnected }
        return try result.get()
    }

    /// Fops that nobody needed yet.
    public func around<Request: FopRequest, Reply: FopReply>(
        _ fop: Fop, _ request: Request, in frame: Frame, _ next: () async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply { throw .notSupportedHere }

    public func inodelk(_ request: InodelkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let gfid = request.target.inode.gfid
        let lock = MemoryLocks.Lock(
            holder: MemoryLocks.Holder(connection: link.withLock { $0.number }, owner: frame.lockOwner),
            mode: request.mode, range: request.range)
        switch request.command {
        case .tryAcquire:
            let granted = try await step(isOfConnection: true) { state throws(FopError) in
                guard state.files[gfid] != nil else { throw .stale }
                return state.locks.tryAcquire(lock, gfid, request.domain)
            }
            guard granted else { throw .tryAgain }
        case .acquire:
            try await checkIsStill(lock.holder)
            if let error = await wait(for: lock, gfid, request.domain) { throw error }
            try await checkIsStill(lock.holder)
        case .release:
            try await step(isOfConnection: true) { state throws(FopError) in
                guard let woken = state.locks.release(lock, gfid, request.domain) else { throw .invalid }
                // Whatever becomes of the reply.
                woken.forEach { $0.continuation.resume(returning: nil) }
            }
        }
        return DoneReply()
    }

    private func checkIsStill(_ holder: MemoryLocks.Holder) async throws(FopError) {
        await brick.pause()
        guard link.withLock({ $0.isAlive && $0.number == holder.connection }) else { throw .notConnected }
    }

    private func wait(for lock: MemoryLocks.Lock, _ gfid: Gfid, _ domain: String) async -> FopError? {
        let number = UniqueNumber.next()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waiter = MemoryLocks.Waiter(number: number, lock: lock, continuation: continuation)
                let answer: FopError?? = brick.state.withLock { state in
                    guard state.files[gfid] != nil else { return .some(.stale) }
                    if Task.isCancelled { return .some(.interrupted) }
                    guard let holders = state.locks.acquire(waiter, gfid, domain) else { return .some(nil) }
                    for held in holders { state.connections[held.holder.connection]?(gfid, domain, held.range) }
                    return nil
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
