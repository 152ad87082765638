import Synchronization
import TranslatorCore

/// One granted INODELK on one replica. Each has an owner of its own, so that it is let go alone.
struct HeldLock: Sendable {
    let replica: Int
    let domain: String
    let range: LockRange
    let frame: Frame
}

extension BypassTranslator {
    /// As whom this translator asks on its own account.
    static let caller = Caller.root
    func ownFrame() -> Frame { Frame(caller: Self.caller) }

    /// EAGAIN when somebody else holds it.
    func tryLock(
        _ target: FopTarget, on replica: Int, domain: String, range: LockRange = .whole
    ) async throws(FopError) -> HeldLock {
        try await lock(target, on: replica, domain: domain, range: range, .tryAcquire)
    }

    /// `.acquire` waits; cancelling the task ends that with EINTR.
    func lock(
        _ target: FopTarget, on replica: Int, domain: String, range: LockRange, _ command: LockCommand
    ) async throws(FopError) -> HeldLock {
        // Held for as long as a file is open, so that nobody's removal of the file may wait for it.
        let frame = Frame(caller: .onOwnAccount)
        let request = InodelkRequest(target, domain: domain, command: command, range: range)
        _ = try await replicaSet.replicas[replica].inodelk(request, in: frame)
        return HeldLock(replica: replica, domain: domain, range: range, frame: frame)
    }

    /// Waits for a lock of `file` on the target; `cancelLockWait` ends it with EINTR.
    func waitForLock(
        _ file: BypassInode, _ target: FopTarget, domain: String, range: LockRange = .whole
    ) async throws(FopError) -> HeldLock {
        do throws(FopError) {
            return try await tryLock(target, on: targetPosition, domain: domain, range: range)
        } catch {
            guard error == .tryAgain else { throw error }
        }
        let position = targetPosition
        // A task of its own, because only the wait may be cancelled, never what comes before and after it.
        let wait = Task(executorPreference: volume.environment.executor) { () -> Result<HeldLock, FopError> in
            do throws(FopError) {
                return .success(try await self.lock(target, on: position, domain: domain, range: range, .acquire))
            } catch { return .failure(error) }
        }
        let isUnwanted = file.guarded.withLock { guarded in
            guarded.lockWait = wait
            return guarded.state.opens == 0 || guarded.state.closeAfterOpening != nil
        }
        if isUnwanted { wait.cancel() }
        let result = await wait.value
        file.guarded.withLock { $0.lockWait = nil }
        return try result.get()
    }

    /// Lets go. An error means that the replica has dropped the lock itself: with the connection, or with the inode.
    func unlock(_ lock: HeldLock, _ target: FopTarget) async {
        let request = InodelkRequest(target, domain: lock.domain, command: .release, range: lock.range)
        do throws(FopError) {
            _ = try await replicaSet.replicas[lock.replica].inodelk(request, in: lock.frame)
        } catch {
            volume.log(
                .debug,
                "gfid \(target.inode.gfid): unlock in \(lock.domain) on \(replicaSet.replicas[lock.replica].name): \(error)"
            )
        }
    }
}
