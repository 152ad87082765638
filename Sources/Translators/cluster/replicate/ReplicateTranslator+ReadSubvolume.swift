import ReplicaState
import Synchronization
import TranslatorCore

// Which replica is read. Source: gluster-disk-format.md §3.1.
extension ReplicateTranslator {
    /// How long what the replicas hold against each other is believed: other clients change it too.
    static let readableBelieved = Duration.seconds(1)

    /// What a look-up or stat asks beside the attributes.
    var readableQuestions: Xdata {
        var xdata: Xdata = [
            PendingCounts.dirtyKey: .uint(12), XdataKey.inodelkDomainCount: .string(lockDomain),
            XdataKey.changeStamp: .uint(1),
        ]
        for key in pendingKeys { xdata[key] = .uint(12) }
        return xdata
    }

    /// Who may be read, as known, or asked of all replicas.
    func readable(_ target: ReplicaTarget, in frame: Frame) async throws(FopError) -> ReadableReplicas {
        if let known = known(target.inode, generation: connections.generation) { return known }
        return try await refresh(target, in: frame)
    }

    func known(_ inode: Inode, generation: UInt64) -> ReadableReplicas? {
        guard let context: ReplicaInode = inode.contexts.context(at: slot) else { return nil }
        return context.known(generation, at: volume.environment.time.now())
    }

    /// The same, however long ago: for when a replica that is up cannot say any more what it holds against others.
    func lastKnown(_ inode: Inode, generation: UInt64) -> ReadableReplicas? {
        let context: ReplicaInode? = inode.contexts.context(at: slot)
        return context?.state.withLock { $0.known(generation: generation) }?.replicas
    }

    /// Somebody opens the file, or has got a lock on it: what others wrote before they closed or unlocked it is to be
    /// seen, so that the replicas are asked again before anybody reads.
    @discardableResult
    func doubt(_ inode: Inode) -> UInt64 {
        let doubt = doubts.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
        let context: ReplicaInode? = inode.contexts.context(at: slot)
        context?.state.withLock { $0.lastDoubt = max($0.lastDoubt, doubt) }
        return doubt
    }
    var doubtCount: UInt64 { doubts.load(ordering: .sequentiallyConsistent) }

    /// The replica to read content from first, where who may be read is known and that one is good and up: what
    /// `read` would choose, without an allocation. Nil: ask, or look for another.
    func knownReader(_ inode: Inode, in frame: Frame) -> Int? {
        guard let context: ReplicaInode = inode.contexts.context(at: slot) else { return nil }
        let now = volume.environment.time.now()
        let choice: (replica: Int, generation: UInt64)? = state.withLock { state in
            let (connections, settings) = (state.connections, state.settings)
            if settings.readsNeedQuorum && !settings.quorum.isMet(by: connections.up) { return nil }
            let replica = first(for: inode, in: frame, settings)
            return connections.up[replica] ? (replica, connections.generation) : nil
        }
        guard let choice else { return nil }
        let isGood = context.state.withLock { state in
            guard let known = state.readable, known.generation == choice.generation else { return false }
            guard (state.relied ?? choice.replica) == choice.replica else { return false }
            return state.believes(known, at: now) && known.replicas.data[choice.replica]
        }
        return isGood ? choice.replica : nil
    }

    /// Whom to read where all are good.
    private func first(for inode: Inode, in frame: Frame, _ settings: ReplicateSettings) -> Int {
        settings.favorite ?? hashed(inode, in: frame, settings)
    }

    private func hashed(_ inode: Inode, in frame: Frame, _ settings: ReplicateSettings) -> Int {
        let mixed =
            switch settings.readHashMode {
            case 0: UInt64(0)
            case 2: inode.gfid.low &+ UInt64(truncatingIfNeeded: frame.caller.pid)
            default: inode.gfid.low
            }
        return Int(mixed % UInt64(replicas.count))
    }

    /// Asks all replicas that are up.
    @discardableResult
    func refresh(_ target: ReplicaTarget, in frame: Frame) async throws(FopError) -> ReadableReplicas {
        try await look(target, in: frame).readable
    }

    /// The same, with the attributes of those that answered.
    func look(
        _ target: ReplicaTarget, in frame: Frame
    ) async throws(FopError) -> (readable: ReadableReplicas, iatts: [Iatt?]) {
        let (connections, doubts) = (connections, doubtCount)
        let questions = readableQuestions
        let answers: Answers<(Iatt, Xdata)> = await windAll(connections.up) { [self] replica throws(FopError) in
            // By fd, because an unlinked file is not found by its gfid.
            if let fd = target.fd, fd.isOpen(on: replica) {
                let reply = try await replicas[replica].stat(StatRequest(.fd(fd.inner), xdata: questions), in: frame)
                return (reply.iatt, reply.xdata)
            }
            let reply = try await replicas[replica].lookup(
                LookupRequest(.inode(target.inode), xdata: questions), in: frame)
            return (reply.iatt, reply.xdata)
        }
        guard answers.contains(where: { $0?.value != nil }) else {
            let error = Outcome(answers).error ?? .notConnected
            let context: ReplicaInode? = target.inode.contexts.context(at: slot)
            guard error.isAbsence, var old = context?.state.withLock({ $0.readable }) else {
                throw error
            }
            if let relied = context?.state.withLock({ $0.relied }) { old.replicas.onlyData(of: relied) }
            return (old.replicas, Array(repeating: nil, count: replicas.count))
        }
        let iatts = answers.map { $0?.value?.0 }
        let readable = learn(
            target.inode, iatts: iatts, xdata: answers.map { $0?.value?.1 ?? [:] },
            isComplete: !answers.contains { $0?.error?.isSilence ?? false },
            lost: answers.map { $0?.error?.isAbsence ?? false }, connections, doubts)
        return (readable, iatts)
    }

