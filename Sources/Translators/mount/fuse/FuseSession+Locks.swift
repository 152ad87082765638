import CFuse
import FuseProtocol
import Synchronization
import TranslatorCore

/// Locks of fcntl(2) go down as POSIX locks. Those of flock(2) know nothing of them on Linux, so on bricks of this
/// machine they go down as whole-file locks in a domain of their own: the same program may hold both, and a lock of one
/// kind never waits for the other. On a cluster they have to exclude GlusterFS's own mounts, which ask for a POSIX lock
/// of the whole file: so do we, and there, as on those mounts, both kinds exclude each other.
extension FuseSession {
    /// The lock domain of flock(2).
    static let flockDomain = "mount/fuse:flock"

    func getlk(_ request: FuseLock, _ call: FuseCall) async throws(FopError) {
        let handle = try handle(request.handle)
        let reply = try await top.lk(
            LkRequest(fd: handle.fd, command: .get, lock: request.lock), in: frame(call, lockOwner: request.owner))
        call.queue.reply(call.unique, fuse_lk_out(reply.lock))
    }

    func setlk(_ request: FuseLock, waits: Bool, _ call: FuseCall) async throws(FopError) {
        let result = await Self.result { () async throws(FopError) in
            let handle = try handle(request.handle)
            let frame = frame(call, lockOwner: request.owner)
            if request.isFlock {
                try await flock(request.lock.kind, handle, waits: waits, frame)
            } else {
                _ = try await top.lk(
                    LkRequest(fd: handle.fd, command: waits ? .setWait : .set, lock: request.lock), in: frame)
            }
        }
        // Before the answer: the kernel may use the number again after it.
        if waits { lockWaits.end(call.unique) }
        _ = try result.get()
        if request.lock.kind != .unlock, let handle = handles[request.handle] {
            await dropCached(of: handle.node, call.queue)
        }
        call.queue.reply(call.unique)
    }

    private static func result<Value>(
        _ body: () async throws(FopError) -> Value
    ) async -> Result<Value, FopError> {
        do throws(FopError) { return .success(try await body()) } catch { return .failure(error) }
    }

    /// flock(2): an open file holds one lock at most; changing it is releasing it and asking anew, and may lose to
    /// others.
    private func flock(
        _ kind: PosixLock.Kind, _ handle: OpenHandle, waits: Bool, _ frame: Frame
    ) async throws(FopError) {
        let wanted: LockMode? =
            switch kind {
            case .read: .read
            case .write: .write
            case .unlock: nil
            }
        let held = handle.flock.withLock { $0 }
        if let held, held.mode == wanted { return }
        await dropFlock(handle, frame)
        guard let wanted else { return }
        if isClustered {
            let lock = PosixLock(kind: kind, range: .whole, pid: frame.caller.pid)
            _ = try await top.lk(LkRequest(fd: handle.fd, command: waits ? .setWait : .set, lock: lock), in: frame)
        } else {
            try await inodelk(handle, waits ? .acquire : .tryAcquire, wanted, frame)
        }
        handle.flock.withLock { $0 = OpenHandle.Flock(mode: wanted, owner: frame.lockOwner) }
    }

    /// Lets go of what flock(2) holds by this open. A failure means that the lock went with its brick.
    func dropFlock(_ handle: OpenHandle, _ frame: Frame) async {
        let held = handle.flock.withLock { flock in
            defer { flock = nil }
            return flock
        }
        guard let held else { return }
        let frame = frame.with(lockOwner: held.owner)
        guard isClustered else {
            try? await inodelk(handle, .release, held.mode, frame)
            return
        }
        let unlock = PosixLock(kind: .unlock, range: .whole, pid: frame.caller.pid)
        _ = try? await top.lk(LkRequest(fd: handle.fd, command: .set, lock: unlock), in: frame)
    }

    private func inodelk(
        _ handle: OpenHandle, _ command: LockCommand, _ mode: LockMode, _ frame: Frame
    ) async throws(FopError) {
        let request = InodelkRequest(
            .fd(handle.fd), domain: Self.flockDomain, command: command, mode: mode, range: .whole)
        _ = try await top.inodelk(request, in: frame)
    }
}
