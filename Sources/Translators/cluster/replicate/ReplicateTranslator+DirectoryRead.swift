import ReplicaState
import TranslatorCore

extension ReplicateTranslator {
    public func opendir(_ request: OpendirRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        _ = try await openAll(request.fd, connections, in: frame)
        return DoneReply()
    }

    public func readdir(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        try await list(request, in: frame) { replica, inner throws(FopError) in
            try await replicas[replica].readdir(inner, in: frame)
        }
    }

    /// Attributes of an entry come with it only where the replica that is read is known to be good for it, or where no
    /// replica accuses anybody of anything; all others are left out, and looked up by whoever needs them.
    public func readdirp(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        var reply = try await list(request, in: frame) { replica, inner throws(FopError) in
            try await replicas[replica].readdirp(inner, in: frame)
        }
        guard let replica = fd(request.fd).directoryReplica else { return reply }
        var isPeace: Bool?
        for position in reply.entries.indices {
            reply.entries[position].xdata = reply.entries[position].xdata.filter { !$0.key.hasPrefix(Self.ownXattrs) }
            guard let iatt = reply.entries[position].iatt, !isKnownGood(iatt.gfid, on: replica) else { continue }
            if isPeace == nil { isPeace = await isPeaceful(in: frame) }
            if !isPeace! { reply.entries[position].iatt = nil }
        }
        return reply
    }

    /// Whether all replicas are there and none has anything in its index of accusations.
    private func isPeaceful(in frame: Frame) async -> Bool {
        let up = connections.up
        if up.contains(false) { return false }
        let root = volume.environment.inodes.inode(.root, type: .directory)
        let question: Xdata = [XdataKey.linkCount: .string("glusterfs.xattrop_index_count")]
        let answers = await windAll(up) { [self] replica throws(FopError) in
            try await replicas[replica].lookup(LookupRequest(.inode(root), xdata: question), in: frame)
                .xdata[XdataKey.linkCount]?.integer
        }
        return answers.allSatisfy { $0?.value == .some(0) }
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
