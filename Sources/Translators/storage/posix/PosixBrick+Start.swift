import CPosix
import Glibc
import TranslatorCore

/// Why a directory cannot be served as a brick: the end of a sentence that begins with its path.
struct BrickRefusal: Error {
    let message: String
    /// Whether the directory may become a brick without anybody changing the volume: its file system is not mounted, or
    /// fails.
    let mayPass: Bool
    init(_ message: String, mayPass: Bool = false) { (self.message, self.mayPass) = (message, mayPass) }
}

extension PosixBrick {
    static let volumeIDKey = "trusted.glusterfs.volume-id"
    private static let probeKey = "trusted.glusterfs.test"
    private static let noTrustedXattrs = "its file system has no trusted xattrs; ext4, xfs and btrfs have"

    /// Checks the directory, lays out what is missing, and opens it. Changes nothing in a directory that it refuses,
    /// but for a probing xattr that it removes again. `order`: of the replica set above, if there is one.
    convenience init(
        opening settings: PosixSettings, by order: BrickOrder? = nil, at now: Timestamp
    ) throws(BrickRefusal) {
        let root = try Self.openRoot(settings.directory)
        if let server = GlusterfsdScan.server(of: settings.directory, root: root) {
            throw BrickRefusal(
                "glusterfsd (process \(server)) serves it; stop that brick first, or reach it by protocol/client")
        }
        // First, so that nothing is tried on a mount point that waits for its file system.
        let id = try Self.checkIdentity(root, wanted: settings.volumeID)
        if let order { try Self.check(id, order) }
        try Self.checkXattrs(root)
        umask(0)
        DescriptorPressure.raiseLimit()
        let volumeID: Gfid?
        let locks: XattropLocks
        let presence: Descriptor
        do throws(FopError) {
            try Self.layOut(root)
            // One that is made for a replica set gets its id from there, when the others are ready.
            volumeID = id ?? (order == nil ? settings.volumeID : nil)
            if id == nil, let volumeID { try root.setXattr(Self.volumeIDKey, volumeID.bytes) }
            locks = XattropLocks(file: try Self.openLockFile(root, BrickFolder.xattropLock))
            presence = try Self.openLockFile(root, BrickFolder.presence)
            try Self.clearLeftovers(root, presence)
        } catch {
            throw BrickRefusal("its .glusterfs cannot be written: \(error)", mayPass: true)
        }
        self.init(root: root, volumeID: volumeID, xattropLocks: locks, presence: presence)
        do throws(FopError) { try writeHealthStamp(at: now) } catch {
            throw BrickRefusal("its health check fails: \(error)", mayPass: true)
        }
    }

    /// Whether what was found is what the replica set expects there.
    private static func check(_ id: Gfid?, _ order: BrickOrder) throws(BrickRefusal) {
        switch id {
        case nil where order.isMade: return
        case nil: throw BrickRefusal(BrickSight.blankBesideOthers, mayPass: true)
        case order.volumeID: return
        case let id?: throw BrickRefusal("belongs to volume-id \(id), not to \(order.volumeID)")
        }
    }

    /// Opens a brick that another process serves, and changes nothing in it.
    convenience init(visiting settings: PosixSettings) throws(BrickRefusal) {
        let root = try Self.openRoot(settings.directory)
        guard let id = try Self.checkIdentity(root, wanted: settings.volumeID) else {
            throw BrickRefusal("has no volume-id: it is no brick")
        }
        DescriptorPressure.raiseLimit()
        self.init(root: root, volumeID: id, xattropLocks: nil, presence: nil)
    }

