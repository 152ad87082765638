import CPosix
import Glibc
import TranslatorCore

extension PosixBrick {
    /// Makes the handle of an object that is no directory: a hard link. ENODATA when the gfid is another object's.
    /// False when it was there, nil when the object is gone.
    @discardableResult
    func linkHandle(_ gfid: Gfid, to object: BrickObject) throws(FopError) -> Bool? {
        let isMade: Bool
        do throws(FopError) {
            isMade = try makeAtHandle(gfid) { path in linkat(object.number, "", root.number, path, AT_EMPTY_PATH) }
        } catch {
            if error == .noEntry, try object.status().st_nlink == 0 { return nil }
            throw error
        }
        guard !isMade else { return true }
        let there = BrickObject(path: try openHandle(gfid, O_PATH, isUnlinkedToo: false))
        let (found, wanted) = (try there.status(), try object.status())
        guard found.st_ino == wanted.st_ino, found.st_dev == wanted.st_dev else { throw .noData }
        return false
    }

    /// Calls `make` with the handle's path, its folders made where missing. False when something is there already.
    func makeAtHandle(_ gfid: Gfid, _ make: (UnsafePointer<CChar>) -> Int32) throws(FopError) -> Bool {
        do throws(FopError) {
            try GfidHandle.withPath(gfid) { path throws(FopError) in _ = try PosixCall.run { make(path) } }
            return true
        } catch {
            if error == .exists { return false }
            guard error == .noEntry else { throw error }
        }
        let folders = GfidHandle.folders(of: gfid)
        try Self.makeDirectory(root, folders.outer, mode: 0o700)
        try Self.makeDirectory(root, folders.inner, mode: 0o700)
        return try GfidHandle.withPath(gfid) { path throws(FopError) in
            try PosixCall.run(nilFor: EEXIST) { make(path) } != nil
        }
    }

    func removeHandle(_ gfid: Gfid) throws(FopError) {
        _ = try GfidHandle.withPath(gfid) { path throws(FopError) in
            try PosixCall.run(nilFor: ENOENT) { unlinkat(root.number, path, 0) }
        }
    }

    /// Points a directory's handle at where the directory is, replacing what it said before in one step.
    func writeDirectoryHandle(_ gfid: Gfid, parent: Gfid, name: EntryName) throws(FopError) {
        let target = GfidHandle.directoryTarget(parent: parent, name: name) + [0]
        let isMade = try makeAtHandle(gfid) { path in
            target.withUnsafeBytes { symlinkat($0.bindMemory(to: CChar.self).baseAddress!, root.number, path) }
        }
        if isMade { return }
        // Made aside and renamed over: nobody ever finds no handle.
        let aside = "\(BrickFolder.staging)/\(gfid)-\(getpid())-\(UniqueNumber.next())"
        try PosixCall.run {
            target.withUnsafeBytes { symlinkat($0.bindMemory(to: CChar.self).baseAddress!, root.number, aside) }
        }
        do throws(FopError) {
            try GfidHandle.withPath(gfid) { path throws(FopError) in
                _ = try PosixCall.run { renameat(root.number, aside, root.number, path) }
            }
        } catch {
            unlinkat(root.number, aside, 0)
            throw error
        }
    }

    /// Mends the handle of an object that was found by name: a crash may have come between the two. True when it had
    /// to. EAGAIN, and no handle is left behind, where the object lost that name meanwhile.
    func mendHandle(
        _ gfid: Gfid, _ object: BrickObject, _ status: stat, parent: Gfid, name: EntryName
    ) throws(FopError) -> Bool {
        if FileType(mode: status.st_mode) == .directory {
            if let known = try directoryHandle(gfid), known == (parent, name) || leads(gfid, to: status) {
                return false
            }
            try writeDirectoryHandle(gfid, parent: parent, name: name)
            guard try object.status().st_nlink == 0 else { return true }
            try dropDirectoryHandle(gfid)
            throw .tryAgain
        }
        guard status.st_nlink < 2 else { return false }
        guard status.st_nlink > 0, let isMade = try linkHandle(gfid, to: object) else { throw .tryAgain }
        // With a handle already, that was its only link: whoever took the name away has the handle still to go.
        if try !leads(name, in: directory(parent), to: status) {
            // Nobody else would take it away.
            if isMade { try removeHandle(gfid) }
            throw .tryAgain
        }
        return true
    }

