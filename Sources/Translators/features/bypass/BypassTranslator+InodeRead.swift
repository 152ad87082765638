import ReplicaState
import Synchronization
import TranslatorCore

// Reads and stats: DESIGN §3.1 step 5.
extension BypassTranslator {
    enum ReadWay {
        /// By this descriptor; nil: the file is not open, its gfid has to do.
        case target(Fd?)
        case replicate
    }
    private enum ReadStep {
        case target(Fd?)
        case replicate, openFirst, check
        case wait(version: UInt64)
    }

    /// From the target while an epoch is open, or while only it has what this mount wrote; that no replica accuses it
    /// is asked again every `attribute-timeout`. Else from replicate, which chooses among all good replicas. EIO where
    /// the target is down and the others are known to be old.
    func readWay(_ file: BypassInode, by own: Fd? = nil) async throws(FopError) -> ReadWay {
        while true {
            switch readStep(file) {
            case .target(let fd): return .target(fd)
            case .replicate: return try await readReplicated(file)
            case .openFirst: return .target(try await dataFd(file, orOf: own))
            case .wait(let version): try await file.change(since: version)
            case .check:
                guard await checkReadable(file) else { return try await readReplicated(file) }
                let (fd, opens) = file.guarded.withLock { ($0.openFd, $0.state.opens) }
                return .target(fd == nil && opens > 0 ? try await dataFd(file, orOf: own) : fd)
            }
        }
    }

    private func readReplicated(_ file: BypassInode) async throws(FopError) -> ReadWay {
        try checkNotStale(file)
        await informReplicate(of: file)
        return .replicate
    }

    private func readStep(_ file: BypassInode) -> ReadStep {
        file.guarded.withLock { guarded in
            if guarded.state.hasEpoch, let fd = guarded.openFd { return .target(fd) }
            guard guarded.hasUnhealed else { return .replicate }
            if let belief = guarded.belief, now < belief.until {
                guard belief.isReadable else { return .replicate }
                return guarded.openFd == nil && guarded.state.opens > 0 ? .openFirst : .target(guarded.openFd)
            }
            if guarded.isChecking { return .wait(version: guarded.version) }
            guarded.isChecking = true
            return .check
        }
    }

    /// Asks all reachable replicas whether they accuse the target.
    private func checkReadable(_ file: BypassInode) async -> Bool {
        let questions = marks.questions
        let answers = await onReplicas(replicaSet.up) { replica throws(FopError) in
            try await self.replicaSet.replicas[replica].lookup(
                LookupRequest(.inode(file.inode), xdata: questions), in: self.ownFrame())
        }
        let key = marks.pendingKeys[targetPosition]
        let isAccused = answers.contains { answer in
            guard case .success(let reply) = answer else { return false }
            return ((try? PendingCounts(xattr: reply.xdata[key]?.bytes))?.data ?? 1) != 0
        }
        if case .success(let own) = answers[targetPosition], let counts = try? marks.counts({ own.xdata[$0]?.bytes }) {
            learn(counts, of: file.gfid)
        }
        // A file without a name is not found by its gfid anywhere: what is written to it is on the target.
        let isReadable = replicaSet.up[targetPosition] && !isAccused
        let until = now + settings.attributeTimeout
        let woken = file.guarded.withLock { guarded in
            guarded.isChecking = false
            guarded.belief = guarded.doubtsCheck ? nil : BypassInode.Belief(isReadable: isReadable, until: until)
            guarded.doubtsCheck = false
            return guarded.takeWaiters()
        }
        for waiter in woken { waiter.continuation.resume(returning: true) }
        return isReadable
    }

    /// What others wrote before they closed or unlocked the file is to be seen from now on: the replicas are asked
    /// anew.
    func doubt(_ inode: Inode) {
        context(inode)?.guarded.withLock { guarded in
            guarded.belief = nil
            guarded.doubtsCheck = guarded.isChecking
        }
    }

    public func readv(_ request: ReadRequest, in frame: Frame) async throws(FopError) -> ReadReply {
        if let file = context(request.fd.inode), case .target(let fd) = try await readWay(file, by: request.fd) {
            counters.readsLocal.count()
            return try await target.readv(
                ReadRequest(
                    fd: fd ?? .anonymous(file.inode), offset: request.offset, bytes: request.bytes,
                    xdata: request.xdata), in: frame)
        }
        counters.readsReplicated.count()
        return try await subvolume.readv(request, in: frame)
    }

