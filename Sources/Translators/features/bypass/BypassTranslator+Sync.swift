import Glibc
import ReplicaState
import Synchronization
import TranslatorCore

// fsync: DESIGN §3.1 step 6.
extension BypassTranslator {
    /// While a confirmation is awaited, how often the target's own xattrs are read: they decide.
    static let healPoll = Duration.milliseconds(100)

    public func fsync(_ request: FsyncRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        guard let file = context(request.fd.inode) else { return try await subvolume.fsync(request, in: frame) }
        let (isUnsynced, isAhead) = file.guarded.withLock { guarded in
            defer { guarded.isUnsynced = false }
            return (guarded.isUnsynced, guarded.state.hasEpoch || guarded.hasUnhealed)
        }
        do throws(FopError) {
            guard isAhead else { return try await subvolume.fsync(request, in: frame) }
            try checkNotStale(file)
            let fd = try await dataFd(file, orOf: request.fd)
            if isUnsynced { _ = try await subvolume.fsync(request, in: frame) }
            let onTarget = FsyncRequest(fd: fd, dataOnly: request.dataOnly, xdata: request.xdata)
            let reply = try await target.fsync(onTarget, in: frame)
            try await waitUntilHeld(file, fd, in: frame)
            return reply
        } catch {
            if isUnsynced { file.guarded.withLock { $0.isUnsynced = true } }
            throw error
        }
    }

    /// Until as many replicas as `fsync` asks for hold what was written so far. EIO after `fsync-timeout`, and at once
    /// while a replica is down, because no healer works then; EINTR when the program gets a signal.
    private func waitUntilHeld(_ file: BypassInode, _ fd: Fd, in frame: Frame) async throws(FopError) {
        let settings = settings
        let needed = settings.fsync.sinksNeeded(of: replicaSet.replicas.count)
        guard needed > 0 else { return }
        counters.fsyncsWaited.count()
        let deadline = now + settings.fsyncTimeout
        do throws(FopError) {
            let through = try await endEpoch(of: file, fd)
            file.observer?.healWanted(file.gfid, generation: through)
            while true {
                let version = file.version
                if try await isHeld(file, fd, through, by: needed) { return }
                guard now < deadline else { throw FopError.io }
                decide(file) { $0.wakeWaiters(at: min(deadline, now + Self.healPoll)) }
                try await file.change(since: version, for: frame, volume.environment.waits)
            }
        } catch {
            counters.fsyncsFailed.count()
            throw error
        }
    }

    private func isHeld(
        _ file: BypassInode, _ fd: Fd, _ generation: Int32, by needed: Int
    ) async throws(FopError) -> Bool {
        // A file without a name is nobody's to heal, and dies with its last close.
        if try await target.stat(StatRequest(.fd(fd)), in: ownFrame()).iatt.nlink == 0 { return true }
        let counts = try await xattrop(.fd(fd), marks.reading)
        learn(counts, of: file.gfid)
        if marks.sinks.count(where: { counts.healed(on: $0) >= generation }) >= needed { return true }
        if replicaSet.up.contains(false) { throw .io }
        return false
    }

    private enum Ending {
        case epoch(through: Int32?)
        case notYet(version: UInt64)
    }

    /// Rolls, so that everything written so far is in epochs that are closed: through which one.
    private func endEpoch(of file: BypassInode, _ fd: Fd) async throws(FopError) -> Int32 {
        var through: Int32?
        while true {
            let version = file.version
            let ending = decide(file) { state -> (Ending, BypassInodeState.Outcome) in
                if let through {
                    return state.isClosed(through)
                        ? (.epoch(through: through), .init()) : (.notYet(version: version), .init())
                }
                if state.phase == .opening { return (.notYet(version: version), .init()) }
                let (newest, outcome) = state.endEpochSoon()
                through = newest
                guard let newest, !state.isClosed(newest) else { return (.epoch(through: newest), outcome) }
                return (.notYet(version: version), outcome)
            }
            switch ending {
            case .notYet(let version): try await file.change(since: version)
            case .epoch(let through?): return through
            case .epoch(nil): return try await xattrop(.fd(fd), marks.reading).opened
            }
        }
    }
}
