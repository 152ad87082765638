import ReplicaState
import TranslatorCore

extension ReplicateTranslator {
    /// Opens on all replicas that are up; where that fails it is tried again before the first use. O_TRUNC is a
    /// transaction of its own.
    public func open(_ request: OpenRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        if standing(for: request.fd.inode) != nil { throw .io }
        doubt(request.fd.inode)
        let reply = try await open(request.fd, xdata: request.xdata, in: frame)
        guard request.fd.flags.contains(.truncate) else { return reply }
        do throws(FopError) { _ = try await truncate(.fd(fd(request.fd)), to: 0, in: frame) } catch {
            // Nobody else closes what is open by now.
            await release(request.fd)
            throw error
        }
        return reply
    }

    func open(_ outer: Fd, xdata: Xdata, in frame: Frame) async throws(FopError) -> DoneReply {
        let fd = fd(outer)
        let (connections, settings) = (connections, settings)
        if settings.readsNeedQuorum { try settings.quorum.check(connections.up) }
        let outcome = Outcome(
            await windAll(connections.up) { [self] replica throws(FopError) in
                try await ensureOpen(fd, on: replica, in: frame)
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
        return DoneReply()
    }

    /// ESTALE where those that have the newest data have lost the name while this was opened, and others not yet: by
    /// such a descriptor nothing could be read.
    private func loss(of inode: Inode, _ opened: Outcome<Void>) -> FopError? {
        let isGone = opened.answers.map { [.noEntry, .stale].contains($0?.error) }
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
