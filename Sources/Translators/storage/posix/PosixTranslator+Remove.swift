import CPosix
import Glibc
import TranslatorCore

extension PosixTranslator {
    /// EISDIR for a directory. A file without a gfid (half made, or put there by hand) can be removed too.
    public func unlink(_ request: UnlinkRequest, in frame: Frame) async throws(FopError) -> RemoveReply {
        let brick = try brick
        let (parent, object) = try find(request.name, in: request.parent)
        let before = try object.status()
        guard FileType(mode: before.st_mode) != .directory else { throw .isDirectory }
        let gfid = try brick.gfid(of: object)
        try request.name.withCName { name throws(FopError) in
            _ = try PosixCall.run { unlinkat(parent.object.number, name, 0) }
        }
        let left = try lostName(object, gfid, GfidToPath(parent: request.parent.gfid, name: request.name), frame)
        var reply = RemoveReply(parent: try change(of: parent, frame))
        reply.xdata[PosixXdataKey.linkCountLeft] = .uint(UInt64(left))
        if request.xdata[PosixXdataKey.linkCountRequest] != nil {
            reply.xdata[PosixXdataKey.linkCountResponse] = .uint(UInt64(Iatt(before, gfid: gfid ?? .none).nlink))
        }
        return reply
    }

    /// Removing is how room is made, and how what was done on one replica only is taken back.
    private func find(_ name: EntryName, in parent: Inode) throws(FopError) -> (ParentBefore, BrickObject) {
        try DescriptorReserve.shared.lending { () throws(FopError) in
            let before = try parentBefore(parent, name)
            return (before, try brick.object(named: name, in: before.object))
        }
    }

    /// After an object lost a name: without any other its handle goes (or waits for the last close), else the path is
    /// forgotten. Answers the names left.
    @discardableResult
    func lostName(_ object: BrickObject, _ gfid: Gfid?, _ path: GfidToPath, _ frame: Frame) throws(FopError) -> UInt32 {
        let status = try object.status()
        guard let gfid else { return UInt32(clamping: status.st_nlink) }
        let left = Iatt(status, gfid: gfid).nlink
        if left == 0 {
            try brick.retireHandle(gfid, of: object, in: openFiles)
            try? brick.files.drop(gfid)
        } else {
            try object.forgetPath(path)
            try object.touch(.ctime, at: frame.time)
        }
        return left
    }

    /// ENOTEMPTY, unless `isRecursive`: then a directory with content goes to the landfill.
    public func rmdir(_ request: RmdirRequest, in frame: Frame) async throws(FopError) -> RemoveReply {
        let brick = try brick
        let (parent, object) = try find(request.name, in: request.parent)
        guard FileType(mode: try object.status().st_mode) == .directory else { throw .notDirectory }
        let gfid = try brick.gfid(of: object)
        do throws(FopError) {
            try request.name.withCName { name throws(FopError) in
                _ = try PosixCall.run { unlinkat(parent.object.number, name, AT_REMOVEDIR) }
            }
            if let gfid { try lostDirectory(gfid) }
        } catch {
            guard request.isRecursive, error == .notEmpty || error == .exists else { throw error }
            try moveToLandfill(gfid ?? .random(), request.name, parent)
        }
        return RemoveReply(parent: try change(of: parent, frame))
    }

    /// The handle goes after the directory; a kept descriptor would keep it alive.
    func lostDirectory(_ gfid: Gfid) throws(FopError) {
        let brick = try brick
        try brick.dropDirectoryHandle(gfid)
    }

    private func moveToLandfill(_ gfid: Gfid, _ name: EntryName, _ parent: ParentBefore) throws(FopError) {
        let brick = try brick
        // The same gfid may have gone there before, on its way through a heal.
        let place = "\(BrickFolder.landfill)/\(gfid)"
        let other = "\(place)-\(getpid())-\(UniqueNumber.next())"
        try name.withCName { name throws(FopError) in
            let noReplace = UInt32(RenameFlags.noReplace.rawValue)
            let moved = try PosixCall.run(nilFor: EEXIST) {
                renameat2(parent.object.number, name, brick.root.number, place, noReplace)
            }
            if moved == nil {
                try PosixCall.run { renameat2(parent.object.number, name, brick.root.number, other, noReplace) }
            }
        }
        brick.directories.drop(gfid)
    }
}
