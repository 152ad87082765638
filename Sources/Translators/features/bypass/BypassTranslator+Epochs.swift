import ReplicaState
import Synchronization
import TranslatorCore

// The xattrop of an epoch, rolling to the next, giving back the locks.
extension BypassTranslator {
    enum Marking {
        /// On disk, if it was to be and `ensure-durability` asks for it.
        case marked(EpochCounts)
        /// `unknown`: this epoch may be marked all the same.
        case failed(unknown: Int32?)
        /// Nothing is marked: the inode has no room for xattrs.
        case noRoom
    }

    /// Whether the mark of an epoch is on disk before the epoch is written in, under `ensure-durability`.
    enum MarkSync {
        /// By fsync: the first epoch after idle.
        case fsync
        /// By the order of the file system's journal: the first epoch of a file that is empty and has nothing pending.
        /// Nothing of the epoch is seen after a power cut without its mark, and the healer syncs the target's file
        /// before it copies.
        case journal
        /// By an older one: a roll. What replaces that on disk is never less, because nobody takes off the epoch that
        /// is open, and a later value of an xattr has all earlier additions in it. Which epochs are counted does not
        /// matter after a power cut: every record and journal of the boot before is disbelieved, and the file is
        /// healed whole. An fsync would send all that was written since the last one to the disk, twenty times a
        /// second.
        case olderMark
    }

    /// The one xattrop for all other replicas, and its fsync where it needs one.
    func markNextEpoch(_ fd: Fd, after opened: Int32, _ sync: MarkSync) async -> Marking {
        let counts: EpochCounts
        do throws(FopError) {
            counts = try await xattrop(.fd(fd), marks.opening)
        } catch {
            let isFull = error == .noSpace || error == .quotaExceeded
            if !isFull {
                volume.log(.warning, "gfid \(fd.inode.gfid): no epoch \(opened + 1) on \(target.name): \(error)")
            }
            // The reply may have got lost on its way: the counters tell, if they can be read.
            if let now = try? await xattrop(.fd(fd), marks.reading), now.opened == opened {
                return isFull ? .noRoom : .failed(unknown: nil)
            }
            return .failed(unknown: opened + 1)
        }
        guard counts.opened == opened + 1, marks.sinks.allSatisfy({ counts.bypass[$0].opened == counts.opened }) else {
            volume.log(
                .error,
                "gfid \(fd.inode.gfid): somebody else changes its \(BypassCounts.key(for: "trusted.afr.…")) on \(target.name)"
            )
            return .failed(unknown: counts.opened)
        }
        guard sync == .fsync, replicaSet.ensuresDurability else { return .marked(counts) }
        do throws(FopError) {
            _ = try await target.fsync(FsyncRequest(fd: fd, dataOnly: false), in: ownFrame())
            return .marked(counts)
        } catch {
            volume.log(.warning, "gfid \(fd.inode.gfid): fsync of the mark on \(target.name): \(error)")
            return .failed(unknown: counts.opened)
        }
    }

    func xattrop(_ inode: FopTarget, _ values: Xattrs) async throws(FopError) -> EpochCounts {
        let reply = try await target.xattrop(XattropRequest(inode, values: values), in: ownFrame())
        do throws(CodecError) { return try marks.counts { reply.values[$0] } } catch { throw .io }
    }

    /// The next epoch's mark, while writes go on in the one that is open.
    func roll(_ file: BypassInode) async {
        let (fd, generation) = file.guarded.withLock { ($0.openFd, $0.state.current?.generation) }
        guard let fd, let generation else { preconditionFailure("an open epoch has a descriptor") }
        switch await markNextEpoch(fd, after: generation, .olderMark) {
        case .marked(let counts):
            counters.rolls.count()
            epochStarts(file, counts)
            file.observer!.epochOpened(file.gfid, generation: counts.opened)
            decide(file) { $0.rolled(to: counts.opened, missing: counts.missing, at: now) }
            learn(counts, of: file.gfid)
        case .noRoom:
            counters.rollsFailed.count()
            decide(file) { $0.rollFailed(unknown: nil, until: later()) }
        case .failed(let unknown):
            counters.rollsFailed.count()
            if let unknown { doubt(file, unknown) }
            decide(file) { $0.rollFailed(unknown: unknown, until: later()) }
        }
    }

    /// From now on only the target has everything, and until the epoch has ended this inode is there to know it.
    func epochStarts(_ file: BypassInode, _ counts: EpochCounts) {
        file.epochStarts(counts)
        tellReplicate(of: file)
        backlog.withLock { $0.doubtful[file.gfid] = nil }
    }

    /// What became of this epoch's mark, the target's xattrs tell: now, if they can be read, or when the healer has
    /// healed it.
    func doubt(_ file: BypassInode, _ generation: Int32) {
        file.epochMayHaveStarted(generation)
        tellReplicate(of: file)
        backlog.withLock { $0.doubtful[file.gfid] = generation }
        jobs.add(.verify(file.gfid))
        sweepLater()
    }

