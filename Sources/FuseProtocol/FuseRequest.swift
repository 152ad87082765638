import CFuse
import TranslatorCore

/// A request's arguments: everything behind its header but a WRITE's payload.
public enum FuseRequest: Sendable {
    case lookup(EntryName)
    case forget(lookups: UInt64)
    case batchForget([Forget])
    /// By an open file if there is one.
    case getattr(handle: UInt64?)
    case setattr(FuseSetattr)
    case readlink
    case symlink(EntryName, target: [UInt8])
    case mknod(EntryName, mode: UInt32, device: UInt64, umask: UInt32)
    case mkdir(EntryName, mode: UInt32, umask: UInt32)
    case unlink(EntryName), rmdir(EntryName)
    /// `flags` as renameat2(2) has them.
    case rename(EntryName, newParent: UInt64, newName: EntryName, flags: UInt32)
    /// A further name in the request's node for the node `linked`.
    case link(EntryName, linked: UInt64)
    case open(FuseOpen), opendir(FuseOpen), create(FuseCreate)
    case read(FuseRead), write(FuseWrite), readdir(FuseRead), readdirplus(FuseRead)
    case statfs
    case release(FuseRelease), releasedir(FuseRelease)
    case flush(handle: UInt64, lockOwner: UInt64)
    case fsync(handle: UInt64, dataOnly: Bool), fsyncdir(handle: UInt64, dataOnly: Bool)
    case setxattr(Setxattr)
    /// `bytes` 0 asks how long the value is.
    case getxattr([UInt8], bytes: Int), listxattr(bytes: Int), removexattr([UInt8])
    case getlk(FuseLock), setlk(FuseLock), setlkw(FuseLock)
    case interrupt(unique: UInt64)
    case fallocate(FuseFallocate)
    /// `whence` as lseek(2): 3 is SEEK_DATA, 4 is SEEK_HOLE.
    case lseek(handle: UInt64, offset: UInt64, whence: UInt32)
    case copyFileRange(FuseCopyFileRange)
    /// What goes with it is left out: the commands that are served have nothing.
    case ioctl(command: UInt32)
    case initialize(FuseInitRequest)
    case destroy
    /// To be answered ENOSYS: the kernel then does without, and remembers.
    case unsupported(opcode: UInt32)

    /// How many lookups of a node the kernel takes back. Source: linux/fuse.h, `struct fuse_forget_one`.
    public struct Forget: Sendable, Equatable {
        public var node: UInt64, lookups: UInt64
    }

    /// Source: linux/fuse.h, `struct fuse_setxattr_in`.
    public struct Setxattr: Sendable, Equatable {
        public var name: [UInt8], value: [UInt8]
        /// XATTR_CREATE 1, XATTR_REPLACE 2, or 0.
        public var mode: UInt32
        /// An ACL set by someone outside the file's group: its set-group-ID bit goes.
        public var killsGroupID: Bool
    }
}

