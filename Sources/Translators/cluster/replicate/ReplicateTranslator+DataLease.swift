import ReplicaState
import Synchronization
import TranslatorCore

/// A change's place under an inode's data lock, from `enter` to `leave`.
struct LeaseEntry: Sendable {
    let inode: Inode
    let context: ReplicaInode
    let turn: EagerLock<ReplicaInode.Waiter>.Turn
    /// Set while nobody else may enter: the first change of a lease that lacks a replica.
    var holdsBack: EagerLock<ReplicaInode.Waiter>.Grant?
}

// The eager lock: gluster-disk-format.md §3, "data" and "eager lock".
extension ReplicateTranslator {
    /// Runs `body` under the inode's data lock on the replicas, with `range` to itself among this client's changes.
    ///
    /// Returns after every mark that an acknowledged change owes is on a replica. Two deviations from GlusterFS, both
    /// to the safe side and with the same marks in the end: what a replica that was down misses is counted before the
    /// first write returns, not up to a second later; and where no good replica can be marked any more the change
    /// fails.
    func underDataLock<Reply>(
        _ inode: Inode, _ fd: ReplicaFd?, _ range: LockRange, marks: Bool = true,
        _ body: (LeaseEntry) async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply {
        let entry: LeaseEntry
        do throws(FopError) { entry = try await enter(inode, fd, range, marks: marks) } catch {
            throw await reason(error, inode, fd)
        }
        let result: Result<Reply, FopError>
        do throws(FopError) { result = .success(try await body(entry)) } catch { result = .failure(error) }
        // What lost its last name on one replica after the other meanwhile has nothing left to mark.
        if let failure = await leave(entry), case .success = result { throw await isGone(inode) ? .stale : failure }
        do throws(FopError) { return try result.get() } catch { throw await reason(error, inode, fd) }
    }

    private func enter(
        _ inode: Inode, _ fd: ReplicaFd?, _ range: LockRange, marks: Bool
    ) async throws(FopError) -> LeaseEntry {
        let context = context(inode)
        let turn = EagerLock<ReplicaInode.Waiter>.Turn(number: UniqueNumber.next(), range: range, marks: marks)
        var entry = LeaseEntry(inode: inode, context: context, turn: turn)
        let grant: EagerLock<ReplicaInode.Waiter>.Grant
        if let now = context.state.withLock({ $0.lock.enter(turn) }) {
            grant = now
        } else {
            grant = try await wait(turn, context)
        }
        switch grant {
        case .go: break
        case .take:
            do throws(FopError) {
                try await take(inode, fd, context, marks: marks)
            } catch {
                context.state.withLock { $0.lock.failedToTake(turn) }.resume()
                throw error
            }
            entry.holdsBack = grant
        case .mark:
            do throws(FopError) {
                try await markDirty(inode, context)
            } catch {
                context.state.withLock { $0.lock.failedToMark() }
                await leave(entry)
                throw error
            }
            entry.holdsBack = grant
        }
        if entry.holdsBack != nil && (!marks || !lacksReplica(context)) { letOthersIn(&entry) }
        return entry
    }

    /// EINTR when the task is cancelled before its turn comes.
    private func wait(
        _ turn: EagerLock<ReplicaInode.Waiter>.Turn, _ context: ReplicaInode
    ) async throws(FopError) -> EagerLock<ReplicaInode.Waiter>.Grant {
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let now = context.state.withLock { state in
                    let grant = state.lock.enter(turn)
                    if grant == nil { state.lock.wait(turn, waiter) }
                    return grant
                }
                if let now { waiter.resume(returning: .granted(now)) }
                // It may have been cancelled before it began to wait.
                if now == nil && Task.isCancelled { cancel(turn, context) }
            }
        } onCancel: {
            cancel(turn, context)
        }
        switch answer {
        case .granted(let grant): return grant
        case .cancelled: throw .interrupted
        case .closed: preconditionFailure("one that waits for its turn is not told of a close")
        }
    }

    private func cancel(_ turn: EagerLock<ReplicaInode.Waiter>.Turn, _ context: ReplicaInode) {
        guard let (waiter, wakes) = context.state.withLock({ $0.lock.cancel(turn) }) else { return }
        wakes.resume()
        waiter.resume(returning: .cancelled)
    }

    private func lacksReplica(_ context: ReplicaInode) -> Bool {
        let losses = connections.losses
        return context.state.withLock { $0.lease?.taking(losses).contains(false) ?? false }
    }

    private func letOthersIn(_ entry: inout LeaseEntry) {
        let wakes = entry.context.state.withLock { state in
            switch entry.holdsBack! {
            case .take: state.lock.taken(isMarked: entry.turn.marks)
            case .mark: state.lock.marked()
            case .go: preconditionFailure("one that just goes holds nobody back")
            }
        }
        entry.holdsBack = nil
        wakes.resume()
    }

    /// Answers why what is owed by now is not done: a mark that is on no replica, data that no whole copy could sync.
    @discardableResult
    private func leave(_ entry: LeaseEntry) async -> FopError? {
        var entry = entry
        let (connections, settings) = (connections, settings)
        if entry.holdsBack != nil {
            await blameMissing(entry.inode, entry.context)
            letOthersIn(&entry)
        }
        let now = volume.environment.time.now()
        let (left, owes) = entry.context.state.withLock { state in
            state.idleSince = now
            let owes = state.lease?.owesMarks(connections.losses) ?? false
            // A replica failed: what it missed is counted before anybody hears that it was done.
            if owes { _ = state.lock.want() }
            return (state.lock.leave(entry.turn, keeps: settings.postOpDelay > .zero), owes)
        }
        left.wakes.resume()
        if left.mustClose { return await close(entry.inode, entry.context) }
        return owes ? await waitForClose(entry.context) : nil
    }
}

