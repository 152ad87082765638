import ReplicaState
import Synchronization
import TranslatorCore

// Changes of names. While a replica is missing the new objects of create, mknod and mkdir accuse it themselves; those
// of symlink and link do not, as GlusterFS has it.
extension ReplicateTranslator {
    public func create(_ request: CreateRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        let fd = fd(request.fd)
        let made = MadeObject(inode: request.entry.inode, type: .regular)
        let inner = CreateRequest(entry: request.entry, fd: fd.inner, mode: request.mode)
        do throws(FopError) {
            return try await make(request.entry, made, in: frame) { [self] replica throws(FopError) in
                let reply = try await replicas[replica].create(inner, in: frame)
                fd.opened(on: replica)
                return reply
            }
        } catch {
            // Nobody else closes what it opened on some.
            for replica in replicas.indices where fd.isOpen(on: replica) { await replicas[replica].release(inner.fd) }
            throw error
        }
    }

    public func mknod(_ request: MknodRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        let type = FileType(mode: request.mode)
        let made = MadeObject(inode: request.entry.inode, type: type == .unknown ? .regular : type)
        return try await make(request.entry, made, in: frame) { [self] replica throws(FopError) in
            try await replicas[replica].mknod(request, in: frame)
        }
    }

    public func mkdir(_ request: MkdirRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        let made = MadeObject(inode: request.entry.inode, type: .directory)
        return try await make(request.entry, made, in: frame) { [self] replica throws(FopError) in
            try await replicas[replica].mkdir(request, in: frame)
        }
    }

    public func symlink(_ request: SymlinkRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try await make(request.entry, nil, in: frame) { [self] replica throws(FopError) in
            try await replicas[replica].symlink(request, in: frame)
        }
    }

    /// A file that one replica has not may be losing its last name there first: nothing is done then, and the second
    /// look finds it gone everywhere. However long that takes: two such links, each counted as missing elsewhere, and
    /// the replicas of the directory accuse each other. Only what was looked up under its name's lock, and is missing
    /// all the same, is a replica's loss, which the directory counts.
    public func link(_ request: LinkRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        for _ in 1..<Self.linkTriesMax {
            do throws(FopError) { return try await link(request, mayBeGoing: true, in: frame) } catch {
                guard error.isAbsence else { throw error }
            }
        }
        let isLacked = context(request.inode).state.withLock { $0.isLacked }
        return try await link(request, mayBeGoing: !isLacked, in: frame)
    }

    private static let linkTriesMax = 4

    private func link(
        _ request: LinkRequest, mayBeGoing: Bool, in frame: Frame
    ) async throws(FopError) -> EntryReply {
        var change = LockedChange.entry([(request.parent, request.name)], noting: .link, of: request.inode.gfid)
        change.mayBeGoing = mayBeGoing
        let undo: Undo = { [self] replica, own throws(FopError) in
            _ = try await replicas[replica].unlink(UnlinkRequest(parent: request.parent, name: request.name), in: own)
        }
        let outcome = try await perform(change, in: frame, undo: undo) { [self] replica throws(FopError) in
            try await replicas[replica].link(request, in: frame)
        }
        return try outcome.reply(among: settings.favorite)
    }

    private func make(
        _ entry: NewEntry, _ made: MadeObject?, in frame: Frame,
        _ wind: @escaping @Sendable (_ replica: Int) async throws(FopError) -> EntryReply
    ) async throws(FopError) -> EntryReply {
        let change = LockedChange.entry([(entry.parent, entry.name)], noting: .make, of: entry.inode.gfid)
        let undo: Undo = { [self] replica, own throws(FopError) in try await unmake(entry, on: replica, in: own) }
        let outcome = try await perform(change, making: made, in: frame, undo: undo) {
            [self] replica throws(FopError) in
            for _ in 1..<Self.makeTriesMax {
                do throws(FopError) { return try await wind(replica) } catch {
                    guard error == .exists else { throw error }
                    if let reply = try await alreadyMade(entry, on: replica, in: frame) { return reply }
                }
            }
            return try await wind(replica)
        }
        let (connections, now) = (connections, volume.environment.time.now())
        // What was just made needs no look-up to be read where it was made.
        context(entry.inode).state.withLock { state in
            state.readable = .init(
                replicas: ReadableReplicas(data: outcome.succeeded, metadata: outcome.succeeded),
                generation: connections.generation, at: now, doubts: doubtCount)
        }
        return try outcome.reply(among: settings.favorite)
    }