extension FuseRequest {
    /// Reads the arguments that `opcode` has. `isSetxattrExtended`: INIT agreed on the longer `fuse_setxattr_in`.
    public init(
        opcode: UInt32, from bytes: inout ByteReader, isSetxattrExtended: Bool = true
    ) throws(CodecError) {
        guard let known = FuseOpcode(rawValue: opcode) else {
            self = .unsupported(opcode: opcode)
            return
        }
        switch known {
        case .lookup: self = .lookup(try bytes.name())
        case .unlink: self = .unlink(try bytes.name())
        case .rmdir: self = .rmdir(try bytes.name())
        case .symlink: self = .symlink(try bytes.name(), target: Array(try bytes.terminated()))
        case .mknod, .mkdir, .rename, .rename2, .link: self = try .entryChange(known, &bytes)
        case .forget: self = .forget(lookups: try bytes.native())
        case .batchForget: self = try .batchForget(&bytes)
        case .getattr:
            let getattr: fuse_getattr_in = try bytes.structure()
            self = .getattr(handle: getattr.getattr_flags & UInt32(FUSE_GETATTR_FH) != 0 ? getattr.fh : nil)
        case .setattr: self = .setattr(try FuseSetattr(from: &bytes))
        case .readlink: self = .readlink
        case .statfs: self = .statfs
        case .destroy: self = .destroy
        case .initialize: self = .initialize(try FuseInitRequest(from: &bytes))
        case .interrupt: self = .interrupt(unique: try bytes.native())
        case .open: self = .open(try FuseOpen(from: &bytes))
        case .opendir: self = .opendir(try FuseOpen(from: &bytes))
        case .create: self = .create(try FuseCreate(from: &bytes))
        case .read: self = .read(try FuseRead(from: &bytes))
        case .readdir: self = .readdir(try FuseRead(from: &bytes))
        case .readdirplus: self = .readdirplus(try FuseRead(from: &bytes))
        case .write: self = .write(try FuseWrite(from: &bytes))
        case .release: self = .release(try FuseRelease(from: &bytes))
        case .releasedir: self = .releasedir(try FuseRelease(from: &bytes))
        case .flush:
            let flush: fuse_flush_in = try bytes.structure()
            self = .flush(handle: flush.fh, lockOwner: flush.lock_owner)
        case .fsync, .fsyncdir:
            let fsync: fuse_fsync_in = try bytes.structure()
            let dataOnly = fsync.fsync_flags & UInt32(FUSE_FSYNC_FDATASYNC) != 0
            self =
                known == .fsync
                ? .fsync(handle: fsync.fh, dataOnly: dataOnly) : .fsyncdir(handle: fsync.fh, dataOnly: dataOnly)
        case .setxattr: self = .setxattr(try Setxattr(from: &bytes, isExtended: isSetxattrExtended))
        case .getxattr:
            let getxattr: fuse_getxattr_in = try bytes.structure()
            self = .getxattr(Array(try bytes.terminated()), bytes: Int(getxattr.size))
        case .listxattr: self = .listxattr(bytes: Int((try bytes.structure() as fuse_getxattr_in).size))
        case .removexattr: self = .removexattr(Array(try bytes.terminated()))
        case .getlk: self = .getlk(try FuseLock(from: &bytes))
        case .setlk: self = .setlk(try FuseLock(from: &bytes))
        case .setlkw: self = .setlkw(try FuseLock(from: &bytes))
        case .fallocate: self = .fallocate(try FuseFallocate(from: &bytes))
        case .lseek:
            let lseek: fuse_lseek_in = try bytes.structure()
            self = .lseek(handle: lseek.fh, offset: lseek.offset, whence: lseek.whence)
        case .copyFileRange: self = .copyFileRange(try FuseCopyFileRange(from: &bytes, isReply64: false))
        case .copyFileRange64: self = .copyFileRange(try FuseCopyFileRange(from: &bytes, isReply64: true))
        case .ioctl: self = .ioctl(command: (try bytes.structure() as fuse_ioctl_in).cmd)
        case .access, .bmap, .poll, .notifyReply, .syncfs, .tmpfile: self = .unsupported(opcode: opcode)
        }
    }

    private static func entryChange(_ opcode: FuseOpcode, _ bytes: inout ByteReader) throws(CodecError) -> FuseRequest {
        switch opcode {
        case .mknod:
            let mknod: fuse_mknod_in = try bytes.structure()
            return .mknod(try bytes.name(), mode: mknod.mode, device: UInt64(mknod.rdev), umask: mknod.umask)
        case .mkdir:
            let mkdir: fuse_mkdir_in = try bytes.structure()
            return .mkdir(try bytes.name(), mode: mkdir.mode, umask: mkdir.umask)
        case .rename:
            let rename: fuse_rename_in = try bytes.structure()
            return .rename(try bytes.name(), newParent: rename.newdir, newName: try bytes.name(), flags: 0)
        case .rename2:
            let rename: fuse_rename2_in = try bytes.structure()
            return .rename(try bytes.name(), newParent: rename.newdir, newName: try bytes.name(), flags: rename.flags)
        default:
            let link: fuse_link_in = try bytes.structure()
            return .link(try bytes.name(), linked: link.oldnodeid)
        }
    }

    private static func batchForget(_ bytes: inout ByteReader) throws(CodecError) -> FuseRequest {
        let batch: fuse_batch_forget_in = try bytes.structure()
        guard Int(batch.count) * MemoryLayout<fuse_forget_one>.size <= bytes.remaining else {
            throw CodecError("\(batch.count) forgets in \(bytes.remaining) bytes")
        }
        var forgets: [Forget] = []
        forgets.reserveCapacity(Int(batch.count))
        for _ in 0..<batch.count {
            let one: fuse_forget_one = try bytes.structure()
            forgets.append(Forget(node: one.nodeid, lookups: one.nlookup))
        }
        return .batchForget(forgets)
    }
}

extension FuseRequest.Setxattr {
    init(from bytes: inout ByteReader, isExtended: Bool) throws(CodecError) {
        let size: UInt32 = try bytes.native()
        mode = try bytes.native()
        let flags: UInt32 = isExtended ? try bytes.native() : 0
        if isExtended { try bytes.skip(4) }
        killsGroupID = flags & UInt32(FUSE_SETXATTR_ACL_KILL_SGID) != 0
        name = Array(try bytes.terminated())
        value = try bytes.bytes(Int(size))
    }
}
