import ReplicaState
import TranslatorCore

extension ReplicateTranslator {
    public func opendir(_ request: OpendirRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await open(request.fd, xdata: request.xdata, in: frame)
    }

    public func readdir(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        try await list(request, in: frame) { replica, inner throws(FopError) in
            try await replicas[replica].readdir(inner, in: frame)
        }
    }

    /// Attributes of an entry come with it only where the replica that is read is known to be good for it; all others are
    /// left out, and looked up on all replicas by whoever needs them.
    public func readdirp(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        var reply = try await list(request, in: frame) { replica, inner throws(FopError) in
            try await replicas[replica].readdirp(inner, in: frame)
        }
        guard let replica = fd(request.fd).directoryReplica else { return reply }
        for position in reply.entries.indices {
            guard let iatt = reply.entries[position].iatt else { continue }
            if !isKnownGood(iatt.gfid, on: replica) { reply.entries[position].iatt = nil }
            reply.entries[position].xdata = reply.entries[position].xdata.filter { !$0.key.hasPrefix(Self.ownXattrs) }
        }
        return reply
    }

    /// Cookies mean something on the replica alone that gave them: who starts at 0 picks a replica and stays with it.
    private func list(
        _ request: ReaddirRequest, in frame: Frame,
        _ wind: (_ replica: Int, _ inner: ReaddirRequest) async throws(FopError) -> ReaddirReply
    ) async throws(FopError) -> ReaddirReply {
        let fd = fd(request.fd)
        let inner = ReaddirRequest(fd: fd.inner, offset: request.offset, bytes: request.bytes, xdata: request.xdata)
        if request.offset != 0, let replica = fd.directoryReplica {
            try await ensureOpen(fd, on: replica, in: frame)
            return try await wind(replica, inner)
        }
        return try await read(.fd(fd), { $0.data }, in: frame) { replica throws(FopError) in
            try await ensureOpen(fd, on: replica, in: frame)
            let reply = try await wind(replica, inner)
            fd.directoryReplica = replica
            return reply
        }
    }

    private func isKnownGood(_ gfid: Gfid, on replica: Int) -> Bool {
        guard !gfid.isNone, let inode = volume.environment.inodes.find(gfid) else { return false }
        guard let known = known(inode, generation: connections.generation) else { return false }
        return known.data[replica] && known.metadata[replica]
    }
}
