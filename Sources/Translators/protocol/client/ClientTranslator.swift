import Synchronization
import TranslatorCore
import WireProtocol

/// `protocol/client`: a brick on the other side of a connection. Every fop is a call on GlusterFS's wire; while the
/// brick cannot be reached each is ENOTCONN.
///
/// States: down → up → down, … until `stop`. It comes up when SETVOLUME has succeeded, the brick's storage works, and
/// every file that was open is open again; it goes down with the connection: every lock held there is gone then.
/// Parents hear both, and the brick's notices of contention. Source: GlusterFS `protocol/client`, gluster-wire.md §4.
public final class ClientTranslator: RemoteBrick {
    public static let type: TranslatorType = "protocol/client"
    public static let summary = "Reaches a brick over the network as a GlusterFS client does."
    public static let needs: SubvolumeNeed = .none

    /// A connection that serves. `generation` tells it from those before: fd numbers belong to one.
    struct Session: Sendable {
        let brick: BrickConnection
        let generation: UInt64
    }
    struct State: Sendable {
        var session: Session?
        /// Of the session, or of the last one.
        var generation: UInt64 = 0
        /// The open files, to be opened again.
        var open: [ObjectIdentifier: ClientFd] = [:]
        var isStopped = false
        /// The connection under way or up, to close at the stop.
        var connection: BrickConnection?
        var keeper: Task<Void, Never>?
    }

    public let volume: Volume
    private let configured: Mutex<ClientSettings>
    /// The same of `settings`, for the hot path.
    private let dropsDirect: Atomic<Bool>
    let state = Mutex(State())
    /// The generation of which parents were told that it is up; nil: down. Held while they are told.
    let told = Mutex<UInt64?>(nil)

    public init(_ volume: Volume) throws(VolfileError) {
        self.volume = volume
        let settings = try ClientSettings(volume.options, of: volume)
        configured = Mutex(settings)
        dropsDirect = Atomic(settings.dropsDirect)
    }

    /// As the next connection has them.
    var settings: ClientSettings { configured.withLock { $0 } }

    /// What concerns fops and timeouts holds at once; what concerns sockets, from the next connection on. Another brick
    /// is down until it is reached: it has none of what was locked or open on the one before, and none of its files.
    public func reconfigure(_ options: OptionValues) throws(VolfileError) {
        let settings = try ClientSettings(options, of: volume)
        let before = configured.withLock { current in
            defer { current = settings }
            return current
        }
        dropsDirect.store(settings.dropsDirect, ordering: .relaxed)
        let connection = state.withLock { $0.connection }
        if settings.isSameBrick(as: before) {
            connection?.adopt(ping: settings.pingTimeout, frame: settings.frameTimeout)
        } else {
            volume.log(.info, "brick \(settings):\(settings.brick) takes the place of \(before):\(before.brick)")
            connection?.close(because: "another brick has taken its place")
        }
    }

    public var brickPlace: String { "\(volume.options.text(ifSet: "remote-host") ?? "\(settings)"):\(settings.brick)" }

    /// Whether fops are served now.
    public var isUp: Bool { state.withLock { $0.session != nil } }

    /// Returns when the first attempt to connect has ended, well or not; it goes on trying.
    public func start() async throws(VolfileError) {
        await withCheckedContinuation { (tried: CheckedContinuation<Void, Never>) in
            let keeper = Task(executorPreference: volume.environment.executor) { [self] in
                await keepConnected { tried.resume() }
            }
            state.withLock { $0.keeper = keeper }
        }
    }

    public func stop() async {
        let (connection, keeper) = state.withLock { state in
            (state.isStopped, state.session) = (true, nil)
            return (state.connection, state.keeper)
        }
        keeper?.cancel()
        connection?.close(because: "this side stops")
        await keeper?.value
        state.withLock { ($0.open, $0.keeper) = ([:], nil) }
    }

    /// Its brick is none of the volume's any more: down from here on, whoever answers at its address.
    public func retire(because reason: String) {
        let (isFirst, connection) = state.withLock { state in
            defer { state.isStopped = true }
            return (!state.isStopped, state.connection)
        }
        guard isFirst else { return }
        volume.log(.warning, "lets go of \(settings), brick \(settings.brick): \(reason)")
        connection?.close(because: reason)
    }

    public func dump() -> StateDump? {
        let (session, open) = state.withLock { ($0.session, $0.open.count) }
        return StateDump([
            ("address", .text(session?.brick.settings.address.description ?? settings.description)),
            ("remote-subvolume", .text(settings.brick)), ("up", .flag(session != nil)),
            ("open-files", .integer(Int64(open))), ("calls", .integer(Int64(session?.brick.callCount ?? 0))),
        ])
    }
}