    public func seek(_ request: SeekRequest, in frame: Frame) async throws(FopError) -> UInt64 {
        if let file = context(request.fd.inode), case .target(let fd) = try await readWay(file, by: request.fd) {
            return try await target.seek(
                SeekRequest(fd: fd ?? .anonymous(file.inode), offset: request.offset, what: request.what), in: frame)
        }
        return try await subvolume.seek(request, in: frame)
    }

    public func rchecksum(_ request: RchecksumRequest, in frame: Frame) async throws(FopError) -> RchecksumReply {
        if let file = context(request.fd.inode), case .target(let fd) = try await readWay(file, by: request.fd) {
            return try await target.rchecksum(
                RchecksumRequest(
                    fd: fd ?? .anonymous(file.inode), offset: request.offset, bytes: request.bytes,
                    xdata: request.xdata), in: frame)
        }
        return try await subvolume.rchecksum(request, in: frame)
    }

    public func stat(_ request: StatRequest, in frame: Frame) async throws(FopError) -> StatReply {
        if let file = context(request.target.inode),
            let reply = try await statOnTarget(file, by: request.target.fd, request.xdata, in: frame)
        {
            return reply
        }
        return try await subvolume.stat(request, in: frame)
    }

    /// The target's attributes; nil when replicate is to be asked. Whoever comes by a name holds no open file: the last
    /// close may take the descriptor away between its choice and its use, and then the way is chosen again.
    private func statOnTarget(
        _ file: BypassInode, by own: Fd? = nil, _ xdata: Xdata = [:], in frame: Frame
    ) async throws(FopError) -> StatReply? {
        while true {
            guard case .target(let fd) = try await readWay(file, by: own) else { return nil }
            do throws(FopError) {
                return try await target.stat(StatRequest(file.handle(fd), xdata: xdata), in: frame)
            } catch {
                let isClosed = fd != nil && file.guarded.withLock { $0.openFd !== fd }
                guard error == .badDescriptor, isClosed else { throw error }
            }
        }
    }
}

// Attributes that come back with other fops: the target's, where only it is up to date.
extension BypassTranslator {
    /// Whether only the target has what was written to this file.
    private func isAhead(_ gfid: Gfid, _ inode: Inode?) -> Bool {
        if let inode, let file = context(inode) {
            return file.guarded.withLock { $0.state.hasEpoch || $0.hasUnhealed }
        }
        return backlog.withLock { $0.isWaiting(gfid) }
    }

    /// What replicate answered, or the target's own attributes. Fails where the target cannot say: what another copy
    /// has for a size is that of an old file, or of an empty one.
    func corrected(_ iatt: Iatt, _ inode: Inode?, in frame: Frame) async throws(FopError) -> Iatt {
        guard iatt.isRegular, isAhead(iatt.gfid, inode) else { return iatt }
        let inode = inode ?? volume.environment.inodes.inode(iatt.gfid, type: .regular)
        guard let file = context(inode) else { return iatt }
        return try await statOnTarget(file, in: frame)?.iatt ?? iatt
    }

    func corrected(
        _ attributes: PrePostIatt, _ inode: Inode, in frame: Frame
    ) async throws(FopError) -> PrePostIatt {
        let post = try await corrected(attributes.post, inode, in: frame)
        guard post != attributes.post else { return attributes }
        // Size and blocks are those of the data, which the fop did not change.
        var pre = attributes.pre
        (pre.size, pre.blocks) = (post.size, post.blocks)
        return PrePostIatt(pre: pre, post: post)
    }

    public func setattr(_ request: SetattrRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try checkNotStale(request.target.inode)
        var reply = try await subvolume.setattr(request, in: frame)
        reply.attributes = try await corrected(reply.attributes, request.target.inode, in: frame)
        return reply
    }

    public func readdirp(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        var reply = try await subvolume.readdirp(request, in: frame)
        for position in reply.entries.indices {
            guard let iatt = reply.entries[position].iatt, iatt.isRegular else { continue }
            // Nil: whoever needs them looks the name up, and hears why there are none.
            reply.entries[position].iatt = try? await corrected(
                iatt, volume.environment.inodes.find(iatt.gfid), in: frame)
        }
        return reply
    }
}
