import ReplicaState
import Synchronization
import TranslatorCore

// Changes of a file's content: each under the data lock, on every replica that holds it.
extension ReplicateTranslator {
    public func writev(_ request: WriteRequest, in frame: Frame) async throws(FopError) -> WriteReply {
        let fd = fd(request.fd)
        let appends = fd.appends || request.flags.contains(.append)
        let count = UInt64(request.payload.count)
        let range = appends ? LockRange.whole : try Self.range(request.offset, count)
        let flags = request.flags.subtracting(.append)
        return try await underDataLock(fd.inode, fd, range) { entry throws(FopError) in
            let offset = appends ? try await endOfFile(entry, fd, in: frame) : request.offset
            let write = WriteRequest(
                fd: fd.inner, offset: offset, payload: request.payload, flags: flags, xdata: request.xdata)
            let isStable = flags.contains(.dsync)
            var reply = try await change(
                entry, isStable: isStable, size: { .atLeast(offset + UInt64($0.bytes)) }, progress: { UInt64($0.bytes) }
            ) { [self] replica throws(FopError) in
                try await ensureOpen(fd, on: replica, in: frame)
                return try await replicas[replica].writev(write, in: frame)
            }
            if settings.hidesWriteAttributes { reply.attributes = nil }
            return reply
        }
    }

    public func truncate(_ request: TruncateRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await truncate(target(request.target), to: request.size, xdata: request.xdata, in: frame)
    }

    func truncate(
        _ target: ReplicaTarget, to size: UInt64, xdata: Xdata = [:], in frame: Frame
    ) async throws(FopError) -> AttributesReply {
        // All behind the lower of the two sizes may change, and whoever appends must know the size: the whole file.
        try await underDataLock(target.inode, target.fd, .whole) { entry throws(FopError) in
            try await change(entry, size: { _ in .exactly(size) }) { [self] replica throws(FopError) in
                let target = try await self.target(target, on: replica, in: frame)
                return try await replicas[replica].truncate(
                    TruncateRequest(target, size: size, xdata: xdata), in: frame)
            }
        }
    }

    public func fallocate(_ request: FallocateRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        let fd = fd(request.fd)
        let range = try Self.range(request.offset, request.bytes)
        let size: SizeEffect = request.keepsSize ? .none : .atLeast(range.end)
        return try await changeRange(fd, range, size, in: frame) { replica throws(FopError) in
            try await replica.fallocate(
                FallocateRequest(
                    fd: fd.inner, offset: request.offset, bytes: request.bytes, keepsSize: request.keepsSize,
                    xdata: request.xdata), in: frame)
        }
    }

    public func discard(_ request: DiscardRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        let fd = fd(request.fd)
        let range = try Self.range(request.offset, request.bytes)
        return try await changeRange(fd, range, .none, in: frame) { replica throws(FopError) in
            try await replica.discard(
                DiscardRequest(fd: fd.inner, offset: request.offset, bytes: request.bytes, xdata: request.xdata),
                in: frame)
        }
    }

    public func zerofill(_ request: ZerofillRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        let fd = fd(request.fd)
        let range = try Self.range(request.offset, request.bytes)
        let size: SizeEffect = request.keepsSize ? .none : .atLeast(range.end)
        return try await changeRange(fd, range, size, in: frame) { replica throws(FopError) in
            try await replica.zerofill(
                ZerofillRequest(
                    fd: fd.inner, offset: request.offset, bytes: request.bytes, keepsSize: request.keepsSize,
                    xdata: request.xdata), in: frame)
        }
    }

    private func changeRange(
        _ fd: ReplicaFd, _ range: LockRange, _ size: SizeEffect, in frame: Frame,
        _ wind: @escaping @Sendable (any Translator) async throws(FopError) -> AttributesReply
    ) async throws(FopError) -> AttributesReply {
        try await underDataLock(fd.inode, fd, range) { entry throws(FopError) in
            try await change(entry, size: { _ in size }) { [self] replica throws(FopError) in
                try await ensureOpen(fd, on: replica, in: frame)
                return try await wind(replicas[replica])
            }
        }
    }

    /// EFBIG where the range ends beyond what offsets can say. An empty one is one byte, so that it still takes turns.
    private static func range(_ offset: UInt64, _ bytes: UInt64) throws(FopError) -> LockRange {
        guard offset < 1 << 62, bytes < 1 << 62 else { throw .fileTooLarge }
        return LockRange(start: offset, length: max(bytes, 1))
    }
}

// copy_file_range: two files, both kept still.
extension ReplicateTranslator {
    /// Each replica copies from its own copy of the source. One whose copy is not good has failed: what it would write
    /// is not what the others do.
    /// Only where no replica is over a wire, which does not carry it: a copy that some could do and others not would
    /// leave the others accused.
    public func copyFileRange(
        _ request: CopyFileRangeRequest, in frame: Frame
    ) async throws(FopError) -> CopyFileRangeReply {
        guard isServedHere.allSatisfy({ $0 }) else { throw .notSupported }
        let source = fd(request.source), sink = fd(request.sink)
        let read = try Self.range(request.sourceOffset, request.bytes)
        let written = try Self.range(request.sinkOffset, request.bytes)
        if source.inode === sink.inode {
            let start = min(read.start, written.start)
            let both = LockRange(start: start, length: max(read.end, written.end) - start)
            return try await underDataLock(sink.inode, sink, both) { entry throws(FopError) in
                try await copy(request, source, sink, entry, in: frame)
            }
        }
        // Two clients that copy between the same two files take the locks in one order.
        if source.inode.gfid < sink.inode.gfid {
            return try await underDataLock(source.inode, source, read, marks: false) { _ throws(FopError) in
                try await underDataLock(sink.inode, sink, written) { entry throws(FopError) in
                    try await copy(request, source, sink, entry, in: frame)
                }
            }
        }
        return try await underDataLock(sink.inode, sink, written) { entry throws(FopError) in
            try await underDataLock(source.inode, source, read, marks: false) { _ throws(FopError) in
                try await copy(request, source, sink, entry, in: frame)
            }
        }
    }

