import CPosix
import Glibc
import TranslatorCore

extension PosixTranslator {
    /// Handles and paths follow: a moved directory's handle says where it is now, a moved file's path xattr too, and
    /// what was replaced loses its name as by unlink. `.exchange` does it for both; `.noReplace` answers EEXIST.
    public func rename(_ request: RenameRequest, in frame: Frame) async throws(FopError) -> RenameReply {
        guard request.flags.isSubset(of: [.noReplace, .exchange]), request.flags != [.noReplace, .exchange] else {
            throw .invalid
        }
        let brick = try brick
        let (oldParent, newParent, moved, there) = try DescriptorReserve.shared.lending { () throws(FopError) in
            let oldParent = try parentBefore(request.oldParent, request.oldName)
            let newParent = try parentBefore(request.newParent, request.newName)
            let moved = try Named(request.oldName, in: oldParent, brick)
            return (oldParent, newParent, moved, try existing(request.newName, in: newParent))
        }
        if let there, there.isSameObject(as: moved), !request.flags.contains(.exchange) {
            // Two names of one file: rename(2) does nothing, and so the paths stay.
            if request.flags.contains(.noReplace) { throw .exists }
            return try reply(moved, oldParent, newParent)
        }
        try request.oldName.withCName { old throws(FopError) in
            try request.newName.withCName { new throws(FopError) in
                _ = try PosixCall.run {
                    renameat2(oldParent.object.number, old, newParent.object.number, new, request.flags.rawValue)
                }
            }
        }
        let oldPath = GfidToPath(parent: request.oldParent.gfid, name: request.oldName)
        let newPath = GfidToPath(parent: request.newParent.gfid, name: request.newName)
        try relocate(moved, from: oldPath, to: newPath, frame)
        if let there {
            if request.flags.contains(.exchange) {
                try relocate(there, from: newPath, to: oldPath, frame)
            } else if there.isDirectory {
                if let gfid = there.gfid { try lostDirectory(gfid) }
            } else {
                try lostName(there.object, there.gfid, newPath, frame)
            }
        }
        try oldParent.object.touch(.content, at: frame.time)
        try newParent.object.touch(.content, at: frame.time)
        return try reply(moved, oldParent, newParent)
    }

    /// What stood under a name just before a rename.
    private struct Named {
        let object: BrickObject
        let status: stat
        let gfid: Gfid?
        var isDirectory: Bool { FileType(mode: status.st_mode) == .directory }

        init(_ name: EntryName, in parent: ParentBefore, _ brick: PosixBrick) throws(FopError) {
            object = try brick.object(named: name, in: parent.object)
            (status, gfid) = (try object.status(), try brick.gfid(of: object))
        }

        func isSameObject(as other: Named) -> Bool {
            status.st_ino == other.status.st_ino && status.st_dev == other.status.st_dev
        }
    }

    private func existing(_ name: EntryName, in parent: ParentBefore) throws(FopError) -> Named? {
        do throws(FopError) { return try Named(name, in: parent, brick) } catch {
            if error == .noEntry { return nil }
            throw error
        }
    }

    private func relocate(_ named: Named, from old: GfidToPath, to new: GfidToPath, _ frame: Frame) throws(FopError) {
        guard let gfid = named.gfid else { return }
        if named.isDirectory {
            try brick.writeDirectoryHandle(gfid, parent: new.parent, name: new.name)
        } else if settings.recordsPaths {
            try named.object.forgetPath(old)
            try named.object.recordPath(new)
        }
        try named.object.touch(.ctime, at: frame.time)
    }

    private func reply(_ moved: Named, _ oldParent: ParentBefore, _ newParent: ParentBefore) throws(FopError)
        -> RenameReply
    {
        let brick = try brick
        return RenameReply(
            iatt: try brick.iatt(moved.object, moved.gfid ?? .none),
            oldParent: PrePostIatt(pre: oldParent.iatt, post: try brick.iatt(oldParent.object, oldParent.inode.gfid)),
            newParent: PrePostIatt(pre: newParent.iatt, post: try brick.iatt(newParent.object, newParent.inode.gfid)))
    }
}