// Taking, marking, closing.
extension ReplicateTranslator {
    private func leaseFrame(_ context: ReplicaInode) -> Frame { Frame(caller: .root, lockOwner: context.owner) }

    private func take(
        _ inode: Inode, _ fd: ReplicaFd?, _ context: ReplicaInode, marks: Bool
    ) async throws(FopError) {
        let (connections, settings) = (connections, settings)
        try settings.quorum.check(connections.up)
        let frame = leaseFrame(context)
        let locks = [ReplicaLock.range(.whole, inode, fd)]
        // First, so that a notice finds it that comes with the first lock.
        leases.opened(.init(inode: inode, context: context), on: volume.environment.executor) { [self] in await reap() }
        var held = nobody
        do throws(FopError) {
            held = try await lock(locks, on: connections.up, in: frame)
            await letGoOfDoubtful(locks, &held, connections, in: frame)
            try settings.quorum.check(held)
            let lease = DataLease(held: held, connections.losses, fd)
            let relied = context.state.withLock { state in
                state.lease = lease
                state.lease!.relied = state.relied
                return state.relied
            }
            if marks, let relied, !held[relied] { throw FopError.io }
            if marks { try await markDirty(inode, context) }
        } catch {
            await unlock(locks, on: held, in: frame)
            leases.closed(inode)
            context.state.withLock { $0.lease = nil }
            throw error
        }
    }

    /// A replica that went and came back while we waited for the lock takes no part, and may have granted it before or
    /// after: one that nobody releases would keep everybody out for good.
    private func letGoOfDoubtful(
        _ locks: [ReplicaLock], _ held: inout [Bool], _ before: Connections, in frame: Frame
    ) async {
        let losses = connections.losses
        let doubtful = held.indices.map { held[$0] && losses[$0] != before.losses[$0] }
        guard doubtful.contains(true) else { return }
        await unlock(locks, on: doubtful, in: frame)
        held = zip(held, doubtful).map { $0 && !$1 }
    }