    static func openRoot(_ path: String) throws(BrickRefusal) -> BrickObject {
        do throws(FopError) {
            return BrickObject(open: try PosixCall.run { cposix_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) })
        } catch {
            switch error {
            case .noEntry:
                throw BrickRefusal(
                    "no such directory; make it, or mount the file system that holds it", mayPass: true)
            case .notDirectory: throw BrickRefusal("is not a directory")
            case .accessDenied: throw BrickRefusal("cannot be opened: \(error); run as root")
            default: throw BrickRefusal("cannot be opened: \(error)", mayPass: true)
            }
        }
    }

    /// Trusted xattrs need CAP_SYS_ADMIN, a file system that has them, and one that is not read-only.
    static func checkXattrs(_ root: BrickObject) throws(BrickRefusal) {
        do throws(FopError) {
            try root.setXattr(probeKey, Array("working".utf8))
            try root.removeXattr(probeKey)
        } catch {
            switch error {
            case .noData: return  // Another process that starts at the same time removed it: they work.
            case .readOnly: throw BrickRefusal("its file system is read-only", mayPass: true)
            case .notSupported: throw BrickRefusal(noTrustedXattrs)
            case .notPermitted, .accessDenied: throw BrickRefusal("trusted xattrs cannot be set: \(error); run as root")
            default: throw BrickRefusal("trusted xattrs cannot be set: \(error)", mayPass: true)
            }
        }
    }

    /// The volume-id that the root has; nil when it has none and may be given `wanted`, or none is wanted.
    static func checkIdentity(_ root: BrickObject, wanted: Gfid?) throws(BrickRefusal) -> Gfid? {
        let idValue: [UInt8]?, gfidValue: [UInt8]?, names: [EntryName]
        do throws(FopError) {
            (idValue, gfidValue) = (try root.xattr(volumeIDKey), try root.xattr(gfidKey))
            names = try root.entryNames()
        } catch {
            if error == .notSupported { throw BrickRefusal(noTrustedXattrs) }
            throw BrickRefusal("cannot be read: \(error)", mayPass: true)
        }
        if let gfidValue, gfidValue != Gfid.root.bytes {
            throw BrickRefusal("is a directory inside of a brick, not the root of one")
        }
        if let idValue {
            guard let id = Gfid(bytes: idValue) else {
                throw BrickRefusal("its volume-id has \(idValue.count) bytes, not 16")
            }
            if let wanted, wanted != id {
                throw BrickRefusal(
                    "belongs to volume-id \(id), not to \(wanted); check options directory and volume-id")
            }
            guard names.contains(EntryName(BrickFolder.hidden)) else {
                throw BrickRefusal(
                    "has a volume-id but no .glusterfs: it was emptied; restore it or use a fresh directory")
            }
            return id
        }
        let foreign = names.filter { $0 != EntryName(BrickFolder.hidden) && $0 != "lost+found" }
        if wanted != nil, let first = foreign.min() {
            throw BrickRefusal(
                "is not empty (\"\(first)\") and has no volume-id: it is no brick; use a fresh directory")
        }
        return nil
    }

    /// `.glusterfs` with its folders and the root's own handle; all of it may be there already.
    private static func layOut(_ root: BrickObject) throws(FopError) {
        try makeDirectory(root, BrickFolder.hidden, mode: 0o600)
        for folder in [BrickFolder.unlinked, BrickFolder.landfill] { try makeDirectory(root, folder, mode: 0o600) }
        for folder in [BrickFolder.bypass, BrickFolder.bypass + "/locks", BrickFolder.staging] {
            try makeDirectory(root, folder, mode: 0o700)
        }
        let digits = Array("0123456789abcdef")
        for high in digits {
            for low in digits { try makeDirectory(root, "\(BrickFolder.hidden)/\(high)\(low)", mode: 0o700) }
        }
        try makeDirectory(root, GfidHandle.folders(of: .root).inner, mode: 0o700)
        try GfidHandle.withPath(.root) { path throws(FopError) in
            _ = try PosixCall.run(nilFor: EEXIST) { symlinkat("../../..", root.number, path) }
        }
        if try root.xattr(gfidKey) == nil { try root.setXattr(gfidKey, Gfid.root.bytes) }
    }

    static func makeDirectory(_ root: BrickObject, _ path: String, mode: UInt32) throws(FopError) {
        _ = try PosixCall.run(nilFor: EEXIST) { mkdirat(root.number, path, mode) }
    }

    private static func openLockFile(_ root: BrickObject, _ path: String) throws(FopError) -> Descriptor {
        Descriptor(taking: try PosixCall.run { cposix_openat(root.number, path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) })
    }

    /// What a process that died left in `unlink` and `staging` goes, unless another process has the brick open, whose
    /// files these may be. Then `presence` is held shared.
    private static func clearLeftovers(_ root: BrickObject, _ presence: Descriptor) throws(FopError) {
        let isAlone = try PosixCall.run(nilFor: EWOULDBLOCK) { flock(presence.number, LOCK_EX | LOCK_NB) } != nil
        if isAlone {
            for folder in [BrickFolder.unlinked, BrickFolder.staging] {
                let number = try PosixCall.run {
                    cposix_openat(root.number, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
                }
                let directory = BrickObject(open: number)
                for name in try directory.entryNames() {
                    _ = try? name.withCName { name throws(FopError) in
                        if unlinkat(directory.number, name, 0) != 0 { unlinkat(directory.number, name, AT_REMOVEDIR) }
                    }
                }
            }
        }
        // From exclusive to shared, or the wait for one who clears up.
        try PosixCall.run { flock(presence.number, LOCK_SH) }
    }

    /// A brick keeps a descriptor per open file: as many as the process may have.
}
