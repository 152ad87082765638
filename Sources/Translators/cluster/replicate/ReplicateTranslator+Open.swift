import ReplicaState
import Synchronization
import TranslatorCore

extension ReplicateTranslator {
    /// Opens on all replicas that are up; where that fails it is tried again before the first use. O_TRUNC is a
    /// transaction of its own. The reply has a change stamp of the whole set where nothing has changed since all were
    /// asked whom they accuse.
    public func open(_ request: OpenRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        if standing(for: request.fd.inode) != nil { throw .io }
        let (connections, began, doubts) = (connections, volume.environment.time.now(), doubt(request.fd.inode))
        let answers = try await openAll(request.fd, asking: ChangeStamps.question, connections, in: frame)
        guard request.fd.flags.contains(.truncate) else {
            guard let stamp = ChangeStamps.combined(answers),
                settle(doubts, of: request.fd.inode, by: stamp, connections, at: began)
            else { return DoneReply() }
            return DoneReply(xdata: [XdataKey.changeStamp: .uint(stamp)])
        }
        do throws(FopError) { _ = try await truncate(.fd(fd(request.fd)), to: 0, in: frame) } catch {
            // Nobody else closes what is open by now.
            await release(request.fd)
            throw error
        }
        return DoneReply()
    }

    /// What the replicas answered that it could be opened on; nil for the others. `asking` goes with each open of a
    /// file.
    func openAll(
        _ outer: Fd, asking xdata: Xdata = [:], _ connections: Connections, in frame: Frame
    ) async throws(FopError) -> [Xdata?] {
        let fd = fd(outer)
        let settings = settings
        if settings.readsNeedQuorum { try settings.quorum.check(connections.up) }
        let outcome = Outcome(
            await windAll(connections.up) { [self] replica throws(FopError) in
                try await ensureOpen(fd, on: replica, asking: xdata, in: frame)
            })
        // Open on some replicas only it would leave the others behind with the first write.
        let failure =
            outcome.answers.compactMap { $0?.error }.first(where: \.isOutOfDescriptors) ?? loss(of: fd.inode, outcome)
        guard outcome.succeeded.contains(true), failure == nil else {
            for replica in replicas.indices where outcome.succeeded[replica] {
                await fd.close(on: replica, replicas[replica])
            }
            throw failure ?? outcome.error ?? .notConnected
        }
        return outcome.answers.map { $0?.value }
    }

    /// Whether what is known of the replicas is what they would say now, because nothing on them has changed since they
    /// said it. Then it is believed as if they had.
    private func settle(
        _ doubts: UInt64, of inode: Inode, by stamp: UInt64, _ connections: Connections, at now: MonotonicTime
    ) -> Bool {
        context(inode).state.withLock { state in
            guard let known = state.readable, known.generation == connections.generation, known.stamp == stamp else {
                return false
            }
            state.readable!.doubts = max(known.doubts, doubts)
            state.readable!.at = max(known.at, now)
            return true
        }
    }

    /// ESTALE where those that have the newest data have lost the name while this was opened, and others not yet: by
    /// such a descriptor nothing could be read.
    private func loss(of inode: Inode, _ opened: Outcome<Xdata>) -> FopError? {
        let isGone = opened.answers.map { $0?.error?.isAbsence ?? false }
        guard isGone.contains(true), let good = lastKnown(inode, generation: connections.generation)?.data else {
            return nil
        }
        let isHeld = zip(good, opened.succeeded).contains { $0 && $1 }
        return !isHeld && zip(good, isGone).contains { $0 && $1 } ? .stale : nil
    }

    public func release(_ fd: Fd) async {
        guard let own: ReplicaFd = fd.contexts.context(at: slot) else { return }
        // The locks and marks of a lease may be sent by this fd.
        await settle(fd.inode)
        if fd.isAnonymous { return }
        for replica in replicas.indices where own.isOpen(on: replica) { await replicas[replica].release(own.inner) }
    }

    public func releasedir(_ fd: Fd) async {
        guard let own: ReplicaFd = fd.contexts.context(at: slot), !fd.isAnonymous else { return }
        for replica in replicas.indices where own.isOpen(on: replica) { await replicas[replica].releasedir(own.inner) }
    }
}