    /// Pre-op: dirty on all replicas that are locked; who refuses has failed. The replies tell who is accused: without
    /// one that is whole the file must not change. A copy whose inode has no room for it takes part unmarked where all
    /// others are dirty: they say that something was under way.
    private func markDirty(_ inode: Inode, _ context: ReplicaInode) async throws(FopError) {
        let connections = connections
        guard let lease = context.state.withLock({ $0.lease }) else { throw .io }
        let (frame, fd) = (leaseFrame(context), lease.fd)
        let values = marks(blaming: nobody, by: .zero, dirty: PendingCounts(data: 1))
        let answers = await windAll(lease.taking(connections.losses)) { [self] replica throws(FopError) in
            try await mark(fd?.target(on: replica) ?? .inode(inode), values, on: replica, in: frame)
        }
        let marked = answers.map { $0?.value != nil }
        let isFull = answers.map { $0?.error?.isLackOfRoom ?? false }
        let isCovered = marked.contains(true) && zip(marked, isFull).allSatisfy { $0 || $1 }
        let takesPart = isCovered ? marked.map { _ in true } : marked
        // Who could not be locked or marked takes no part, but what it holds against others is true all the same.
        let silent = zip(connections.up, marked).map { $0 && !$1 }
        let (isAccusedBySilent, isComplete) = await accused(by: silent, inode, fd, of: .data, in: frame)
        let before = isComplete ? nil : lastKnown(inode, generation: connections.generation)?.data
        let isUnaccused = replicas.indices.map { accused in
            !isAccusedBySilent[accused] && before?[accused] ?? true
                && !answers.contains { $0?.value.map { $0[accused].data != 0 } ?? false }
        }
        let isWhole = context.state.withLock { state in
            for replica in marked.indices {
                state.lease?.replicas[replica].isMarked = marked[replica]
                state.lease?.replicas[replica].isUnaccused = isUnaccused[replica]
            }
            state.lease?.failed(allBut: takesPart)
            return state.lease?.isWhole ?? nobody
        }
        guard let refusal = refusal(of: Outcome(answers), takesPart, isWhole, inode) else { return }
        let undo = marks(blaming: nobody, by: .zero, dirty: PendingCounts(data: -1))
        _ = await windAll(marked) { [self] replica throws(FopError) in
            try await mark(fd?.target(on: replica) ?? .inode(inode), undo, on: replica, in: frame)
        }
        context.state.withLock { state in
            for replica in marked.indices { state.lease?.replicas[replica].isMarked = false }
        }
        throw refusal
    }

    /// Why nothing may change after a pre-op: who is whole did not take it, or too few did.
    private func refusal(
        of marked: Outcome<[PendingCounts]>, _ takesPart: [Bool], _ isWhole: [Bool], _ inode: Inode
    ) -> FopError? {
        guard takesPart.contains(true) else { return marked.error ?? .notConnected }
        guard settings.quorum.isMet(by: takesPart) else { return .readOnly }
        if zip(takesPart, isWhole).contains(where: { $0 && $1 }) { return nil }
        // A copy that is losing its name says nothing any more of the others.
        if !isWhole.contains(true), !marked.answers.contains(where: { $0?.error?.isAbsence ?? false }) {
            volume.log(
                .error, "gfid \(inode.gfid): split-brain, every replica is accused; to see it: healctl split-brain list"
            )
        }
        return marked.error(of: isWhole) ?? .io
    }

    /// Counts on the good replicas, before the first change returns, what those that were not there miss.
    private func blameMissing(_ inode: Inode, _ context: ReplicaInode) async {
        let losses = connections.losses
        guard let lease = context.state.withLock({ $0.lease }), lease.hasChanged, lease.hasGood(losses) else { return }
        let blamed = lease.toBlame(losses), taking = lease.taking(losses)
        guard blamed.contains(true) else { return }
        let frame = leaseFrame(context)
        let values = marks(blaming: blamed, by: PendingCounts(data: 1), dirty: .zero)
        let answers = await windAll(taking) { [self] replica throws(FopError) in
            try await mark(lease.fd?.target(on: replica) ?? .inode(inode), values, on: replica, in: frame)
        }
        let marked = answers.map { $0?.value != nil }
        context.state.withLock { state in
            state.lease?.failed(allBut: marked)
            guard marked.contains(true) else { return }
            for replica in blamed.indices where blamed[replica] { state.lease?.replicas[replica].isBlamed = true }
        }
    }

    /// Post-op and unlock; nobody is in. Answers what `leave` does, ESTALE where the file is gone from all that held
    /// it.
    private func close(_ inode: Inode, _ context: ReplicaInode) async -> FopError? {
        let frame = leaseFrame(context)
        let (held, unstable, synced) = context.state.withLock { ($0.lease, $0.unstableWrites, $0.syncedWrites) }
        guard var lease = held else { return nil }
        var failure: FopError?
        if settings.ensuresDurability && lease.hasChanged && unstable != synced {
            failure = await sync(&lease, inode, in: frame)
            context.state.withLock { $0.syncedWrites = unstable }
        }
        let losses = connections.losses
        let hasGood = lease.hasGood(losses)
        let blamed = lease.hasChanged && hasGood ? lease.toBlame(losses) : nobody
        let owes = blamed.contains(true)
        let good = zip(lease.taking(losses), lease.replicas).map { $0 && hasGood && ($1.isMarked || owes) }
        let values = marks(blaming: blamed, by: PendingCounts(data: 1), dirty: PendingCounts(data: -1))
        // An xattr that is there takes no more room when its counts change.
        let onFull = marks(blaming: blamed, by: PendingCounts(data: 1), dirty: nil)
        let (fd, isMarked) = (lease.fd, lease.replicas.map(\.isMarked))
        let answers = await windAll(good) { [self] replica throws(FopError) in
            let values = isMarked[replica] ? values : onFull
            try await mark(fd?.target(on: replica) ?? .inode(inode), values, on: replica, in: frame)
        }
        await unlock([.range(.whole, inode, fd)], on: lease.locked(connections.losses), in: frame)
        if owes && !answers.contains(where: { $0?.value != nil }) {
            failure = failure ?? (Outcome(answers).isGone ? .stale : .io)
        }
        leases.closed(inode)
        let wakes = context.state.withLock { state in
            state.lease = nil
            return state.lock.closed()
        }
        wakes.resume(failure: failure)
        return failure
    }

