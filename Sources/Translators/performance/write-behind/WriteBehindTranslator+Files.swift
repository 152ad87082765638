import Synchronization
import TranslatorCore

// Open files: durable, closed, read.
extension WriteBehindTranslator {
    public func open(_ request: OpenRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        guard request.fd.flags.contains(.truncate), let context = context(request.fd.inode) else {
            return try await subvolume.open(request, in: frame)
        }
        try await settled(context)
        defer { shortened(context, to: 0) }
        return try await subvolume.open(request, in: frame)
    }

    /// What failed is told before what fsync itself came to, and the rest is durable all the same.
    public func fsync(_ request: FsyncRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        guard let context = context(request.fd.inode) else { return try await subvolume.fsync(request, in: frame) }
        let failure = await settle(context)
        let own = context.pending.withLock { $0.takeFailure(of: request.fd) }
        let answer: Result<AttributesReply, FopError>
        do throws(FopError) {
            answer = .success(try await subvolume.fsync(request, in: frame))
        } catch {
            answer = .failure(error)
        }
        if let error = own ?? failure { throw error }
        return try answer.get()
    }

    /// Answered first where the volume says so: what failed until now is told, what fails later is told to whoever asks
    /// next. Not where locks go with it, nor where failed writes had to be given up.
    public func flush(_ request: FlushRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let hadLocks = context(request.fd.inode)?.hadLocks.load(ordering: .relaxed) == true
        guard request.fd.flags.canWrite || hadLocks else { return try await subvolume.flush(request, in: frame) }
        let context = madeContext(request.fd.inode)
        let hasFailed = context.pending.withLock { !$0.failed.isEmpty }
        if settings.flushesBehind, !hasFailed, !hadLocks {
            if let error = context.pending.withLock({ $0.takeFailure(of: request.fd) }) { throw error }
            flushSoon(request, context, in: frame)
            return DoneReply()
        }
        await settle(context, forgets: true)
        if let error = context.pending.withLock({ $0.takeFailure(of: request.fd) }) {
            // The locks go nonetheless.
            _ = try? await subvolume.flush(request, in: frame)
            throw error
        }
        return try await subvolume.flush(request, in: frame)
    }

    private func flushSoon(_ request: FlushRequest, _ context: WriteBehindInode, in frame: Frame) {
        counters.flushedBehind.count()
        // There were no locks to let go of. Those that the caller takes through its next descriptor are not this one's.
        let frame = frame.with(lockOwner: .unique())
        flushes.withLock { flushes in
            let before = flushes[ObjectIdentifier(request.fd)]
            flushes[ObjectIdentifier(request.fd)] = Task(executorPreference: volume.environment.executor) { [self] in
                await before?.value
                await settle(context, forgets: true)
                _ = try? await subvolume.flush(request, in: frame)
            }
        }
    }

    public func release(_ fd: Fd) async {
        if let context = context(fd.inode) {
            await flushes.withLock { $0.removeValue(forKey: ObjectIdentifier(fd)) }?.value
            await settle(context, forgets: true)
            if let error = context.pending.withLock({ $0.closed(fd) }) {
                counters.untold.count()
                volume.log(
                    .error, "gfid \(fd.inode.gfid): closed before anybody was told that a write failed: \(error)")
            }
        }
        await subvolume.release(fd)
    }

    /// Behind what it overlaps, and behind what may lengthen the file to where it reads.
    public func readv(_ request: ReadRequest, in frame: Frame) async throws(FopError) -> ReadReply {
        if let context = context(request.fd.inode) {
            let end = request.offset &+ UInt64(request.bytes)
            let isInside = context.pending.withLock { end <= $0.sizeAtLeast } && request.bytes > 0
            try await settled(
                context, LockRange(start: request.offset, length: isInside ? UInt64(request.bytes) : 0))
        }
        return try await subvolume.readv(request, in: frame)
    }

    public func seek(_ request: SeekRequest, in frame: Frame) async throws(FopError) -> UInt64 {
        try await settled(context(request.fd.inode))
        return try await subvolume.seek(request, in: frame)
    }

    public func rchecksum(_ request: RchecksumRequest, in frame: Frame) async throws(FopError) -> RchecksumReply {
        try await settled(context(request.fd.inode))
        return try await subvolume.rchecksum(request, in: frame)
    }

    /// After the fop, whether it succeeded or not.
    func shortened(_ context: WriteBehindInode?, to size: UInt64) {
        context?.pending.withLock { $0.sizeAtLeast = min($0.sizeAtLeast, size) }
    }
}

// Locks: who lets go of one has written what it wrote under it.
extension WriteBehindTranslator {
    public func lk(_ request: LkRequest, in frame: Frame) async throws(FopError) -> LkReply {
        if request.command != .get {
            // An unlock is not kept from the volume below by a write that failed.
            if request.lock.kind == .unlock, let context = context(request.fd.inode) { await settle(context) }
            if request.lock.kind == .read { try await settled(context(request.fd.inode)) }
            if request.lock.kind != .unlock {
                madeContext(request.fd.inode).hadLocks.store(true, ordering: .relaxed)
            }
        }
        return try await subvolume.lk(request, in: frame)
    }

    public func inodelk(_ request: InodelkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        if request.command == .release, let context = context(request.target.inode) { await settle(context) }
        return try await subvolume.inodelk(request, in: frame)
    }
}

// Changes of a file that are no writes.
extension WriteBehindTranslator {
    public func truncate(_ request: TruncateRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        let context = context(request.target.inode)
        try await settled(context)
        defer { shortened(context, to: request.size) }
        return try await subvolume.truncate(request, in: frame)
    }

    public func fallocate(_ request: FallocateRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await settled(context(request.fd.inode))
        return try await subvolume.fallocate(request, in: frame)
    }

    public func discard(_ request: DiscardRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await settled(context(request.fd.inode))
        return try await subvolume.discard(request, in: frame)
    }

    public func zerofill(_ request: ZerofillRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await settled(context(request.fd.inode))
        return try await subvolume.zerofill(request, in: frame)
    }

    public func copyFileRange(
        _ request: CopyFileRangeRequest, in frame: Frame
    ) async throws(FopError) -> CopyFileRangeReply {
        try await settled(context(request.source.inode))
        try await settled(context(request.sink.inode))
        return try await subvolume.copyFileRange(request, in: frame)
    }

    /// A time that somebody sets stays: no write of before comes after it.
    public func setattr(_ request: SetattrRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await settled(context(request.target.inode))
        return try await subvolume.setattr(request, in: frame)
    }

    public func setxattr(_ request: SetxattrRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await settled(context(request.target.inode))
        return try await subvolume.setxattr(request, in: frame)
    }

    public func removexattr(_ request: RemovexattrRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await settled(context(request.target.inode))
        return try await subvolume.removexattr(request, in: frame)
    }

    public func xattrop(_ request: XattropRequest, in frame: Frame) async throws(FopError) -> XattropReply {
        try await settled(context(request.target.inode))
        return try await subvolume.xattrop(request, in: frame)
    }
}
