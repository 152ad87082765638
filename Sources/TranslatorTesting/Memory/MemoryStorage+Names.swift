import Synchronization
import TranslatorCore

// Names: all of them in the root, but for those of the indices. A change of them is on the disk at once.
extension MemoryStorage {
    private func entry(_ gfid: Gfid, _ state: MemoryBrick.State) throws(FopError) -> EntryReply {
        guard let file = state.files[gfid] else { throw .stale }
        return EntryReply(iatt: file.iatt, parent: PrePostIatt(pre: Iatt(), post: Iatt()))
    }

    private func make(_ entry: NewEntry) async throws(FopError) -> EntryReply {
        try await step { state throws(FopError) in
            guard state.names[entry.name] == nil else { throw .exists }
            let gfid = entry.inode.gfid
            guard state.files[gfid] == nil else { throw .exists }
            let made = MemoryFile(gfid: gfid, type: .regular)
            state.files[gfid] = made
            state.disk?.synced(gfid, made)
            state.name(entry.name, gfid)
            return try self.entry(gfid, state)
        }
    }
    public func create(_ request: CreateRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await make(request.entry)
    }
    /// Of regular files.
    public func mknod(_ request: MknodRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await make(request.entry)
    }

    public func link(_ request: LinkRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await step { state throws(FopError) in
            guard state.names[request.name] == nil else { throw .exists }
            let gfid = request.inode.gfid
            guard state.files[gfid] != nil else { throw .stale }
            state.files[gfid]!.iatt.nlink += 1
            state.name(request.name, gfid)
            return try entry(gfid, state)
        }
    }

    public func rename(_ request: RenameRequest, in frame: Frame) async throws(FopError) -> RenameReply {
        guard request.flags.isEmpty else { throw .notSupported }
        return try await step { state throws(FopError) in
            guard let moved = state.names[request.oldName] else { throw .noEntry }
            state.unname(request.newName)
            state.names[request.oldName] = nil
            state.name(request.newName, moved)
            let none = PrePostIatt(pre: Iatt(), post: Iatt())
            return RenameReply(iatt: try entry(moved, state).iatt, oldParent: none, newParent: none)
        }
    }

    public func unlink(_ request: UnlinkRequest, in frame: Frame) async throws(FopError) -> RemoveReply {
        try await step { state throws(FopError) in
            let reply = RemoveReply(parent: PrePostIatt(pre: Iatt(), post: Iatt()))
            guard [brick.xattropIndexGfid, brick.dirtyIndexGfid].contains(request.parent.gfid) else {
                guard state.names[request.name] != nil else { throw .noEntry }
                state.unname(request.name)
                return reply
            }
            guard let gfid = Gfid("\(request.name)") else { throw .noEntry }
            let isOfXattrops = request.parent.gfid == brick.xattropIndexGfid
            let removed = isOfXattrops ? state.xattropIndex.remove(gfid) : state.dirtyIndex.remove(gfid)
            guard removed != nil else { throw .noEntry }
            return reply
        }
    }

    /// A lock of a range in a domain of its own: a directory's whole, or one byte for a name. Two names that share a
    /// byte exclude each other, which does no harm.
    public func entrylk(_ request: EntrylkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let byte = request.name.map { $0.bytes.reduce(UInt64(7)) { ($0 &* 31 &+ UInt64($1)) & 0xFFFF_FFFF } }
        let range = byte.map { LockRange(start: $0, length: 1) } ?? .whole
        return try await inodelk(
            InodelkRequest(
                request.target, domain: request.domain + ":names", command: request.command, mode: request.mode,
                range: range), in: frame)
    }
}

extension MemoryBrick.State {
    mutating func name(_ name: EntryName, _ gfid: Gfid) {
        names[name] = gfid
        changeCount += 1
    }

    /// With its last name a file goes.
    mutating func unname(_ name: EntryName) {
        guard let gfid = names.removeValue(forKey: name) else { return }
        changeCount += 1
        files[gfid]!.iatt.nlink -= 1
        if files[gfid]!.iatt.nlink == 0 { files[gfid] = nil }
    }
}

extension MemoryBrick {
    /// What stands under each name.
    public var names: [EntryName: Gfid] { state.withLock { $0.names } }
}