    /// Data is on the disks before marks say so. Answers what the whole copies said, if none of them could.
    private func sync(_ lease: inout DataLease, _ inode: Inode, in frame: Frame) async -> FopError? {
        let losses = connections.losses
        let (fd, isWhole, hadGood) = (lease.fd, lease.isWhole, lease.hasGood(losses))
        let synced = Outcome(
            await windAll(lease.taking(losses), isSlow: true) { [self] replica throws(FopError) in
                let target = fd?.target(on: replica).fd ?? .anonymous(inode)
                return try await replicas[replica].fsync(FsyncRequest(fd: target, dataOnly: true), in: frame)
            })
        lease.failed(allBut: synced.succeeded)
        guard hadGood && !lease.hasGood(losses) else { return nil }
        return synced.isGone ? .stale : synced.error(of: isWhole) ?? .io
    }
}

// Letting go.
extension ReplicateTranslator {
    public func settle(_ inode: Inode) async { keep(await finishMarks(inode), of: inode) }

    public func rely(on replica: Int?, for inode: Inode) {
        context(inode).state.withLock { state in
            // What is believed of the others was found out while they were old.
            if state.relied != nil && replica == nil { state.readable = nil }
            state.relied = replica
            state.lease?.relied = replica
        }
    }

    /// A close has failed that nobody waited for: whoever syncs next hears of it. Of a file that is gone nothing is
    /// lost.
    private func keep(_ failure: FopError?, of inode: Inode) {
        if let failure, failure != .stale { context(inode).state.withLock { $0.untoldFailure = failure } }
    }

    /// Closes the lease, if there is one, and answers what it owed and could not do.
    func finishMarks(_ inode: Inode) async -> FopError? {
        guard let context: ReplicaInode = inode.contexts.context(at: slot) else { return nil }
        let closes = context.state.withLock { $0.lock.want() }
        return closes ? await close(inode, context) : await waitForClose(context)
    }

    private func waitForClose(_ context: ReplicaInode) async -> FopError? {
        let answer = await withCheckedContinuation { waiter in
            let waits = context.state.withLock { $0.lock.waitForClose(waiter) }
            if !waits { waiter.resume(returning: .closed(failure: nil)) }
        }
        guard case .closed(let failure) = answer else {
            preconditionFailure("one that waits for a close is told of it")
        }
        return failure
    }

    /// Somebody else waits for this inode's data lock. Called where nothing may block.
    func closeWanted(_ gfid: Gfid) {
        guard let lease = leases[gfid], lease.context.state.withLock({ $0.lock.want() }) else { return }
        Task(executorPreference: volume.environment.executor) {
            self.keep(await self.close(lease.inode, lease.context), of: lease.inode)
        }
    }

    /// Lets go of locks that are idle for `post-op-delay-secs`, or that another process waits for.
    private func reap() async {
        let time = volume.environment.time
        while leases.goesOn() {
            let delay = settings.postOpDelay
            let open = leases.all
            let now = time.now()
            var next = now + max(delay, .milliseconds(10))
            for lease in open {
                let isDue = lease.context.state.withLock { state in
                    guard state.lock.isIdle else { return false }
                    let due = state.idleSince + delay
                    if due > now { next = min(next, due) }
                    return due <= now
                }
                if isDue || isWantedElsewhere(lease.inode.gfid) { closeWanted(lease.inode.gfid) }
            }
            do { try await time.sleep(until: min(next, now + .milliseconds(100))) } catch { return }
        }
    }

    private func isWantedElsewhere(_ gfid: Gfid) -> Bool {
        replicas.contains { $0.lockContention?.isWanted(gfid, domain: lockDomain, range: .whole) ?? false }
    }
}
