import CPosix
import Glibc
import TranslatorCore

extension PosixTranslator {
    /// ENOENT for a name that is not there, ESTALE for an unknown gfid. An object without a gfid is half of one: it
    /// gets the one that xdata `gfid-req` names, is reported with a zero gfid to `gfidless-lookup`, and is ENODATA
    /// otherwise.
    public func lookup(_ request: LookupRequest, in frame: Frame) async throws(FopError) -> LookupReply {
        let brick = try brick
        switch request.target {
        case .inode(let inode):
            let object = try brick.object(inode.gfid, type: inode.type, isUnlinkedToo: false)
            let status = try object.status()
            // A directory that was removed may still be open here.
            guard status.st_nlink > 0 else { throw .stale }
            if request.xdata[XdataKey.mendPaths] != nil { try brick.mendPaths(of: object, status) }
            return LookupReply(
                iatt: try brick.iatt(object, inode.gfid, status: status),
                xdata: try answers(to: request.xdata, of: object, inode.gfid, status))
        case .name(let name, let parent):
            try checkName(name, in: parent)
            // What was found may have lost its name to another object before all of it was read.
            for _ in 0..<Self.looksMax {
                do throws(FopError) { return try look(at: name, in: parent, request.xdata) } catch {
                    guard error == .tryAgain else { throw error }
                }
            }
            throw .noEntry
        }
    }

    private static let looksMax = 8

    private func look(at name: EntryName, in parent: Inode, _ xdata: Xdata) throws(FopError) -> LookupReply {
        let brick = try brick
        let (directory, parentStatus) = try brick.parent(parent)
        let object = try brick.object(named: name, in: directory)
        var status = try object.status()
        let gfid = try identify(object, &status, name, parent.gfid, xdata)
        if xdata[XdataKey.mendPaths] != nil, settings.recordsPaths {
            try brick.mendPaths(of: object, status, found: GfidToPath(parent: parent.gfid, name: name))
        }
        return LookupReply(
            iatt: try brick.iatt(object, gfid, status: status),
            parent: try brick.iatt(directory, parent.gfid, status: parentStatus),
            xdata: try answers(to: xdata, of: object, gfid, status))
    }

    /// The gfid of what was found by name, its handle mended.
    private func identify(
        _ object: BrickObject, _ status: inout stat, _ name: EntryName, _ parent: Gfid, _ xdata: Xdata
    ) throws(FopError) -> Gfid {
        let brick = try brick
        if let gfid = try brick.gfid(of: object) {
            if try brick.mendHandle(gfid, object, status, parent: parent, name: name) { status = try object.status() }
            return gfid
        }
        if case .gfid(let wanted) = xdata[XdataKey.gfidRequest], !wanted.isNone {
            let gfid = try brick.adopt(
                object, status, as: wanted, parent: parent, name: name, recordsPath: settings.recordsPaths)
            status = try object.status()
            return gfid
        }
        guard xdata[XdataKey.gfidlessLookup] != nil else { throw .noData }
        return .none
    }

    /// Names that no caller may use: the brick's own folder under the root, "." and "..", and what is no name at all.
    func checkName(_ name: EntryName, in parent: Inode) throws(FopError) {
        if name.isDotOrDotDot { throw .invalid }
        if parent.gfid == .root, name == EntryName(BrickFolder.hidden) { throw .notPermitted }
    }
}

/// Keys of xdata that only bricks know (gluster-wire.md §8).
enum PosixXdataKey {
    static let openActiveFdCount = "glusterfs.open-active-fd-count"
    static let writeIsAppend = "glusterfs.write-is-append"
    static let linkCountLeft = "get-link-count"
    static let linkCountRequest = "gf_request_link_count"
    static let linkCountResponse = "gf_response_link_count"
    static let mdataRequest = "set-ctime-mdata"
    static let preStatus = "virt-gf-prestat"
    static let postStatus = "virt-gf-poststat"
}

extension PosixBrick {
    /// What stands under a name, whatever it is. ENOENT.
    func object(named name: EntryName, in directory: BrickObject) throws(FopError) -> BrickObject {
        let number = try name.withCName { name throws(FopError) in
            try PosixCall.run { cposix_openat(directory.number, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0) }
        }
        return BrickObject(path: number)
    }

    /// Gives an object without a gfid one: what somebody put into the brick from outside. Answers which it has now: of
    /// several that try, also in other processes, the first wins.
    ///
    /// At once, however new the object is: bricks of GlusterFS 10.3 do not wait either.
    func adopt(
        _ object: BrickObject, _ status: stat, as wanted: Gfid, parent: Gfid, name: EntryName, recordsPath: Bool
    ) throws(FopError) -> Gfid {
        var gfid = wanted
        do throws(FopError) {
            try object.setXattr(Self.gfidKey, gfid.bytes, flags: Int32(XATTR_CREATE))
        } catch {
            guard error == .exists, let theirs = try self.gfid(of: object) else { throw error }
            gfid = theirs
        }
        if FileType(mode: status.st_mode) == .directory {
            try writeDirectoryHandle(gfid, parent: parent, name: name)
        } else {
            if recordsPath { try object.recordPath(GfidToPath(parent: parent, name: name)) }
            try linkHandle(gfid, to: object)
        }
        return gfid
    }
}
