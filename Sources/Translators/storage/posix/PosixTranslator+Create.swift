import CPosix
import Glibc
import Synchronization
import TranslatorCore

extension PosixTranslator {
    /// A directory in which a name is about to be made or removed.
    struct ParentBefore {
        let inode: Inode
        let object: BrickObject
        let status: stat
        let iatt: Iatt
    }

    func parentBefore(_ inode: Inode, _ name: EntryName) throws(FopError) -> ParentBefore {
        let brick = try brick
        let (object, status) = try brick.parent(inode)
        try checkName(name, in: inode)
        return ParentBefore(
            inode: inode, object: object, status: status, iatt: try brick.iatt(object, inode.gfid, status: status))
    }

    /// The parent before and after its content was changed.
    func change(of parent: ParentBefore, _ frame: Frame) throws(FopError) -> PrePostIatt {
        try parent.object.touch(.content, at: frame.time)
        return PrePostIatt(pre: parent.iatt, post: try brick.iatt(parent.object, parent.inode.gfid))
    }

    private func reply(
        _ object: BrickObject, _ gfid: Gfid, _ parent: ParentBefore, _ frame: Frame
    ) throws(FopError) -> EntryReply {
        let iatt = try brick.iatt(object, gfid)
        return EntryReply(iatt: iatt, parent: try change(of: parent, frame))
    }

    // MARK: - Files

    /// EEXIST where the name is taken; ENODATA where the gfid is another object's.
    public func create(_ request: CreateRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        let entry = request.entry
        let opening = serving.load(ordering: .relaxed)
        try reserve.take(0, brick.root.number, in: frame)
        let parent = try parentBefore(entry.parent, entry.name)
        let file = try makeFile(entry, mode: request.mode, parent, frame)
        openFiles.opened(entry.inode.gfid)
        do throws(FopError) { try hang(file, on: request.fd, opening) } catch {
            closed(entry.inode.gfid)
            throw error
        }
        return try reply(file, entry.inode.gfid, parent, frame)
    }

    /// A file without a name (O_TMPFILE) in the parent, so that it inherits ACLs, labels and place on disk as any other
    /// there, made complete, then linked to its handle, then to its name: a crash leaves nothing that anybody sees.
    private func makeFile(
        _ entry: NewEntry, mode: UInt32, _ parent: ParentBefore, _ frame: Frame
    ) throws(FopError) -> BrickObject {
        let brick = try brick
        let gfid = entry.inode.gfid
        let number: Int32
        do throws(FopError) {
            number = try PosixCall.run {
                cposix_openat(parent.object.number, ".", cposix_o_tmpfile() | O_RDWR | O_CLOEXEC, mode & 0o7777)
            }
        } catch {
            guard error == .notSupported || error == .isDirectory else { throw error }
            return try makeFileAtHandle(entry, mode: mode, parent, frame)
        }
        let file = BrickObject(open: number)
        try own(file, mode: mode, parent, frame)
        try setFirstXattrs(of: file, entry, recordsPath: true)
        guard try brick.makeAtHandle(gfid, { linkat(number, "", brick.root.number, $0, AT_EMPTY_PATH) }) else {
            throw .noData
        }
        try name(entry, at: parent) { name in linkat(number, "", parent.object.number, name, AT_EMPTY_PATH) }
        return file
    }

    /// Where the file system knows no files without a name.
    private func makeFileAtHandle(
        _ entry: NewEntry, mode: UInt32, _ parent: ParentBefore, _ frame: Frame
    ) throws(FopError) -> BrickObject {
        let full = FileType.regular.rawValue | mode & 0o7777
        _ = try makeNode(MknodRequest(entry: entry, mode: full, device: 0), parent, frame)
        return BrickObject(open: try brick.openHandle(entry.inode.gfid, O_RDWR, isUnlinkedToo: false))
    }

    /// Gives a complete object its name; without success its handle goes again.
    private func name(
        _ entry: NewEntry, at parent: ParentBefore, _ link: (UnsafePointer<CChar>) -> Int32
    ) throws(FopError) {
        do throws(FopError) {
            try entry.name.withCName { name throws(FopError) in _ = try PosixCall.run { link(name) } }
        } catch {
            try? brick.removeHandle(entry.inode.gfid)
            throw error
        }
    }

