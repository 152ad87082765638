import CFuse
import CPosix
import FuseProtocol
import Glibc
import Synchronization
import TranslatorCore

/// Names: finding, making, removing and moving them.
extension FuseSession {
    func lookup(_ name: EntryName, _ call: FuseCall) async throws(FopError) {
        let parent = try node(call.node)
        guard name.bytes.count <= EntryName.bytesMax else { throw .nameTooLong }
        guard !HiddenNames.isHidden(name, in: parent.inode) else { throw .noEntry }
        let found: LookupReply
        do throws(FopError) {
            found = try await self.found(name, in: parent.inode, frame(call))
        } catch {
            guard error == .noEntry, settings.negativeTimeout > .zero else { throw error }
            call.queue.reply(call.unique, fuse_entry_out.absent(valid: absentValid))
            return
        }
        await replyFound(found, as: name, in: parent.inode, call)
    }

    /// What was put into a brick from outside has no gfid, and the brick says ENODATA: it is asked to give it one, as
    /// GlusterFS's mount does.
    func look(
        _ name: EntryName, in parent: Inode, _ xdata: Xdata, _ frame: Frame
    ) async throws(FopError) -> LookupReply {
        do throws(FopError) {
            return try await top.lookup(LookupRequest(.name(name, parent: parent), xdata: xdata), in: frame)
        } catch {
            guard error == .noData, writeGate.isOpen else { throw error }
            let xdata: Xdata = [XdataKey.gfidRequest: .gfid(.random())]
            return try await top.lookup(LookupRequest(.name(name, parent: parent), xdata: xdata), in: frame)
        }
    }

    /// The inode that a reply's attributes are of.
    func inode(of iatt: Iatt, _ inode: Inode? = nil) -> Inode {
        inode ?? environment.inodes.inode(iatt.gfid, type: iatt.type)
    }

    /// Counts a lookup for the kernel and notes what the attributes say.
    func remember(_ iatt: Iatt, _ inode: Inode? = nil) -> Node {
        let node = nodes.remember(self.inode(of: iatt, inode))
        saw(iatt, of: node)
        return node
    }

    func saw(_ iatt: Iatt, of node: Node) {
        node.mode.store(UInt16(truncatingIfNeeded: iatt.permissions), until: beliefEnd)
        node.told.store(iatt.changeDigest, ordering: .relaxed)
        node.isNameless.store(iatt.nlink == 0 && !iatt.isDirectory, ordering: .relaxed)
    }

    func entry(_ node: Node, _ iatt: Iatt) -> fuse_entry_out {
        fuse_entry_out(node: node.number, iatt, entryValid: entryValid, attributesValid: attributesValid)
    }

    func replyEntry(_ iatt: Iatt, inode: Inode?, _ call: FuseCall) {
        let node = remember(iatt, inode)
        if !call.queue.reply(call.unique, entry(node, iatt)) { forget(node.number, lookups: 1) }
    }

    /// Refuses to make, remove or move what is the brick's own.
    private func checkName(_ name: EntryName, in parent: Node) throws(FopError) {
        guard name.bytes.count <= EntryName.bytesMax else { throw .nameTooLong }
        guard !HiddenNames.isHidden(name, in: parent.inode) else { throw .notPermitted }
    }

    func newEntry(_ name: EntryName, in parent: Node, type: FileType) throws(FopError) -> NewEntry {
        try checkName(name, in: parent)
        return NewEntry(parent: parent.inode, name: name, inode: environment.inodes.inode(newGfids.next(), type: type))
    }

    func makeEntry(_ request: FuseRequest, _ call: FuseCall) async throws(FopError) {
        let parent = try node(call.node)
        let frame = frame(call)
        switch request {
        case .mknod(let name, let mode, let device, let umask):
            let new = try newEntry(name, in: parent, type: FileType(mode: mode))
            let mode = try await masked(mode, by: umask, in: parent, frame)
            let reply = try await top.mknod(MknodRequest(entry: new, mode: mode, device: device), in: frame)
            replyEntry(reply.iatt, inode: new.inode, call)
        case .mkdir(let name, let mode, let umask):
            let new = try newEntry(name, in: parent, type: .directory)
            let mode = try await masked(mode & 0o7777, by: umask, in: parent, frame)
            let reply = try await top.mkdir(MkdirRequest(entry: new, mode: mode), in: frame)
            replyEntry(reply.iatt, inode: new.inode, call)
        case .symlink(let name, let target):
            let new = try newEntry(name, in: parent, type: .symlink)
            let reply = try await top.symlink(SymlinkRequest(entry: new, target: target), in: frame)
            replyEntry(reply.iatt, inode: new.inode, call)
        case .link(let name, let linked):
            let linked = try node(linked)
            try checkName(name, in: parent)
            do throws(FopError) {
                let reply = try await top.link(
                    LinkRequest(inode: linked.inode, parent: parent.inode, name: name), in: frame)
                replyEntry(reply.iatt, inode: linked.inode, call)
            } catch {
                guard error.isAbsence else { throw error }
                try await linkAgain(linked, name, in: parent, call)
            }
        default: preconditionFailure("\(request) makes no entry")
        }
    }

    /// The umask counts unless the directory has a default ACL (acl(5), "object creation"): then the file system
    /// below gives the new object that ACL, and the mode asked for limits it.
    func masked(_ mode: UInt32, by umask: UInt32, in parent: Node, _ frame: Frame) async throws(FopError) -> UInt32 {
        guard mode & umask & 0o777 != 0 else { return mode }
        guard features.contains(.posixACL), try await hasDefaultACL(parent, frame) else { return mode & ~umask }
        return mode
    }

    private func hasDefaultACL(_ directory: Node, _ frame: Frame) async throws(FopError) -> Bool {
        if let known = directory.defaultACL.value(at: environment.time.now()) { return known == 1 }
        let end = beliefEnd
        var isThere = true
        do throws(FopError) {
            let request = GetxattrRequest(.inode(directory.inode), name: XattrName.defaultACL)
            isThere = try await top.getxattr(request, in: frame).xattrs[XattrName.defaultACL] != nil
        } catch {
            guard error == .noData || error == .notSupported else { throw error }
            isThere = false
        }
        directory.defaultACL.store(isThere ? 1 : 0, until: end)
        return isThere
    }

    func unlink(_ name: EntryName, _ call: FuseCall) async throws(FopError) {
        let parent = try node(call.node)
        try checkName(name, in: parent)
        _ = try await top.unlink(UnlinkRequest(parent: parent.inode, name: name), in: frame(call))
        call.queue.reply(call.unique)
    }

    func rmdir(_ name: EntryName, _ call: FuseCall) async throws(FopError) {
        let parent = try node(call.node)
        try checkName(name, in: parent)
        _ = try await top.rmdir(RmdirRequest(parent: parent.inode, name: name), in: frame(call))
        call.queue.reply(call.unique)
    }

    func rename(_ request: FuseRequest, _ call: FuseCall) async throws(FopError) {
        guard case .rename(let oldName, let newParent, let newName, let flags) = request else { return }
        let known: RenameFlags = [.noReplace, .exchange]
        guard flags & ~known.rawValue == 0 else { throw .invalid }  // RENAME_WHITEOUT is for overlay's upper layers
        let from = try node(call.node)
        let to = try node(newParent)
        try checkName(oldName, in: from)
        try checkName(newName, in: to)
        _ = try await top.rename(
            RenameRequest(
                oldParent: from.inode, oldName: oldName, newParent: to.inode, newName: newName,
                flags: RenameFlags(rawValue: flags)), in: frame(call))
        call.queue.reply(call.unique)
    }
}
