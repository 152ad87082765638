import CFuse

/// What a request asks. Numbers: linux/fuse.h, `enum fuse_opcode`. Unknown ones are answered ENOSYS.
public enum FuseOpcode: UInt32, Sendable, CaseIterable {
    case lookup = 1, forget, getattr, setattr, readlink, symlink
    case mknod = 8, mkdir, unlink, rmdir, rename, link, open, read, write, statfs, release
    case fsync = 20, setxattr, getxattr, listxattr, removexattr, flush, initialize, opendir, readdir, releasedir
    case fsyncdir, getlk, setlk, setlkw, access, create, interrupt, bmap, destroy, ioctl, poll, notifyReply
    case batchForget, fallocate, readdirplus, rename2, lseek, copyFileRange
    case syncfs = 50, tmpfile
    /// Not in Debian 12's header; Linux 6.18 tries it before `copyFileRange`.
    case copyFileRange64 = 53

    /// FORGET, BATCH_FORGET and INTERRUPT get no reply; nor does the answer to a notification.
    public var hasReply: Bool {
        switch self {
        case .forget, .batchForget, .interrupt, .notifyReply: false
        default: true
        }
    }
}
