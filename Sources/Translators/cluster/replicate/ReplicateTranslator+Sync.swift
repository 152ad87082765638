import ReplicaState
import Synchronization
import TranslatorCore

extension ReplicateTranslator {
    /// Returns when the data is on the disks of the replicas and no mark of this client is left to take off.
    public func fsync(_ request: FsyncRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        let fd = fd(request.fd), inode = fd.inode
        let context = context(inode)
        let (connections, settings) = (connections, settings)
        let covered = context.state.withLock { $0.unstableWrites }
        let outcome = Outcome(
            await windAll(connections.up, isSlow: true) { [self] replica throws(FopError) in
                try await ensureOpen(fd, on: replica, in: frame)
                return try await replicas[replica].fsync(
                    FsyncRequest(fd: fd.inner, dataOnly: request.dataOnly, xdata: request.xdata), in: frame)
            })
        guard let reply = outcome.reply(preferring: settings.favorite) else { throw outcome.error ?? .notConnected }
        if zip(connections.up, outcome.succeeded).contains(where: { $0 && !$1 }) {
            try await blameUnsynced(fd, outcome, settings.quorum)
        } else {
            context.state.withLock { $0.syncedWrites = max($0.syncedWrites, covered) }
        }
        try await settled(inode)
        return reply
    }

    /// Some replica could not sync: it is blamed for what was written before, if a whole copy could. On the disks of
    /// stale copies only, it would not survive a heal.
    private func blameUnsynced<Reply>(
        _ fd: ReplicaFd, _ outcome: Outcome<Reply>, _ quorum: QuorumRule
    ) async throws(FopError) {
        if let relied = context(fd.inode).state.withLock({ $0.relied }), !outcome.succeeded[relied] {
            throw outcome.answers[relied]?.error ?? .io
        }
        try await underDataLock(fd.inode, fd, .whole) { entry throws(FopError) in
            if let refusal = conclude(outcome, quorum, entry) { throw refusal }
        }
    }

    /// Nothing of this client is owed any more; throws what failed since it was last asked, or before. A file that has
    /// lost its last name is owed nothing.
    private func settled(_ inode: Inode) async throws(FopError) {
        let failure = await finishMarks(inode)
        let earlier = context(inode).state.withLock { state in
            defer { state.untoldFailure = nil }
            return state.untoldFailure
        }
        if let failure = failure ?? earlier, failure != .stale { throw failure }
    }

    /// Every close(2): the marks of what was written are settled before the caller hears of it.
    public func flush(_ request: FlushRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let fd = fd(request.fd)
        let marks = await Self.result { () throws(FopError) in try await settled(fd.inode) }
        let open = zip(connections.up, replicas.indices).map { $0 && fd.isOpen(on: $1) }
        let outcome = Outcome(
            await windAll(open) { [self] replica throws(FopError) in
                try await replicas[replica].flush(FlushRequest(fd: fd.inner, xdata: request.xdata), in: frame)
            })
        try marks.get()
        // A stale copy alone says nothing.
        if let relied = context(fd.inode).state.withLock({ $0.relied }), let error = outcome.answers[relied]?.error {
            throw error
        }
        if let reply = outcome.reply(preferring: nil) { return reply }
        if let error = outcome.error { throw error }
        try QuorumRule.none.check(connections.up)
        return DoneReply()
    }

    public func fsyncdir(_ request: FsyncdirRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let fd = fd(request.fd), up = connections.up
        let answers = await windAll(up, isSlow: true) { [self] replica throws(FopError) in
            try await ensureOpen(fd, on: replica, in: frame)
            return try await replicas[replica].fsyncdir(
                FsyncdirRequest(fd: fd.inner, dataOnly: request.dataOnly, xdata: request.xdata), in: frame)
        }
        let outcome = Outcome(answers)
        guard let reply = outcome.reply(preferring: nil) else { throw outcome.error ?? .notConnected }
        if outcome.succeeded == up { return reply }
        // Whoever failed may lose names at a power cut that the caller now relies on, so that it is blamed as for a
        // change of all of them. It is not asked again: a second fsync answers well, and what the first lost is lost.
        let change = LockedChange(
            kind: .entry, locks: [.name(nil, fd.inode)], subjects: [LockedChange.Subject(inode: fd.inode, fd: fd)])
        let blamed = try await perform(change, in: frame) { replica throws(FopError) in
            guard let answer = answers[replica] else { throw .notConnected }
            return try answer.get()
        }
        return try blamed.reply(among: nil)
    }
}
