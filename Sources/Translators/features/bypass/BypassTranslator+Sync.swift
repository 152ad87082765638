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
        let isLocal = settings.fsync == .local
        let (isUnsynced, isAhead) = file.guarded.withLock { guarded in
            defer { guarded.isUnsynced = false }
            return (guarded.isUnsynced, guarded.state.hasEpoch || guarded.hasUnhealed)
        }
        do throws(FopError) {
            if isAhead { try checkNotStale(file) }
            // What went through replicate may be in any brick's memory; so may what others wrote.
            var reply: AttributesReply?
            if isUnsynced || !isAhead || !isLocal { reply = try await subvolume.fsync(request, in: frame) }
            if isAhead {
                let onTarget = FsyncRequest(
                    fd: try await dataFd(file, orOf: request.fd), dataOnly: request.dataOnly, xdata: request.xdata)
                reply = try await target.fsync(onTarget, in: frame)
            }
            if !isLocal { try await waitUntilHeld(file, by: request.fd, in: frame) }
            return reply!
        } catch {
            if isUnsynced { file.guarded.withLock { $0.isUnsynced = true } }
            throw error
        }
    }

    /// Until as many replicas as `fsync` asks for hold what the file has now, whoever wrote it. EIO after
    /// `fsync-timeout`, and at once while a replica is down, because no healer works then; EINTR when the program that
    /// has it open by `own` gets a signal.
    func waitUntilHeld(_ file: BypassInode, by own: Fd, in frame: Frame) async throws(FopError) {
        let settings = settings
        let needed = settings.fsync.sinksNeeded(of: replicaSet.replicas.count) + 1
        guard needed > 1 else { return }
        let deadline = now + settings.fsyncTimeout
        do throws(FopError) {
            let fd = try await replicaSet.up[targetPosition] ? dataFd(file, orOf: own) : nil
            let through = try await endEpoch(of: file, fd)
            var isWanted = false
            while true {
                let version = file.version
                // A file without a name is nobody's to heal, and dies with its last close.
                if let fd, try await isNameless(fd) { return }
                var seen = try await inspect(file, fd, through)
                if seen.isDirty, seen.holders < needed, let fd,
                    let lock = try await dataLock(fd, until: deadline, for: frame)
                {
                    seen = try await inspect(file, fd, through, under: lock)
                }
                if seen.holders >= needed { return }
                if replicaSet.up.contains(false) { throw FopError.io }
                if !isWanted {
                    isWanted = true
                    counters.fsyncsWaited.count()
                    file.observer?.healWanted(file.gfid, generation: through)
                }
                guard now < deadline else { throw FopError.io }
                decide(file) { $0.wakeWaiters(at: min(deadline, now + Self.healPoll)) }
                try await file.change(since: version, for: frame, volume.environment.waits)
            }
        } catch {
            counters.fsyncsFailed.count()
            throw error
        }
    }

    private func isNameless(_ fd: Fd) async throws(FopError) -> Bool {
        try await target.stat(StatRequest(.fd(fd)), in: ownFrame()).iatt.nlink == 0
    }

    private func inspect(
        _ file: BypassInode, _ fd: Fd?, _ generation: Int32
    ) async throws(FopError) -> SyncInspection {
        var counts: EpochCounts?
        if let fd {
            counts = try await xattrop(.fd(fd), marks.reading)
            learn(counts!, of: file.gfid)
        }
        let answers = await onReplicas(replicaSet.up) { replica throws(FopError) in
            try await self.look(file, fd, on: replica)
        }
        return SyncInspection(answers, counts, through: generation, marks)
    }

    /// Between transactions: what is dirty then was left half-way. At any other look the file is dirty for as long as
    /// somebody goes on writing through replicate.
    private func inspect(
        _ file: BypassInode, _ fd: Fd, _ generation: Int32, under lock: HeldLock
    ) async throws(FopError) -> SyncInspection {
        let seen: Result<SyncInspection, FopError>
        do throws(FopError) { seen = .success(try await inspect(file, fd, generation)) } catch {
            seen = .failure(error)
        }
        await unlock(lock, .fd(fd))
        return try seen.get()
    }

    /// Who writes through replicate keeps the file dirty until it hears that somebody wants its lock: of a request that
    /// waits, for in another process of this machine one that only tries leaves no sign. Nil when it cannot be had
    /// in time; EINTR when the program that waits gets a signal.
    private func dataLock(
        _ fd: Fd, until deadline: MonotonicTime, for frame: Frame
    ) async throws(FopError) -> HeldLock? {
        let (environment, position, domain) = (volume.environment, targetPosition, locks.data)
        let wait = Task(executorPreference: environment.executor) { () -> Result<HeldLock, FopError> in
            do throws(FopError) {
                return .success(try await self.lock(.fd(fd), on: position, domain: domain, range: .whole, .acquire))
            } catch { return .failure(error) }
        }
        let patience = Task(executorPreference: environment.executor) {
            if (try? await environment.time.sleep(until: deadline)) != nil { wait.cancel() }
        }
        defer { patience.cancel() }
        if !environment.waits.begin(frame.unique, { wait.cancel() }) { wait.cancel() }
        let result = await wait.value
        environment.waits.end(frame.unique)
        do throws(FopError) { return try result.get() } catch {
            if error == .interrupted, now < deadline { throw error }
            return nil
        }
    }

    private enum Ending {
        case epoch(through: Int32?)
        case notYet(version: UInt64)
    }

    /// Rolls, so that everything written so far is in epochs that are closed: through which one.
    private func endEpoch(of file: BypassInode, _ fd: Fd?) async throws(FopError) -> Int32 {
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
            case .epoch(nil):
                guard let fd else { return 0 }
                return try await xattrop(.fd(fd), marks.reading).opened
            }
        }
    }
}