    /// The caller's, but for the group of a set-gid directory's. A change of owner takes set-uid bits off, so they are
    /// put back.
    private func own(_ object: BrickObject, mode: UInt32, _ parent: ParentBefore, _ frame: Frame) throws(FopError) {
        let (uid, gid) = owner(parent, frame)
        let status = try object.status()
        guard status.st_uid != uid || status.st_gid != gid else { return }
        try object.changeOwner(uid: uid, gid: gid)
        let isSymlink = FileType(mode: status.st_mode) == .symlink
        if mode & 0o6000 != 0, !isSymlink { try object.changeMode(status.st_mode & 0o1777 | mode & 0o6000) }
    }

    private func owner(_ parent: ParentBefore, _ frame: Frame) -> (uid: UInt32, gid: UInt32) {
        (frame.caller.uid, parent.status.st_mode & S_ISGID != 0 ? parent.status.st_gid : frame.caller.gid)
    }

    /// The gfid, the path, and what xdata brings along.
    private func setFirstXattrs(of object: BrickObject, _ entry: NewEntry, recordsPath: Bool) throws(FopError) {
        try object.setXattr(PosixBrick.gfidKey, entry.inode.gfid.bytes)
        if recordsPath && settings.recordsPaths {
            try object.recordPath(GfidToPath(parent: entry.parent.gfid, name: entry.name))
        }
        for (key, value) in entry.xdata where Self.isXattrName(key) && !Self.isHidden(key) {
            if let bytes = value.bytes { try object.setXattr(key, bytes) }
        }
    }

    // MARK: - Others

    /// With `glusterfs-internal-fop` an object that has the gfid already gets this name too: how healers make names.
    public func mknod(_ request: MknodRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        let entry = request.entry
        let gfid = entry.inode.gfid
        try reserve.take(0, brick.root.number, in: frame)
        let parent = try parentBefore(entry.parent, entry.name)
        if entry.xdata[XdataKey.internalFop] != nil, let object = try existing(gfid) {
            try addName(object, gfid, parent, entry.name)
            return try reply(object, gfid, parent, frame)
        }
        let object =
            switch FileType(mode: request.mode) {
            case .regular, .unknown: try makeFile(entry, mode: request.mode, parent, frame)
            case .fifo, .socket, .characterDevice, .blockDevice: try makeNode(request, parent, frame)
            case .directory, .symlink: throw .invalid
            }
        return try reply(object, gfid, parent, frame)
    }

    private func existing(_ gfid: Gfid) throws(FopError) -> BrickObject? {
        do throws(FopError) {
            let object = try brick.object(gfid, type: .unknown, isUnlinkedToo: false)
            if FileType(mode: try object.status().st_mode) == .directory { throw FopError.exists }
            return object
        } catch {
            if error == .stale { return nil }
            throw error
        }
    }

    private func makeNode(
        _ request: MknodRequest, _ parent: ParentBefore, _ frame: Frame
    ) throws(FopError) -> BrickObject {
        let entry = request.entry
        let inherited = try PosixAcl.inherited(from: parent.object, mode: request.mode)
        return try makeAtHandle(entry, request.mode, parent, inherited, frame) { [brick = try brick] path in
            mknodat(brick.root.number, path, inherited.mode, dev_t(request.device))
        }
    }

    public func symlink(_ request: SymlinkRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        let entry = request.entry
        guard !request.target.isEmpty, !request.target.contains(0) else { throw .invalid }
        guard request.target.count < Int(PATH_MAX) else { throw .nameTooLong }
        try reserve.take(0, brick.root.number, in: frame)
        let parent = try parentBefore(entry.parent, entry.name)
        let target = request.target + [0]
        let object = try makeAtHandle(entry, 0, parent, nil, frame) { [brick = try brick] path in
            target.withUnsafeBytes { symlinkat($0.bindMemory(to: CChar.self).baseAddress!, brick.root.number, path) }
        }
        return try reply(object, entry.inode.gfid, parent, frame)
    }

    /// Makes an object where its handle is, completes it, then links its name to it.
    private func makeAtHandle(
        _ entry: NewEntry, _ mode: UInt32, _ parent: ParentBefore, _ inherited: PosixAcl.Inherited?, _ frame: Frame,
        _ make: (UnsafePointer<CChar>) -> Int32
    ) throws(FopError) -> BrickObject {
        let brick = try brick
        let gfid = entry.inode.gfid
        guard try brick.makeAtHandle(gfid, make) else { throw .noData }
        do throws(FopError) {
            let object = BrickObject(path: try brick.openHandle(gfid, O_PATH, isUnlinkedToo: false))
            try own(object, mode: mode, parent, frame)
            if let access = inherited?.access { try object.setXattr(PosixAcl.accessKey, access) }
            try setFirstXattrs(of: object, entry, recordsPath: true)
            try entry.name.withCName { name throws(FopError) in
                try GfidHandle.withPath(gfid) { path throws(FopError) in
                    _ = try PosixCall.run { linkat(brick.root.number, path, parent.object.number, name, 0) }
                }
            }
            return object
        } catch {
            try? brick.removeHandle(gfid)
            throw error
        }
    }