    /// Keeps what a look-up of all replicas has told. Where one that is up said nothing, what it held against others
    /// when it last spoke holds on: its disk may be broken, and all that was ever synced is on it. So does what is
    /// known of one that has `lost` the gfid: it may lose the last name first, had perhaps all that the others miss,
    /// and who has the file open reads it there. Whether others keep it is found out by its name.
    @discardableResult
    func learn(
        _ inode: Inode, iatts: [Iatt?], xdata: [Xdata], isComplete: Bool, lost: [Bool]? = nil,
        _ connections: Connections, _ doubts: UInt64
    ) -> ReadableReplicas {
        let context = context(inode)
        let now = volume.environment.time.now()
        let isLocked =
            xdata.contains { ($0[XdataKey.inodelkCount]?.integer ?? 0) > 0 }
            || context.state.withLock { $0.lease != nil }
        var readable = judge(inode.gfid, iatts: iatts, xdata: xdata, isLocked: isLocked)
        return context.state.withLock { state in
            let lost = lost ?? nobody
            if !isComplete || lost.contains(true),
                let before = state.known(generation: connections.generation)?.replicas
            {
                readable.restrict(to: before)
                readable.keep(lost, as: before)
            }
            // A lock may be gone later without a change.
            let stamp = isComplete && !isLocked ? ChangeStamps.combined(xdata) : nil
            state.readable = .init(
                replicas: readable, generation: connections.generation, at: now, doubts: doubts, stamp: stamp)
            // A lease knows of failures that are not marked yet.
            if let lease = state.lease { state.readable?.replicas.fail(lease.taking(connections.losses), .data) }
            return state.known(generation: connections.generation)?.replicas ?? readable
        }
    }

    private func judge(_ gfid: Gfid, iatts: [Iatt?], xdata: [Xdata], isLocked: Bool) -> ReadableReplicas {
        do throws(CodecError) {
            let matrix = try PendingMatrix(keys: pendingKeys) { xdata[$0][$1]?.bytes }
            return ReadableReplicas(matrix, iatts: iatts, isLocked: isLocked)
        } catch {
            volume.log(.error, "gfid \(gfid): a trusted.afr xattr is broken: \(error)")
            return ReadableReplicas(data: nobody, metadata: nobody)
        }
    }

    /// The good replicas in the order in which to try them.
    func order(_ good: [Bool], for inode: Inode, in frame: Frame, _ settings: ReplicateSettings) -> [Int] {
        let others = good.indices.filter { good[$0] }
        var first = first(for: inode, in: frame, settings)
        if !good[first], settings.favorite == first { first = hashed(inode, in: frame, settings) }
        return good[first] ? [first] + others.filter { $0 != first } : others
    }

    /// Reads from one good replica, and from the next where that one cannot answer.
    func read<Reply>(
        _ target: ReplicaTarget, _ good: (ReadableReplicas) -> [Bool], in frame: Frame,
        _ wind: (_ replica: Int) async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply {
        let (connections, settings) = (connections, settings)
        if settings.readsNeedQuorum { try settings.quorum.check(connections.up) }
        guard connections.up.contains(true) else { throw .notConnected }
        let readable = good(try await readable(target, in: frame))
        var failure: FopError?
        for replica in order(zip(readable, connections.up).map { $0 && $1 }, for: target.inode, in: frame, settings) {
            do throws(FopError) {
                return try await wind(replica)
            } catch {
                guard error.isAboutReplica else { throw error }
                failure = failure ?? error
            }
        }
        if failure == nil {
            if await reason(.io, target.inode, target.fd) == .stale { throw .stale }
            volume.log(
                .warning, "gfid \(target.inode.gfid): no replica may be read: split-brain, or the good ones are down")
        }
        throw failure ?? .io
    }
}

extension ReadableReplicas {
    /// Good for content and attributes both.
    var both: [Bool] { zip(data, metadata).map { $0 && $1 } }

    /// Only those that were good before, too.
    mutating func restrict(to before: ReadableReplicas) {
        data = zip(data, before.data).map { $0 && $1 }
        metadata = zip(metadata, before.metadata).map { $0 && $1 }
    }

    /// These are as they were.
    mutating func keep(_ chosen: [Bool], as before: ReadableReplicas) {
        for replica in chosen.indices where chosen[replica] {
            (data[replica], metadata[replica]) = (before.data[replica], before.metadata[replica])
        }
    }

    /// No other replica has the newest data.
    mutating func onlyData(of replica: Int) { for other in data.indices where other != replica { data[other] = false } }
}

extension FopError {
    /// Says more of the replica that answered than of the file: another may do better.
    var isAboutReplica: Bool {
        switch self {
        case .notConnected, .io, .noEntry, .stale, .timedOut, .badDescriptor, .badFileState, .noMemory, .noSpace: true
        default: false
        }
    }

    /// Says nothing of what the replica holds.
    var isSilence: Bool { isAboutReplica && !isAbsence }
}