// How a fop gets there.
extension ClientTranslator {
    /// The connection. ENOTCONN while there is none.
    func brick() throws(FopError) -> BrickConnection { try session().brick }

    /// Open flags as the brick is to have them. Source: GlusterFS `filter-O_DIRECT`.
    func filtered(_ flags: inout UInt32) {
        if dropsDirect.load(ordering: .relaxed) { flags &= ~UInt32(bitPattern: OpenFlags.direct.rawValue) }
    }

    func session() throws(FopError) -> Session {
        guard let session = state.withLock({ $0.session }) else { throw .notConnected }
        return session
    }

    /// The connection, and the number that `fd` has there. What could not be opened again when the connection came up
    /// is opened now: a brick that took the place of another has no files at first, and gets them by a heal. EBADFD
    /// for what cannot be opened, or never was.
    func reach(_ fd: Fd) async throws(FopError) -> (brick: BrickConnection, number: Int64) {
        let (session, context, number) = try standing(of: fd)
        if let number { return (session.brick, number) }
        guard let context, mayReopen(context) else { throw .badFileState }
        do throws(FopError) {
            try await reopen(context, on: session)
        } catch {
            throw error == .notConnected ? error : .badFileState
        }
        guard let number = context.number(on: session.generation) else { throw .notConnected }
        // It may have been closed meanwhile, when it had no number to give back.
        if state.withLock({ $0.open[ObjectIdentifier(fd)] !== context }) {
            _ = try? await session.brick.call(FlushArguments(releasing: fd, number: number), in: Frame(caller: .root))
            throw .badFileState
        }
        return (session.brick, number)
    }
    func reach(_ target: FopTarget) async throws(FopError) -> (brick: BrickConnection, number: Int64) {
        switch target {
        case .inode: (try brick(), RemoteFd.noNumber)
        case .fd(let fd): try await reach(fd)
        }
    }

    /// The same for READ, WRITE, FSYNC, INODELK and XATTROP: a file that is not open there is reached by its gfid,
    /// unless it has POSIX locks, which were lost then: EBADFD. Source: gluster-wire.md §4.5.
    func reachByGfidToo(_ fd: Fd) throws(FopError) -> (brick: BrickConnection, number: Int64) {
        let (session, context, number) = try standing(of: fd)
        if let number { return (session.brick, number) }
        guard context?.hasLocks != true else { throw .badFileState }
        return (session.brick, RemoteFd.anonymousNumber)
    }
    /// The same where a file that is not open there has nothing to do: EBADFD, and it is not opened for that.
    func reachIfOpen(_ fd: Fd) throws(FopError) -> (brick: BrickConnection, number: Int64) {
        let (session, _, number) = try standing(of: fd)
        guard let number else { throw .badFileState }
        return (session.brick, number)
    }
    func reachByGfidToo(_ target: FopTarget) throws(FopError) -> (brick: BrickConnection, number: Int64) {
        switch target {
        case .inode: (try brick(), RemoteFd.noNumber)
        case .fd(let fd): try reachByGfidToo(fd)
        }
    }

    @inline(__always)
    private func standing(of fd: Fd) throws(FopError) -> (session: Session, context: ClientFd?, number: Int64?) {
        let session = try session()
        if fd.isAnonymous { return (session, nil, RemoteFd.anonymousNumber) }
        let context: ClientFd? = fd.contexts.context(at: slot)
        return (session, context, context?.number(on: session.generation))
    }

    /// `fd` was opened on `session` as `number`. ENOTCONN when that one is gone meanwhile, and the open file with it.
    func opened(_ fd: Fd, as number: Int64, on session: Session) throws(FopError) {
        let context = ClientFd(fd, number: number, generation: session.generation)
        let isCurrent = state.withLock { state in
            guard state.session?.generation == session.generation else { return false }
            state.open[ObjectIdentifier(fd)] = context
            return true
        }
        guard isCurrent else { throw .notConnected }
        fd.contexts.set(context, at: slot)
    }

    public func release(_ fd: Fd) async {
        await close(fd)
        let inode: ClientInode? = fd.inode.contexts.context(at: slot)
        inode?.released(fd)
    }
    public func releasedir(_ fd: Fd) async { await close(fd) }

    private func close(_ fd: Fd) async {
        let (context, session) = state.withLock { ($0.open.removeValue(forKey: ObjectIdentifier(fd)), $0.session) }
        guard let context, let session, let number = context.number(on: session.generation) else { return }
        let arguments = FlushArguments(releasing: fd, number: number)
        // The brick closes it with the connection if this does not get there.
        _ = try? await session.brick.call(arguments, in: Frame(caller: .root))
    }
}
