import CFuse
import CPosix
import FuseProtocol
import Glibc
import Synchronization
import TranslatorCore

/// `mount/fuse`: a volume as a directory of this machine. Speaks the kernel's FUSE protocol itself, and is the only
/// part that opens /dev/fuse.
///
/// Life: `mount()` once, on a started graph; `untilUnmounted()`; then the graph may be stopped. The mount ends by
/// umount(8) or by `unmount`, when the last open file is closed.
public final class FuseMount: Sendable {
    private let top: any Translator
    private let environment: GraphEnvironment
    public let settings: FuseMountSettings
    private let sharesLocks: Bool, isClustered: Bool
    private let writeGate: WriteGate
    private let becomeWriter: @Sendable () async throws(FopError) -> Void
    private let state = Mutex(State())

    private struct State {
        var point: MountPoint?
        var session: FuseSession?
        var queues: [FuseQueue] = []
        var workersLeft = 0
        var waiter: CheckedContinuation<Void, Never>?
    }

    /// `top`: the volume to mount, by default the graph's last. `writeGate`: who else has a say in what may write; a
    /// read-only mount closes it. `becomeWriter`: asked before such a mount is remounted for writing; opens the gate,
    /// or throws EBUSY. By default it never may.
    public init(
        _ graph: Graph, top: (any Translator)? = nil, settings: FuseMountSettings, writeGate: WriteGate = WriteGate(),
        becomeWriter: @escaping @Sendable () async throws(FopError) -> Void = { () throws(FopError) in throw .busy }
    ) {
        (self.top, environment, self.settings) = (top ?? graph.top, graph.environment, settings)
        (self.writeGate, self.becomeWriter) = (writeGate, becomeWriter)
        // A remount lifts the kernel's own flag.
        if settings.kernelFlags.isReadOnly { writeGate.close() }
        // Without a translator that keeps locks, locks are this machine's, and its kernel keeps them best.
        isClustered = graph.translators.contains { $0.volume.type == "protocol/client" }
        sharesLocks = isClustered || graph.translators.contains { $0.volume.type == "features/locks" }
    }

    /// Mounts on `directory` and serves it. Returns when programs can use it; throws one sentence, and leaves nothing
    /// behind, when it cannot be mounted.
    public func mount(on directory: String) async throws(FuseMountError) {
        let point = try MountPoint(directory, log: environment.log)
        try await checkRoot()
        let source = settings.fsname ?? top.name
        let first = FuseQueue(
            descriptor: try FuseDevice.mount(point, source: source, settings: settings), log: environment.log)
        do throws(FuseMountError) {
            let features = try agree(on: first)
            let session = FuseSession(
                top: top, environment: environment, settings: settings, features: features, writeGate: writeGate,
                isClustered: isClustered, becomeWriter: becomeWriter)
            start(session, first, point)
        } catch {
            try? point.unmount(lazily: true)
            throw error
        }
    }

    /// The root must answer before the kernel asks.
    private func checkRoot() async throws(FuseMountError) {
        let root = environment.inodes.inode(.root, type: .directory)
        do throws(FopError) {
            _ = try await top.lookup(LookupRequest(.inode(root)), in: Frame(caller: .root))
        } catch {
            throw FuseMountError("volume \(top.name): its root does not answer: \(error)")
        }
    }

    /// Whether it is mounted and served.
    public var isServing: Bool { state.withLock { $0.workersLeft > 0 } }

    /// Returns when the mount is gone, all requests are answered and all files are released.
    public func untilUnmounted() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.workersLeft > 0 { state.waiter = continuation }
                return state.workersLeft == 0
            }
            if isOver { continuation.resume() }
        }
        await drain()
    }

    /// Takes the mount point away at once; files that are open stay usable until they are closed.
    public func unmount() throws(FuseMountError) {
        guard let point = state.withLock({ $0.point }) else { return }
        try point.unmount(lazily: true)
    }

    var parts: (session: FuseSession?, queues: [FuseQueue], workers: Int, directory: String?) {
        state.withLock { ($0.session, $0.queues, $0.workersLeft, $0.point?.directory) }
    }

    /// Ends the mount whatever is still open: programs that wait get EINTR, all others ENOTCONN. For the second signal.
    public func abandon() {
        environment.waits.interruptAll()
        let (session, waiter) = state.withLock { state in
            defer { state.waiter = nil }
            state.workersLeft = 0
            return (state.session, state.waiter)
        }
        session?.isEnding.store(true, ordering: .relaxed)
        waiter?.resume()
    }
}