    func release(_ file: BypassInode, lease: Bool) async {
        await releaseLocks(file, lease: lease)
        decide(file) { $0.released() }
    }

    /// Epoch lock, epoch mark, and the lease if asked, as far as they are held.
    func releaseLocks(_ file: BypassInode, lease: Bool) async {
        let (locks, fd) = file.guarded.withLock { guarded in
            var given = BypassInode.Locks(mark: guarded.locks.mark, epoch: guarded.locks.epoch)
            (guarded.locks.mark, guarded.locks.epoch) = (nil, nil)
            if lease { swap(&given.lease, &guarded.locks.lease) }
            return (given, guarded.openFd)
        }
        let onTarget = fd.map { FopTarget.fd($0) } ?? .inode(file.inode)
        if let epoch = locks.epoch { await unlock(epoch, onTarget) }
        if let mark = locks.mark { await unlock(mark, onTarget) }
        guard !locks.lease.isEmpty else { return }
        var held = [HeldLock?](repeating: nil, count: replicaSet.replicas.count)
        for lock in locks.lease { held[lock.replica] = lock }
        _ = await onReplicas(held.map { $0 != nil }) { [held] replica throws(FopError) in
            await self.unlock(held[replica]!, .inode(file.inode))
        }
    }

    /// Runs `body` for each replica that `takesPart`, side by side where one of them is far away; answers by position.
    func onReplicas<Value: Sendable>(
        _ takesPart: [Bool], _ body: @escaping @Sendable (Int) async throws(FopError) -> Value
    ) async -> [Result<Value, FopError>?] {
        @Sendable func run(_ replica: Int) async -> Result<Value, FopError> {
            do throws(FopError) { return .success(try await body(replica)) } catch { return .failure(error) }
        }
        var answers = [Result<Value, FopError>?](repeating: nil, count: takesPart.count)
        let chosen = takesPart.indices.filter { takesPart[$0] }
        guard chosen.contains(where: { !replicaSet.replicas[$0].isBrickServedHere }) else {
            for replica in chosen { answers[replica] = await run(replica) }
            return answers
        }
        await withTaskGroup(of: (Int, Result<Value, FopError>).self) { group in
            for replica in chosen { group.addTask { (replica, await run(replica)) } }
            for await (replica, answer) in group { answers[replica] = answer }
        }
        return answers
    }
}

// The inode's one descriptor on the target.
extension BypassTranslator {
    /// Opened for reading and writing and without O_APPEND at the first use, closed after the last close.
    func dataFd(_ file: BypassInode) async throws(FopError) -> Fd {
        while true {
            let (now, version) = file.guarded.withLock { guarded in
                let now = guarded.dataFd
                if case .none = now { guarded.dataFd = .opening }
                return (now, guarded.version)
            }
            switch now {
            case .open(let fd): return fd
            case .opening: try await file.change(since: version)
            case .none: return try await openDataFd(file)
            }
        }
    }

    /// The same; where it cannot be opened because the last name is gone, what this open of the file holds there.
    func dataFd(_ file: BypassInode, orOf own: Fd?) async throws(FopError) -> Fd {
        do throws(FopError) { return try await dataFd(file) } catch {
            guard error.isAbsence, let own,
                let held = replicaSet.descriptor(of: own, on: targetPosition)
            else { throw error }
            return held
        }
    }

    private func openDataFd(_ file: BypassInode) async throws(FopError) -> Fd {
        let fd = Fd(inode: file.inode, flags: .readWrite)
        do throws(FopError) {
            _ = try await target.open(OpenRequest(fd: fd), in: ownFrame())
        } catch {
            file.guarded.withLock { $0.dataFd = .none }
            file.wake()
            throw error
        }
        file.guarded.withLock { $0.dataFd = .open(fd) }
        file.wake()
        return fd
    }

    /// After the target was away, what it had open is gone; writes in flight keep theirs.
    func dropStaleDataFd(_ file: BypassInode) async {
        let stale = file.guarded.withLock { guarded -> Fd? in
            guard guarded.dataFdIsStale, let fd = guarded.openFd else { return nil }
            (guarded.dataFd, guarded.dataFdIsStale) = (.none, false)
            return fd
        }
        if let stale { await target.release(stale) }
    }

    /// After the last close, once nothing is locked any more.
    func closeDataFd(_ file: BypassInode) async {
        let fd = file.guarded.withLock { guarded -> Fd? in
            guard guarded.state.opens == 0, !guarded.state.isActive, let fd = guarded.openFd else { return nil }
            guarded.dataFd = .none
            return fd
        }
        if let fd { await target.release(fd) }
    }
}
