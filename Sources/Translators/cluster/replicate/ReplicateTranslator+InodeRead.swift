import ReplicaState
import TranslatorCore

extension ReplicateTranslator {
    public func stat(_ request: StatRequest, in frame: Frame) async throws(FopError) -> StatReply {
        if let iatt = standing(for: request.target.inode) { return StatReply(iatt: iatt) }
        let target = target(request.target)
        let readable: ReadableReplicas
        if let known = known(target.inode, generation: connections.generation) {
            readable = known
        } else {
            let looked = try await look(target, in: frame)
            // Whoever was asked what it holds against others has answered with its attributes.
            if request.xdata.isEmpty, let iatt = attributes(looked, target.inode, in: frame) {
                return StatReply(iatt: iatt)
            }
            readable = looked.readable
        }
        let up = connections.up
        func isUp(_ good: [Bool]) -> Bool { zip(good, up).contains { $0 && $1 } }
        if isUp(readable.both) || !isUp(readable.data) || !isUp(readable.metadata) {
            return try await stat(target, request.xdata, { $0.both }, in: frame)
        }
        // No replica is good for both: each part from one that is good for it.
        var reply = try await stat(target, request.xdata, { $0.metadata }, in: frame)
        reply.iatt.takeContent(of: try await stat(target, request.xdata, { $0.data }, in: frame).iatt)
        return reply
    }

    /// Of the replica that a stat would go to first, if it is good for both.
    private func attributes(
        _ looked: (readable: ReadableReplicas, iatts: [Iatt?]), _ inode: Inode, in frame: Frame
    ) -> Iatt? {
        let settings = settings
        if settings.readsNeedQuorum && !settings.quorum.isMet(by: connections.up) { return nil }
        return order(looked.readable.both, for: inode, in: frame, settings).first.flatMap { looked.iatts[$0] }
    }

    private func stat(
        _ target: ReplicaTarget, _ xdata: Xdata, _ good: (ReadableReplicas) -> [Bool], in frame: Frame
    ) async throws(FopError) -> StatReply {
        try await read(target, good, in: frame) { replica throws(FopError) in
            let target = try await self.target(target, on: replica, in: frame)
            return try await replicas[replica].stat(StatRequest(target, xdata: xdata), in: frame)
        }
    }

    public func readv(_ request: ReadRequest, in frame: Frame) async throws(FopError) -> ReadReply {
        let fd = fd(request.fd)
        let inner = ReadRequest(fd: fd.inner, offset: request.offset, bytes: request.bytes, xdata: request.xdata)
        // The hot path: what is known needs no lists of replicas.
        if let replica = knownReader(fd.inode, in: frame), fd.isOpen(on: replica) {
            do throws(FopError) {
                return try await replicas[replica].readv(inner, in: frame)
            } catch {
                guard error.isAboutReplica else { throw error }
            }
        }
        return try await read(.fd(fd), { $0.data }, in: frame) { replica throws(FopError) in
            try await ensureOpen(fd, on: replica, in: frame)
            return try await replicas[replica].readv(inner, in: frame)
        }
    }

    public func seek(_ request: SeekRequest, in frame: Frame) async throws(FopError) -> UInt64 {
        let fd = fd(request.fd)
        let inner = SeekRequest(fd: fd.inner, offset: request.offset, what: request.what)
        return try await read(.fd(fd), { $0.data }, in: frame) { replica throws(FopError) in
            try await ensureOpen(fd, on: replica, in: frame)
            return try await replicas[replica].seek(inner, in: frame)
        }
    }

    public func rchecksum(_ request: RchecksumRequest, in frame: Frame) async throws(FopError) -> RchecksumReply {
        let fd = fd(request.fd)
        let inner = RchecksumRequest(fd: fd.inner, offset: request.offset, bytes: request.bytes, xdata: request.xdata)
        return try await read(.fd(fd), { $0.data }, in: frame) { replica throws(FopError) in
            try await ensureOpen(fd, on: replica, in: frame)
            return try await replicas[replica].rchecksum(inner, in: frame)
        }
    }

    public func readlink(_ request: ReadlinkRequest, in frame: Frame) async throws(FopError) -> ReadlinkReply {
        try await read(.inode(request.inode), { $0.data }, in: frame) { replica throws(FopError) in
            try await replicas[replica].readlink(request, in: frame)
        }
    }

    public func access(_ request: AccessRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await read(.inode(request.inode), { $0.metadata }, in: frame) { replica throws(FopError) in
            try await replicas[replica].access(request, in: frame)
        }
    }

    /// What replicas hold against each other is theirs alone: it differs between them.
    public func getxattr(_ request: GetxattrRequest, in frame: Frame) async throws(FopError) -> GetxattrReply {
        if request.name?.hasPrefix(Self.ownXattrs) ?? false { throw .noData }
        let target = target(request.target)
        var reply = try await read(target, { $0.metadata }, in: frame) { replica throws(FopError) in
            let target = try await self.target(target, on: replica, in: frame)
            return try await replicas[replica].getxattr(
                GetxattrRequest(target, name: request.name, xdata: request.xdata), in: frame)
        }
        if request.name == nil { reply.xattrs = reply.xattrs.filter { !$0.key.hasPrefix(Self.ownXattrs) } }
        return reply
    }

    static let ownXattrs = "trusted.afr."

    /// The tightest of all replicas: that much can be stored everywhere.
    public func statfs(_ request: StatfsRequest, in frame: Frame) async throws(FopError) -> FileSystemStatus {
        let outcome = Outcome(
            await windAll(connections.up) { [self] replica throws(FopError) in
                try await replicas[replica].statfs(request, in: frame)
            })
        let all = outcome.answers.compactMap { $0?.value }
        func free(_ status: FileSystemStatus) -> UInt64 {
            status.blocksAvailable.multipliedReportingOverflow(by: status.fragmentSize).partialValue
        }
        guard let tightest = all.min(by: { free($0) < free($1) }) else { throw outcome.error ?? .notConnected }
        return tightest
    }

    public func ipc(_ request: IpcRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let outcome = Outcome(
            await windAll(connections.up) { [self] replica throws(FopError) in
                try await replicas[replica].ipc(request, in: frame)
            })
        guard let reply = outcome.reply(preferring: nil) else { throw outcome.error ?? .notConnected }
        return reply
    }
}
