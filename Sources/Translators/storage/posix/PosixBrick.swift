import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// An open brick: its root descriptor and what is reached from it. The layout on disk is here, fops are in
/// `PosixTranslator`.
final class PosixBrick: Sendable {
    let root: BrickObject
    private let identity: Mutex<Gfid?>
    /// Nil where another process serves the brick: then it alone does xattrops.
    let xattropLocks: XattropLocks?
    /// Whether another process serves the brick, which then records all times too.
    let isVisited: Bool
    /// Of the file system, as found at the start.
    let ordersMetadata: Bool
    let directories = DescriptorCache(entriesMax: 1024)
    /// For anonymous fds.
    let files = DescriptorCache(entriesMax: 1024)
    /// Held shared as long as the brick is open, so that a process that starts knows whether it is alone.
    private let presence: Descriptor?

    init(root: BrickObject, volumeID: Gfid?, xattropLocks: XattropLocks?, presence: Descriptor?) {
        identity = Mutex(volumeID)
        isVisited = xattropLocks == nil
        (self.root, self.xattropLocks, self.presence) = (root, xattropLocks, presence)
        ordersMetadata = OrderedMetadata.isKept(by: root)
    }

    var volumeID: Gfid? { identity.withLock { $0 } }

    /// Written only where there is none: of two processes that start at the same time one decides for both.
    func adopt(volumeID wanted: Gfid) throws(FopError) -> Gfid {
        if let known = volumeID { return known }
        var found = wanted
        do throws(FopError) {
            try root.setXattr(Self.volumeIDKey, wanted.bytes, flags: Int32(XATTR_CREATE))
        } catch {
            guard error == .exists else { throw error }
            guard let theirs = try root.xattr(Self.volumeIDKey).flatMap({ Gfid(bytes: $0) }) else { throw .io }
            found = theirs
        }
        // It has served its purpose; where it cannot be removed it means nothing any more.
        try? root.removeXattr(Self.intentKey)
        identity.withLock { $0 = found }
        return found
    }

    // MARK: - Reaching objects by gfid

    /// A directory, opened for reading. ESTALE when there is none of this gfid.
    func directory(_ gfid: Gfid) throws(FopError) -> BrickObject {
        if gfid == .root { return root }
        if let kept = directories[gfid] { return kept }
        let found = try openDirectory(gfid)
        directories.keep(found, as: gfid)
        return found
    }

    /// A directory that names are looked up or changed in, with its attributes. One that was removed and made anew with
    /// the same gfid (by a healer in another process) is opened again.
    func parent(_ inode: Inode) throws(FopError) -> (object: BrickObject, status: stat) {
        let object = try directory(inode.gfid)
        let status = try object.status()
        if status.st_nlink > 0 { return (object, status) }
        directories.drop(inode.gfid)
        let again = try directory(inode.gfid)
        return (again, try again.status())
    }

    /// Follows the handle, then checks that what it led to says it is `gfid`: a handle may be out of date after a
    /// crash, and the name it has may be anything by now, a symlink out of the brick too. Opening a directory disturbs
    /// nothing.
    private func openDirectory(_ gfid: Gfid, depth: Int = 0) throws(FopError) -> BrickObject {
        let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC
        let number: Int32
        do throws(FopError) {
            number = try GfidHandle.withPath(gfid) { path throws(FopError) in
                try PosixCall.run { cposix_openat(root.number, path, flags, 0) }
            }
        } catch {
            // More than 40 levels: the kernel follows no further, so we go up to an ancestor and down again.
            if error.code == ELOOP { return try openBelowParent(gfid, depth: depth) }
            if error == .noEntry { throw .stale }
            // A directory's handle, but something else has the name by now.
            if error == .notDirectory, try directoryHandle(gfid) != nil { throw .stale }
            throw error
        }
        let object = BrickObject(open: number)
        guard try self.gfid(of: object) == gfid else { throw .stale }
        return object
    }

