import Synchronization
import TranslatorCore

// From the caller into the window, and from there to the subvolume.
extension WriteBehindTranslator {
    func context(_ inode: Inode) -> WriteBehindInode? { inode.contexts.context(at: slot) }

    func madeContext(_ inode: Inode) -> WriteBehindInode {
        inode.contexts.findOrSet(at: slot) { WriteBehindInode(gfid: inode.gfid, limits: settings.limits) }
    }

    public func writev(_ request: WriteRequest, in frame: Frame) async throws(FopError) -> WriteReply {
        guard isBehind(request) else { return try await writeThrough(request, in: frame) }
        let context = madeContext(request.fd.inode)
        let held = request.replacing(payload: held(request.payload))
        var admission = change(context) { $0.offer(held, in: frame) }
        if admission == .full { admission = await waitForRoom(held, context, in: frame) }
        switch admission {
        case .failed(let error): throw error
        case .refused: return try await writeThrough(request, in: frame)
        case .taken, .full:
            counters.taken.count()
            sendSoon(context)
            return WriteReply(bytes: request.payload.count)
        }
    }

    /// Writes that promise to be durable, that ask for more than to be written, or whose fd nobody asks for a failure.
    private func isBehind(_ request: WriteRequest) -> Bool {
        let settings = settings
        let flags = request.flags.union(request.fd.flags)
        return !settings.passesThrough && flags.isDisjoint(with: [.dsync, .sync])
            && !(settings.isDirectStrict && flags.contains(.direct)) && request.xdata.isEmpty
            && !request.fd.isAnonymous && request.payload.count > 0 && request.offset < 1 << 62
            && charged.load(ordering: .relaxed) < Self.chargedMax
    }

    /// A small write from the mount lies at the front of a buffer for the largest: it is copied into one that fits, so
    /// that the window is what it says, and the mount finds its big buffers in the pool. Others are held as they are.
    private func held(_ payload: Payload) -> Payload {
        let room = payload.slices.reduce(0) { $0 + $1.iobuf.capacity }
        return room <= 2 * payload.count ? payload : Payload(volume.environment.pool.copy(payload))
    }

    private func waitForRoom(
        _ request: WriteRequest, _ context: WriteBehindInode, in frame: Frame
    ) async -> WriteAdmission {
        let answer = await withCheckedContinuation { waiter in
            let now = change(context) { pending -> WriteAdmission? in
                let now = pending.offer(request, in: frame)
                if now == .full { pending.waitForRoom(request, in: frame, waiter) }
                return now == .full ? nil : now
            }
            if let now { return waiter.resume(returning: .admission(now)) }
            counters.waitedForRoom.count()
            sendSoon(context)
        }
        guard case .admission(let admission) = answer else { preconditionFailure("who waits for room is let in") }
        return admission
    }

    private func writeThrough(_ request: WriteRequest, in frame: Frame) async throws(FopError) -> WriteReply {
        counters.writtenThrough.count()
        guard let context = context(request.fd.inode) else { return try await subvolume.writev(request, in: frame) }
        if let error = context.pending.withLock({ $0.takeFailure(of: request.fd) }) { throw error }
        let appends = request.flags.union(request.fd.flags).contains(.append)
        let range = LockRange(start: request.offset, length: UInt64(max(1, request.payload.count)))
        try await settled(context, appends ? .whole : range)
        let reply = try await subvolume.writev(request, in: frame)
        context.pending.withLock { $0.settledAt = settled.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue }
        return reply
    }

    /// Changes what is pending, and keeps count of it.
    func change<Value>(
        _ context: WriteBehindInode, _ body: (inout WriteBehindInode.Pending) -> Value
    ) -> Value {
        context.pending.withLock { pending in
            let (before, wasEmpty) = (pending.charged, pending.isEmpty)
            let value = body(&pending)
            if pending.charged != before { charged.add(pending.charged - before, ordering: .relaxed) }
            if pending.isEmpty != wasEmpty { wasEmpty ? dirty.add(context) : dirty.remove(context) }
            return value
        }
    }

    /// On another thread: this one has an answer to give.
    func sendSoon(_ context: WriteBehindInode) {
        guard context.pending.withLock({ $0.beginSending() }) else { return }
        Task(executorPreference: volume.environment.executor) { [self] in sendAll(context) }
    }

    /// One at a time for each inode. Each write is under way until it suspends, then comes the next.
    private func sendAll(_ context: WriteBehindInode) {
        while let write = context.pending.withLock({ $0.next() }) {
            counters.sent.count()
            Task.immediate(executorPreference: volume.environment.executor) { [self] in
                let failure = await send(write)
                finish(write, failure, context)
            }
        }
    }

    /// All of it: what a subvolume has written in part goes on where it stopped.
    private func send(_ write: WriteBehindInode.Pending.Write) async -> FopError? {
        var (payload, offset) = (Payload(write.slices), write.offset)
        do throws(FopError) {
            while true {
                let request = WriteRequest(fd: write.fd, offset: offset, payload: payload, flags: write.flags)
                let bytes = try await subvolume.writev(request, in: write.frame).bytes
                guard bytes < payload.count else { return nil }
                guard bytes > 0 else { return .noSpace }
                payload = payload.dropping(bytes)
                offset += UInt64(bytes)
            }
        } catch {
            return error
        }
    }

    private func finish(_ write: WriteBehindInode.Pending.Write, _ failure: FopError?, _ context: WriteBehindInode) {
        if let failure {
            counters.failed.count()
            volume.log(
                .warning,
                "gfid \(context.gfid): \(write.bytes) bytes at \(write.offset), answered before, failed: \(failure)")
        }
        let (wakes, sends) = change(context) { pending in
            pending.settledAt = settled.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue
            return (pending.finished(write.number, error: failure), pending.beginSending())
        }
        for (waiter, answer) in wakes { waiter.resume(returning: answer) }
        if sends { sendAll(context) }
    }

    /// Returns when every write of now that overlaps `range` was tried; the first failure among them.
    @discardableResult
    func settle(_ context: WriteBehindInode, _ range: LockRange = .whole, forgets: Bool = false) async -> FopError? {
        guard context.pending.withLock({ $0.isPending(range) }) else { return nil }
        let answer = await withCheckedContinuation { waiter in
            let waits = change(context) { $0.settle(range, forgets: forgets, waiter) }
            guard waits else { return waiter.resume(returning: .settled(nil)) }
            sendSoon(context)
        }
        guard case .settled(let error) = answer else { preconditionFailure("who waits for writes hears of them") }
        return error
    }

    /// The same for who needs what was written: fails where it is kept and cannot be written now.
    func settled(_ context: WriteBehindInode?, _ range: LockRange = .whole) async throws(FopError) {
        guard let context, let error = await settle(context, range) else { return }
        if settings.limits.resyncs { throw error }
    }
}

extension Payload {
    /// Without its first `bytes`.
    fileprivate func dropping(_ bytes: Int) -> Payload {
        var left = bytes
        return Payload(
            slices.compactMap { slice in
                let skipped = min(left, slice.count)
                left -= skipped
                guard skipped < slice.count else { return nil }
                return IobufSlice(slice.iobuf, offset: slice.offset + skipped, count: slice.count - skipped)
            })
    }
}
