import Synchronization
import TranslatorCore

// Fops on names pass; on their way back they tell where files are, and their attributes are put right.
extension BypassTranslator {
    public func lookup(_ request: LookupRequest, in frame: Frame) async throws(FopError) -> LookupReply {
        var reply = try await subvolume.lookup(request, in: frame)
        var inode = reply.inode
        if case .inode(let known) = request.target { inode = inode ?? known }
        if case .name(let name, let parent) = request.target, !name.isDotOrDotDot, settings.rules.needsPath {
            let found = inode ?? volume.environment.inodes.inode(reply.iatt.gfid, type: reply.iatt.type)
            remember(found, as: name, in: parent)
            reply.inode = found
            inode = found
        }
        if reply.iatt.isRegular {
            reply.iatt = try await corrected(
                reply.iatt, inode ?? volume.environment.inodes.find(reply.iatt.gfid), in: frame)
        }
        return reply
    }

    public func mkdir(_ request: MkdirRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        let reply = try await subvolume.mkdir(request, in: frame)
        remember(request.entry.inode, as: request.entry.name, in: request.entry.parent)
        return reply
    }

    public func mknod(_ request: MknodRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        let reply = try await subvolume.mknod(request, in: frame)
        remember(request.entry.inode, as: request.entry.name, in: request.entry.parent)
        return reply
    }

    public func link(_ request: LinkRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        try checkNotStale(request.inode)
        var reply = try await subvolume.link(request, in: frame)
        remember(request.inode, as: request.name, in: request.parent)
        do throws(FopError) { reply.iatt = try await corrected(reply.iatt, request.inode, in: frame) } catch {
            // The name is made, whoever has taken it, and all others, away again meanwhile.
            guard error.isAbsence else { throw error }
        }
        return reply
    }

    public func rename(_ request: RenameRequest, in frame: Frame) async throws(FopError) -> RenameReply {
        var reply = try await subvolume.rename(request, in: frame)
        if let moved = volume.environment.inodes.find(reply.iatt.gfid) {
            remember(moved, as: request.newName, in: request.newParent)
            // The name has moved, whatever becomes of its attributes.
            reply.iatt = (try? await corrected(reply.iatt, moved, in: frame)) ?? reply.iatt
        }
        if request.flags.contains(.exchange), settings.rules.needsPath {
            // The other file has moved too, and only its new name says which it is.
            _ = try? await lookup(LookupRequest(.name(request.oldName, parent: request.oldParent)), in: frame)
        }
        return reply
    }

    public func forget(_ inode: Inode) {
        if let file: BypassInode = context(inode) { place(file, at: nil) }
        subvolume.forget(inode)
    }

    func remember(_ inode: Inode, as name: EntryName, in parent: Inode) {
        guard settings.rules.needsPath else { return }
        place(makeContext(inode), at: BypassInode.Place(parent: parent, name: name))
    }

    private func place(_ file: BypassInode, at place: BypassInode.Place?) {
        let before = file.guarded.withLock { guarded in
            defer { guarded.place = place }
            return guarded.place
        }
        // The parent that it had may have been held by this alone: it dies after the mutex is free.
        _ = before
    }

    /// From the volume's root, with a leading slash; nil where a name on the way is not known.
    func path(of inode: Inode) -> [UInt8]? {
        var names: [EntryName] = []
        var current = inode
        while current.gfid != .root {
            // Deeper than any path of Linux: names that were changed meanwhile go in a circle.
            guard names.count < 2_048, let place = context(current)?.guarded.withLock({ $0.place }) else { return nil }
            names.append(place.name)
            current = place.parent
        }
        return names.reversed().flatMap { [UInt8(ascii: "/")] + $0.bytes }
    }
}