    private func openBelowParent(_ gfid: Gfid, depth: Int) throws(FopError) -> BrickObject {
        // PATH_MAX allows no more levels than this below any mount.
        guard depth < Int(PATH_MAX) / 2, let (parent, name) = try directoryHandle(gfid) else { throw .stale }
        let above = try openAncestor(parent, depth: depth + 1)
        let number: Int32
        do throws(FopError) {
            number = try name.withCName { name throws(FopError) in
                try PosixCall.run {
                    cposix_openat(above.number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
                }
            }
        } catch {
            if error == .noEntry || error == .notDirectory || error.code == ELOOP { throw .stale }
            throw error
        }
        let object = BrickObject(open: number)
        guard try self.gfid(of: object) == gfid else { throw .stale }
        return object
    }

    private func openAncestor(_ gfid: Gfid, depth: Int) throws(FopError) -> BrickObject {
        if gfid == .root { return root }
        if let kept = directories[gfid] { return kept }
        return try openDirectory(gfid, depth: depth)
    }

    /// What a directory's handle says about where it is; nil when there is no such handle.
    func directoryHandle(_ gfid: Gfid) throws(FopError) -> (parent: Gfid, name: EntryName)? {
        do throws(FopError) {
            let target = try [UInt8](capacity: Int(PATH_MAX)) { memory throws(FopError) in
                try memory.withMemoryRebound(to: CChar.self) { text throws(FopError) in
                    try GfidHandle.withPath(gfid) { path throws(FopError) in
                        try PosixCall.run { readlinkat(root.number, path, text.baseAddress!, text.count) }
                    }
                }
            }
            return GfidHandle.parse(directoryTarget: target)
        } catch {
            if error == .noEntry || error == .invalid { return nil }
            throw error
        }
    }

    /// Any object. `isUnlinkedToo`: a file without a name counts, while somebody here has it open. ESTALE when unknown.
    func object(_ gfid: Gfid, type: FileType, isUnlinkedToo: Bool = true) throws(FopError) -> BrickObject {
        if type == .directory { return try directory(gfid) }
        let object = BrickObject(path: try openHandle(gfid, O_PATH, isUnlinkedToo: isUnlinkedToo))
        if type != .unknown && type != .symlink { return object }
        // A symlink has its own gfid, the handle of a directory has none.
        guard FileType(mode: try object.status().st_mode) == .symlink, try self.gfid(of: object) == nil else {
            return object
        }
        return try directory(gfid)
    }

    /// Opens a handle that is no directory's; ELOOP for one that is.
    func openHandle(_ gfid: Gfid, _ flags: Int32, isUnlinkedToo: Bool = true) throws(FopError) -> Int32 {
        let flags = flags | O_NOFOLLOW | O_CLOEXEC
        let number = try GfidHandle.withPath(gfid) { path throws(FopError) in
            try PosixCall.run(nilFor: ENOENT) { cposix_openat(root.number, path, flags, 0) }
        }
        if let number { return number }
        guard isUnlinkedToo else { throw .stale }
        let unlinked = try GfidHandle.withPath(gfid, in: BrickFolder.unlinkedPrefix) { path throws(FopError) in
            try PosixCall.run(nilFor: ENOENT) { cposix_openat(root.number, path, flags, 0) }
        }
        guard let unlinked else { throw .stale }
        return unlinked
    }

    // MARK: - gfids

    static let gfidKey = "trusted.gfid"

    /// What the object says it is; nil when it says nothing (or not 16 bytes).
    func gfid(of object: BrickObject) throws(FopError) -> Gfid? {
        var words: (UInt64, UInt64) = (0, 0)
        do throws(FopError) {
            let count = try withUnsafeMutableBytes(of: &words) { memory throws(FopError) in
                try object.readXattr(Self.gfidKey, into: memory)
            }
            guard count == 16 else { return nil }
        } catch {
            if error == .noData || error == .outOfRange { return nil }
            throw error
        }
        let gfid = Gfid(high: UInt64(bigEndian: words.0), low: UInt64(bigEndian: words.1))
        return gfid.isNone ? nil : gfid
    }
}