    /// Whether a directory's handle leads to the one with these attributes: then it was moved after it was found by
    /// name.
    private func leads(_ gfid: Gfid, to status: stat) -> Bool {
        var there = stat()
        let found: Int32? = try? GfidHandle.withPath(gfid) { path throws(FopError) in
            try PosixCall.run { fstatat(root.number, path, &there, 0) }
        }
        return found != nil && there.st_ino == status.st_ino && there.st_dev == status.st_dev
    }

    private func leads(_ name: EntryName, in directory: BrickObject, to status: stat) throws(FopError) -> Bool {
        var there = stat()
        let found = try name.withCName { name throws(FopError) in
            try PosixCall.run(nilFor: ENOENT) { fstatat(directory.number, name, &there, AT_SYMLINK_NOFOLLOW) }
        }
        return found != nil && there.st_ino == status.st_ino && there.st_dev == status.st_dev
    }

    /// Takes away the handle of a directory that is gone, unless a healer has made that directory anew meanwhile.
    func dropDirectoryHandle(_ gfid: Gfid) throws(FopError) {
        directories.drop(gfid)
        do throws(FopError) { _ = try directory(gfid) } catch {
            guard error == .stale || error.isOutOfDescriptors else { throw error }
            try removeHandle(gfid)
        }
    }

    /// The handle of a file that lost its last name: kept in `unlink` while somebody here has it open, else removed.
    /// Another process may give it a name at the same moment, by the handle: that file keeps its handle.
    func retireHandle(_ gfid: Gfid, of object: BrickObject, in openFiles: OpenFileTable) throws(FopError) {
        if openFiles.lostLastName(gfid) { try setHandleAside(gfid, openFiles) } else { try removeHandle(gfid) }
        let links = try object.status().st_nlink
        guard links > 0 else { return }
        var aside = stat()
        let isAside = try GfidHandle.withPath(gfid, in: BrickFolder.unlinkedPrefix) { path throws(FopError) in
            try PosixCall.run(nilFor: ENOENT) { fstatat(root.number, path, &aside, AT_SYMLINK_NOFOLLOW) } != nil
        }
        // One aside is a link too, whoever has the file open and put it there.
        if links > (isAside ? 1 : 0) { try keepHandle(gfid, of: object) }
    }

    /// For whoever has given a file a name: makes its handle if it is gone.
    func keepHandle(_ gfid: Gfid, of object: BrickObject) throws(FopError) {
        var there = stat()
        let found = try GfidHandle.withPath(gfid) { path throws(FopError) in
            try PosixCall.run(nilFor: ENOENT) { fstatat(root.number, path, &there, AT_SYMLINK_NOFOLLOW) }
        }
        if found == nil { try linkHandle(gfid, to: object) }
    }

    private func setHandleAside(_ gfid: Gfid, _ openFiles: OpenFileTable) throws(FopError) {
        try GfidHandle.withPath(gfid) { from throws(FopError) in
            try GfidHandle.withPath(gfid, in: BrickFolder.unlinkedPrefix) { to throws(FopError) in
                _ = try PosixCall.run(nilFor: ENOENT) { renameat(root.number, from, root.number, to) }
            }
        }
        // The last close may have come before the handle was there to be removed.
        if !openFiles.lostLastName(gfid) { removeUnlinked(gfid) }
    }

    func removeUnlinked(_ gfid: Gfid) {
        _ = try? GfidHandle.withPath(gfid, in: BrickFolder.unlinkedPrefix) { path throws(FopError) in
            unlinkat(root.number, path, 0)
        }
    }
}