    private static let makeTriesMax = 4

    /// What a replica that says "exists" has under the name. Just what was asked for, where a look-up by somebody else
    /// came between two steps of the making (a brick of GlusterFS finds the gfid's handle made already and calls that a
    /// failure); or nothing, nil, where that brick has removed again what it had made: it is to be made once more.
    /// Given up, it would be removed where it was made, while others use it already, by whom it was found on all. The
    /// gfid is nobody else's, and the name is locked.
    private func alreadyMade(
        _ entry: NewEntry, on replica: Int, in frame: Frame
    ) async throws(FopError) -> EntryReply? {
        let look = LookupRequest(.name(entry.name, parent: entry.parent))
        let there: LookupReply
        do throws(FopError) { there = try await replicas[replica].lookup(look, in: frame) } catch {
            guard error == .noEntry else { throw .exists }
            return nil
        }
        guard there.iatt.gfid == entry.inode.gfid else { throw .exists }
        return EntryReply(iatt: there.iatt, parent: PrePostIatt(pre: there.parent, post: there.parent))
    }

    private func unmake(_ entry: NewEntry, on replica: Int, in frame: Frame) async throws(FopError) {
        if entry.inode.type == .directory {
            _ = try await replicas[replica].rmdir(RmdirRequest(parent: entry.parent, name: entry.name), in: frame)
        } else {
            _ = try await replicas[replica].unlink(UnlinkRequest(parent: entry.parent, name: entry.name), in: frame)
        }
    }

    public func unlink(_ request: UnlinkRequest, in frame: Frame) async throws(FopError) -> RemoveReply {
        let change = LockedChange.entry([(request.parent, request.name)], noting: .unlink)
        let outcome = try await perform(change, in: frame) { [self] replica throws(FopError) in
            try await replicas[replica].unlink(request, in: frame)
        }
        return try outcome.reply(among: settings.favorite)
    }

    public func rmdir(_ request: RmdirRequest, in frame: Frame) async throws(FopError) -> RemoveReply {
        var directory: Inode?
        do throws(FopError) {
            guard let found = try await find(request.name, in: request.parent, frame) else { throw .noEntry }
            directory = found.directory
        } catch {
            // A brick is just making it, and what it is will be seen under the name's lock.
            guard error == .noData else { throw error }
        }
        let change = LockedChange.removal([(request.parent, request.name)], directory, noting: .rmdir)
        let outcome = try await perform(change, in: frame) { [self] replica throws(FopError) in
            try await replicas[replica].rmdir(request, in: frame)
        }
        return try outcome.reply(among: settings.favorite)
    }

    public func rename(_ request: RenameRequest, in frame: Frame) async throws(FopError) -> RenameReply {
        let names = [(request.oldParent, request.oldName), (request.newParent, request.newName)]
        let kind: NameChange.Kind = request.flags.contains(.exchange) ? .exchange : .rename
        let outcome = try await perform(.removal(names, noting: kind), in: frame) { [self] replica throws(FopError) in
            try await replicas[replica].rename(request, in: frame)
        }
        return try outcome.reply(among: settings.favorite)
    }

    /// What stands under a name, on a replica that misses no names; nil: nothing.
    func find(_ name: EntryName, in parent: Inode, _ frame: Frame) async throws(FopError) -> Found? {
        do throws(FopError) {
            let iatt = try await read(.inode(parent), { $0.data }, in: frame) { replica throws(FopError) in
                do throws(FopError) {
                    return try await replicas[replica].lookup(LookupRequest(.name(name, parent: parent)), in: frame)
                        .iatt
                } catch {
                    // It is the answer, not a reason to ask another replica.
                    if error == .noEntry { return Iatt() }
                    throw error
                }
            }
            if iatt.gfid.isNone { return nil }
            return Found(inode: volume.environment.inodes.inode(iatt.gfid, type: iatt.type))
        } catch {
            throw error
        }
    }

    struct Found {
        let inode: Inode
        var directory: Inode? { inode.type == .directory ? inode : nil }
    }
}