extension FuseMount {
    /// FUSE_INIT, the kernel's first request.
    private func agree(on queue: FuseQueue) throws(FuseMountError) -> FuseFeatures {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { bytes.deallocate() }
        while true {
            let count = read(queue.descriptor, bytes.baseAddress, bytes.count)
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw FuseMountError("the kernel ended the mount before it began: \(FopError.last)")
            }
            var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
            guard let header = try? FuseRequestHeader(from: &reader), header.known == .initialize,
                let request = try? FuseInitRequest(from: &reader)
            else { throw FuseMountError("the kernel did not begin with FUSE_INIT") }
            if request.major > FuseInitReply.major {
                // The kernel will ask again in our version.
                var version = fuse_init_out()
                version.major = FuseInitReply.major
                queue.reply(header.unique, version)
                continue
            }
            guard request.major == FuseInitReply.major, request.minor >= FuseInitReply.minorMin else {
                queue.reply(header.unique, error: FopError(EPROTO))
                throw FuseMountError(
                    "this kernel speaks FUSE \(request.major).\(request.minor); 7.\(FuseInitReply.minorMin) is needed")
            }
            let reply = FuseInitReply(
                answering: request, wanted: wanted, maxBackground: settings.maxBackground,
                congestionThreshold: settings.congestionThreshold)
            queue.reply(header.unique, reply.encoded)
            environment.log.write(.debug, volume: top.name) {
                "FUSE \(request.major).\(request.minor), features \(String(reply.features.rawValue, radix: 16))"
            }
            return reply.features
        }
    }

    private var wanted: FuseFeatures {
        var wanted: FuseFeatures = [
            .asyncRead, .atomicTruncate, .dontMask, .autoInvalidateData, .asyncDirectIO, .parallelDirectoryOperations,
            .cacheSymlinks, .handleKillPrivV2, .setxattrExtended,
        ]
        if settings.usesReaddirplus { wanted.formUnion([.readdirplus, .readdirplusAuto]) }
        if settings.checksACLs { wanted.insert(.posixACL) }
        if settings.isWriteback { wanted.insert(.writebackCache) }
        if sharesLocks { wanted.formUnion([.posixLocks, .flockLocks]) }
        return wanted
    }

    private func start(_ session: FuseSession, _ first: FuseQueue, _ point: MountPoint) {
        let processors = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        let count = settings.workerCount > 0 ? settings.workerCount : max(2, processors)
        let queues = (0..<count).map { position in
            guard position > 0, let clone = FuseDevice.clone(first.descriptor) else { return first }
            return FuseQueue(descriptor: clone, log: environment.log)
        }
        state.withLock { state in
            (state.point, state.session, state.queues, state.workersLeft) = (point, session, queues, count)
        }
        for (position, queue) in queues.enumerated() {
            WorkerThread.start(name: "fuse-\(position)") { [self] in
                var worker = FuseWorker(session, queue)
                worker.run()
                workerEnded()
            }
        }
    }

    private func workerEnded() {
        let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
            guard state.workersLeft > 0 else { return nil }
            state.workersLeft -= 1
            guard state.workersLeft == 0 else { return nil }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// After the last request was read: waits for those under way, lock waits cut short, and closes what is open.
    private func drain() async {
        let (session, queues) = state.withLock { state in
            defer { (state.session, state.queues) = (nil, []) }
            return (state.session, state.queues)
        }
        guard let session else { return }
        session.lockWaits.interruptAll()
        environment.waits.interruptAll()
        let deadline = environment.time.now() + .seconds(30)
        while queues.contains(where: { $0.underWay.load(ordering: .relaxed) > 0 }), environment.time.now() < deadline {
            try? await environment.time.sleep(for: .milliseconds(2))
        }
        await session.releaseAll()
    }
}

extension FuseSession {
    /// Releases every file that the kernel had open and forgets every inode.
    func releaseAll() async {
        let frame = Frame(caller: .root, time: environment.time.wallClock())
        for handle in handles.removeAll() {
            if handle.fd.inode.type == .directory {
                await top.releasedir(handle.fd)
            } else {
                await dropFlock(handle, frame)
                await top.release(handle.fd)
            }
        }
        nodes.removeAll().forEach { top.forget($0) }
    }
}