    private func copy(
        _ request: CopyFileRangeRequest, _ source: ReplicaFd, _ sink: ReplicaFd, _ entry: LeaseEntry, in frame: Frame
    ) async throws(FopError) -> CopyFileRangeReply {
        let good = try await refresh(.fd(source), in: frame).data
        let inner = CopyFileRangeRequest(
            source: source.inner, sourceOffset: request.sourceOffset, sink: sink.inner, sinkOffset: request.sinkOffset,
            bytes: request.bytes, xdata: request.xdata)
        return try await change(
            entry, among: good, size: { .atLeast(request.sinkOffset + $0.bytes) }, progress: { $0.bytes }
        ) { [self] replica throws(FopError) in
            try await ensureOpen(source, on: replica, in: frame)
            try await ensureOpen(sink, on: replica, in: frame)
            return try await replicas[replica].copyFileRange(inner, in: frame)
        }
    }
}

// What all of them have in common.
extension ReplicateTranslator {
    /// The op of a data transaction: winds to all that hold the lock, judges, and remembers who failed.
    private func change<Reply: Sendable>(
        _ entry: LeaseEntry, among allowed: [Bool]? = nil, isStable: Bool = false, size: (Reply) -> SizeEffect,
        progress: (Reply) -> UInt64 = { _ in 0 },
        _ wind: @escaping @Sendable (_ replica: Int) async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply {
        let (connections, settings) = (connections, settings)
        var (taking, relied) = entry.context.state.withLock {
            ($0.lease?.taking(connections.losses) ?? nobody, $0.relied)
        }
        // What the others would be told of such a change is that the one good copy has missed it.
        if let relied, !taking[relied] { throw .io }
        if let allowed { taking = zip(taking, allowed).map { $0 && $1 } }
        try settings.quorum.check(taking)
        let losses = connections.losses
        let answers = await windAll(taking) { [self] replica throws(FopError) in
            // A connection that was lost a moment ago took the lock with it, even if it is back.
            guard self.connections.losses[replica] == losses[replica] else { throw .notConnected }
            return try await wind(replica)
        }
        let outcome = Outcome(answers, progress: progress)
        let refusal = conclude(outcome, settings.quorum, entry)
        let reply = outcome.reply(preferring: settings.favorite)
        entry.context.state.withLock { state in
            if outcome.isRefused { return }
            state.lease?.note(refusal == nil ? reply.map(size) ?? .unknown : .unknown)
            if !isStable { state.unstableWrites += 1 }
        }
        guard refusal == nil, let reply else { throw refusal ?? outcome.error ?? .io }
        return reply
    }

    /// Remembers who failed, to be blamed for it, and answers nil: where a whole copy took the change, and as many as
    /// quorum asks for. Else nobody is to be believed more than another, all stay dirty and none is blamed, and the
    /// change has failed with what is answered: what the whole copy said, if there is one.
    func conclude<Reply>(_ outcome: Outcome<Reply>, _ quorum: QuorumRule, _ entry: LeaseEntry) -> FopError? {
        entry.context.state.withLock { state in
            guard let lease = state.lease else { return .io }
            let isOnGood = lease.hasGood(among: outcome.succeeded)
            if isOnGood && quorum.isMet(by: outcome.succeeded) {
                state.lease!.failed(allBut: outcome.succeeded)
                state.lease!.hasChanged = true
                state.readable?.replicas.fail(outcome.succeeded, .data)
                return nil
            }
            if !outcome.isRefused {
                state.lease!.failed(allBut: nobody)
                state.readable = nil
            }
            return (isOnGood ? nil : outcome.error(of: lease.isWhole)) ?? outcome.error ?? (isOnGood ? .readOnly : .io)
        }
    }

    /// Where an append goes: the size of the good replicas, which stands still under the lock.
    private func endOfFile(_ entry: LeaseEntry, _ fd: ReplicaFd, in frame: Frame) async throws(FopError) -> UInt64 {
        let losses = connections.losses
        guard let lease = entry.context.state.withLock({ $0.lease }) else { throw .io }
        if let size = lease.size { return size }
        let good = zip(lease.taking(losses), lease.isWhole).map { $0 && $1 }
        let outcome = Outcome(
            await windAll(good) { [self] replica throws(FopError) in
                let target = try await self.target(.fd(fd), on: replica, in: frame)
                return try await replicas[replica].stat(StatRequest(target), in: frame).iatt.size
            })
        guard let size = outcome.answers.compactMap({ $0?.value }).max() else { throw outcome.error ?? .io }
        entry.context.state.withLock { $0.lease?.size = size }
        return size
    }
}

extension ReadableReplicas {
    /// Whoever did not succeed has missed a change of this kind.
    mutating func fail(_ succeeded: [Bool], _ kind: PendingKind) {
        for replica in succeeded.indices where !succeeded[replica] {
            if kind == .metadata { metadata[replica] = false } else { data[replica] = false }
        }
    }
}
