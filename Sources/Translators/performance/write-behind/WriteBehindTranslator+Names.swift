import Synchronization
import TranslatorCore

// What tells sizes and times: never those of before a write that was answered.
extension WriteBehindTranslator {
    public func stat(_ request: StatRequest, in frame: Frame) async throws(FopError) -> StatReply {
        guard let context = context(request.target.inode) else { return try await subvolume.stat(request, in: frame) }
        try await settled(context)
        return try await subvolume.stat(request, in: frame)
    }

    public func lookup(_ request: LookupRequest, in frame: Frame) async throws(FopError) -> LookupReply {
        if case .inode(let inode) = request.target { try await settled(context(inode)) }
        let since = settled.load(ordering: .acquiring)
        var reply = try await subvolume.lookup(request, in: frame)
        if let inode = mayBeOld(reply.iatt, since: since) {
            reply.iatt = try await stat(StatRequest(.inode(inode)), in: frame).iatt
        }
        return reply
    }

    /// Which inode has changed, or is yet to change, for an answer that was asked for after `since` writes were done.
    private func mayBeOld(_ iatt: Iatt, since: UInt64) -> Inode? {
        guard iatt.isRegular, let inode = volume.environment.inodes.find(iatt.gfid), let context = context(inode),
            context.pending.withLock({ !$0.isEmpty || $0.settledAt > since })
        else { return nil }
        return inode
    }

    /// Files whose writes are pending come without attributes, and are looked up where somebody needs them.
    public func readdirp(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        let since = settled.load(ordering: .acquiring)
        var reply = try await subvolume.readdirp(request, in: frame)
        for position in reply.entries.indices {
            guard let iatt = reply.entries[position].iatt, mayBeOld(iatt, since: since) != nil else { continue }
            reply.entries[position].iatt = nil
        }
        return reply
    }

    public func link(_ request: LinkRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await settled(context(request.inode))
        return try await subvolume.link(request, in: frame)
    }

    /// A file that takes another's place has its content by then, for all clients: that is how programs replace files.
    /// Which one it is nobody knows before; all that are dirty are waited for.
    public func rename(_ request: RenameRequest, in frame: Frame) async throws(FopError) -> RenameReply {
        for context in dirty.all { await settle(context) }
        return try await subvolume.rename(request, in: frame)
    }
}
