import CPosix
import Glibc
import Synchronization
import TranslatorCore
import WireProtocol

// Coming up, going down, coming up again.
extension ClientTranslator {
    /// Between attempts: doubled from the first to the last, and begun anew by a connection that served. GlusterFS
    /// tries every 3 s.
    private static let pauseMin = Duration.milliseconds(100), pauseMax = Duration.seconds(3)

    /// Connects, and again whenever the connection ends, until `stop`. `tried` is called once, after the first attempt.
    func keepConnected(_ tried: @Sendable () -> Void) async {
        let context = Gfid.random()
        var isFirst = true, attempt = 0, pause = Self.pauseMin
        var lastProblem = ""
        while !state.withLock({ $0.isStopped }) {
            let ending = ConnectionEnding()
            var problem = ""
            do {
                try await connect(context, attempt, ending)
                pause = Self.pauseMin
                volume.log(.info, "connected to \(settings), brick \(settings.brick)")
            } catch {
                problem = "\(error)"
                // The same sentence every 3 s helps nobody.
                if problem != lastProblem { volume.log(.warning, "\(problem); trying again") }
                state.withLock { $0.connection }?.close(because: problem)
            }
            lastProblem = problem
            if isFirst { tried() }
            isFirst = false
            await ending.wait()
            attempt += 1
            guard (try? await volume.environment.time.sleep(for: pause)) != nil else { break }
            pause = min(pause * 2, Self.pauseMax)
        }
    }

    /// One attempt: up when it returns.
    private func connect(_ context: Gfid, _ attempt: Int, _ ending: ConnectionEnding) async throws {
        let options = self.settings
        var settings = BrickConnection.Settings(try await address(options), pool: volume.environment.pool)
        (settings.name, settings.pingTimeout) = (volume.name, options.pingTimeout)
        (settings.frameTimeout, settings.socket) = (options.frameTimeout, options.socket)
        (settings.sendsGroups, settings.tls) = (options.sendsGroups, options.tls)
        let generation = state.withLock { state in
            state.generation += 1
            return state.generation
        }
        ending.begin()
        let brick: BrickConnection
        do {
            brick = try await BrickConnection.connect(settings) { [weak self] event in
                self?.heard(event, generation)
                if case .closed = event { ending.end() }
            }
        } catch {
            ending.end()
            throw error
        }
        let isStopped = state.withLock { state in
            state.connection = brick
            return state.isStopped
        }
        if isStopped { throw FopError.notConnected }
        // One that took its place from now on closes this connection.
        guard self.settings.isSameBrick(as: options) else { throw ClientProblem.replaced }
        var introduction = Introduction(
            brick: options.brick,
            processUUID: Introduction.processUUID(
                context: context, pid: getpid(), host: Self.hostName, client: volume.name, reconnection: attempt))
        introduction.credentials = options.credentials
        let welcome = try await brick.introduce(introduction)
        guard welcome.isChildUp else { throw ClientProblem.storageDown(settings.address) }
        try await serve(Session(brick: brick, generation: generation))
    }

    /// Opens again what was open, then takes fops.
    private func serve(_ session: Session) async throws(FopError) {
        for file in state.withLock({ Array($0.open.values) }) where mayReopen(file) {
            do throws(FopError) {
                try await reopen(file, on: session)
            } catch {
                if error == .notConnected { throw error }
                volume.log(.warning, "gfid \(file.inode.gfid) cannot be opened again: \(error)")
            }
        }
        let isServed = state.withLock { state in
            guard !state.isStopped, session.generation == state.generation, state.connection === session.brick else {
                return false
            }
            state.session = session
            return true
        }
        guard isServed else { throw .notConnected }
        announce()
    }

    /// Tells parents what changed since they were told last. One thread at a time, and from the state as it is then:
    /// the connection's thread and the keeper's may each be late, but "up" never stands behind the "down" of the same
    /// connection, and no loss goes untold.
    private func announce() {
        told.withLock { told in
            let serving = state.withLock { $0.session?.generation }
            guard told != serving else { return }
            if told != nil { volume.notifyParents(.subvolumeDown, from: self) }
            if serving != nil { volume.notifyParents(.subvolumeUp, from: self) }
            told = serving
        }
    }