    /// Made aside, completed, then moved to its name in one step that never replaces. EEXIST, and ENODATA for a gfid
    /// that another object has: genuine bricks make a second directory then, which breaks every by-gfid access.
    public func mkdir(_ request: MkdirRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        let entry = request.entry
        let gfid = entry.inode.gfid
        let brick = try brick
        try reserve.take(0, brick.root.number, in: frame)
        let parent = try parentBefore(entry.parent, entry.name)
        if try isTaken(gfid) { throw .noData }
        let aside = "\(BrickFolder.staging)/\(gfid)-\(getpid())-\(UniqueNumber.next())"
        let inherited = try PosixAcl.inherited(from: parent.object, mode: request.mode)
        try PosixCall.run { mkdirat(brick.root.number, aside, inherited.mode & 0o7777) }
        do throws(FopError) {
            let object = BrickObject(
                open: try PosixCall.run {
                    cposix_openat(brick.root.number, aside, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
                })
            try completeDirectory(object, entry, inherited, parent, frame)
            try brick.writeDirectoryHandle(gfid, parent: parent.inode.gfid, name: entry.name)
            try entry.name.withCName { name throws(FopError) in
                let noReplace = UInt32(RenameFlags.noReplace.rawValue)
                _ = try PosixCall.run {
                    renameat2(brick.root.number, aside, parent.object.number, name, noReplace)
                }
            }
            return try reply(object, gfid, parent, frame)
        } catch {
            unlinkat(brick.root.number, aside, AT_REMOVEDIR)
            // Unless another process was quicker with this very directory.
            if try !isTaken(gfid) { try? brick.removeHandle(gfid) }
            throw error
        }
    }

    private func completeDirectory(
        _ directory: BrickObject, _ entry: NewEntry, _ inherited: PosixAcl.Inherited, _ parent: ParentBefore,
        _ frame: Frame
    ) throws(FopError) {
        let (uid, gid) = owner(parent, frame)
        if uid != 0 || gid != 0 { try directory.changeOwner(uid: uid, gid: gid) }
        if parent.status.st_mode & S_ISGID != 0 {
            try directory.changeMode(inherited.mode & 0o7777 | S_ISGID)
        }
        if let access = inherited.access { try directory.setXattr(PosixAcl.accessKey, access) }
        if let defaults = inherited.defaults { try directory.setXattr(PosixAcl.defaultKey, defaults) }
        try setFirstXattrs(of: directory, entry, recordsPath: false)
    }

    private func isTaken(_ gfid: Gfid) throws(FopError) -> Bool {
        do throws(FopError) {
            // A handle of a directory that is where it says; one out of date is written anew.
            _ = try brick.object(gfid, type: .unknown, isUnlinkedToo: false)
            return true
        } catch {
            if error == .stale { return false }
            throw error
        }
    }

    /// EPERM for directories; ESTALE for a gfid that has no name left.
    public func link(_ request: LinkRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        let parent = try parentBefore(request.parent, request.name)
        if request.inode.type == .directory { throw .notPermitted }
        let gfid = request.inode.gfid
        let object = try brick.object(gfid, type: request.inode.type, isUnlinkedToo: false)
        try addName(object, gfid, parent, request.name)
        try object.touch(.ctime, at: frame.time)
        return try reply(object, gfid, parent, frame)
    }

    private func addName(
        _ object: BrickObject, _ gfid: Gfid, _ parent: ParentBefore, _ name: EntryName
    ) throws(FopError) {
        try name.withCName { name throws(FopError) in
            _ = try PosixCall.run { linkat(object.number, "", parent.object.number, name, AT_EMPTY_PATH) }
        }
        // The last other name may have gone meanwhile, and the handle with it.
        try brick.keepHandle(gfid, of: object)
        // An orphaned handle (a crash in unlink) counts one link only, and is whole again now.
        if settings.recordsPaths, try object.status().st_nlink <= GfidToPath.namesMax + 1 {
            try object.recordPath(GfidToPath(parent: parent.inode.gfid, name: name))
        }
    }
}
