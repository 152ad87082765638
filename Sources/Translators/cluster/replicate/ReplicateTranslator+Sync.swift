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
        let failed = zip(connections.up, outcome.succeeded).map { $0 && !$1 }
        if failed.contains(true) {
            try await underDataLock(inode, fd, .whole) { entry throws(FopError) in
                let isOnGood = entry.context.state.withLock { state in
                    state.lease?.failed(allBut: outcome.succeeded)
                    state.lease?.hasChanged = true
                    state.readable?.replicas.fail(outcome.succeeded, .data)
                    return state.lease?.hasGood(among: outcome.succeeded) ?? false
                }
                try settings.quorum.check(outcome.succeeded)
                // On the disks of stale copies only, it would not survive a heal.
                guard isOnGood else { throw outcome.error ?? .io }
            }
        } else {
            context.state.withLock { $0.syncedWrites = max($0.syncedWrites, covered) }
        }
        guard await finishMarks(inode) else { throw .io }
        return reply
    }

    /// Every close(2): the marks of what was written are settled before the caller hears of it.
    public func flush(_ request: FlushRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let fd = fd(request.fd)
        let isMarked = await finishMarks(fd.inode)
        let open = zip(connections.up, replicas.indices).map { $0 && fd.isOpen(on: $1) }
        let outcome = Outcome(
            await windAll(open) { [self] replica throws(FopError) in
                try await replicas[replica].flush(FlushRequest(fd: fd.inner, xdata: request.xdata), in: frame)
            })
        guard isMarked else { throw .io }
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