    /// Not so where locks that were lost must not seem to be held. Source: GlusterFS `strict-locks`.
    func mayReopen(_ file: ClientFd) -> Bool { !(file.hasLocks && settings.isStrictAboutLocks) }

    /// A file that cannot be opened is left without a number: fops on it go by its gfid, or try this again.
    func reopen(_ file: ClientFd, on session: Session) async throws(FopError) {
        let frame = Frame(caller: .root)
        let fd = Fd(inode: file.inode, flags: file.flags)
        let number =
            if file.inode.type == .directory {
                try await session.brick.call(OpendirArguments(OpendirRequest(fd: fd)), in: frame)
                    .result.openReply().number
            } else {
                try await session.brick.call(openAgain(fd), in: frame).result.openReply().number
            }
        guard !file.reopened(as: number, on: session.generation) else { return }
        _ = try? await session.brick.call(FlushArguments(releasing: fd, number: number), in: frame)
    }

    private func openAgain(_ fd: Fd) -> OpenArguments {
        var arguments = OpenArguments(OpenRequest(fd: fd), isAgain: true)
        filtered(&arguments.flags)
        return arguments
    }

    /// On the connection's thread.
    private func heard(_ event: BrickConnection.Event, _ generation: UInt64) {
        switch event {
        case .callback(let callback):
            if let event = callback.graphEvent { volume.notifyParents(event, from: self) }
        case .remark(let line): volume.log(.warning, line)
        case .closed(let reason):
            let wasUp = state.withLock { state in
                if state.generation == generation { state.connection = nil }
                guard state.session?.generation == generation else { return false }
                state.session = nil
                return true
            }
            guard wasUp else { return }
            volume.log(.warning, "the connection to \(settings), brick \(settings.brick), ended: \(reason)")
            announce()
        }
    }

    /// Of the brick; its port from glusterd where the volfile does not say it: it is another one after a restart.
    private func address(_ options: ClientSettings) async throws -> BrickAddress {
        switch options.place {
        case .address(let address): return address
        case .host(let host, let family):
            let glusterd = BrickAddress.tcp(host: host, port: ClientSettings.glusterdPort, family: family)
            var settings = BrickConnection.Settings(glusterd, pool: volume.environment.pool)
            (settings.frameTimeout, settings.tls) = (settings.connectTimeout, .ofGlusterd(options.tls))
            let connection = try await BrickConnection.connect(settings) { _ in }
            defer { connection.close() }
            let credential = GlusterCredential(Frame(caller: .root), timeFlags: [])
            let answer = try await connection.call(
                PortByBrickArguments(brick: options.brick), credential: .version2(credential))
            guard let port = answer.brickPort else {
                throw ClientProblem.notRunning(brick: options.brick, glusterd)
            }
            return .tcp(host: host, port: port, family: family)
        }
    }

    private static let hostName: String = {
        var buffer = [CChar](repeating: 0, count: 256)
        gethostname(&buffer, buffer.count - 1)
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }()
}

/// Until when a connection's thread runs. `wait` does not hear of its task's cancellation: what stops a connection
/// closes it, and the end comes then.
final class ConnectionEnding: Sendable {
    private struct State: Sendable {
        var isRunning = false
        var waiter: CheckedContinuation<Void, Never>?
    }
    private let state = Mutex(State())

    func begin() { state.withLock { $0.isRunning = true } }
    func end() {
        let waiter = state.withLock { state in
            state.isRunning = false
            return state.waiter.take()
        }
        waiter?.resume()
    }
    /// Returns at once where nothing runs. For one task.
    func wait() async {
        await withCheckedContinuation { waiter in
            let isOver = state.withLock { state in
                if state.isRunning { state.waiter = waiter }
                return !state.isRunning
            }
            if isOver { waiter.resume() }
        }
    }
}

/// Why there is nothing to talk to behind a connection.
enum ClientProblem: Error, CustomStringConvertible {
    case notRunning(brick: String, BrickAddress)
    case storageDown(BrickAddress)
    /// While it was being connected to.
    case replaced

    var description: String {
        switch self {
        case .notRunning(let brick, let glusterd):
            "glusterd at \(glusterd) knows no port of brick \(brick); start it: gluster volume start VOLUME force"
        case .storageDown(let address): "the brick at \(address) says that its storage is down; see its log"
        case .replaced: "another brick has taken its place"
        }
    }
}
