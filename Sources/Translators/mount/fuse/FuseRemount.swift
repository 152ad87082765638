import CFuse
import CPosix
import FuseProtocol
import Glibc
import TranslatorCore

/// `mount -o remount`: the flags that the kernel keeps of a mount are changed; what its process was started with stays.
///
/// A mount that began read-only takes part in nothing that writers need. So before the kernel lets changes through, its
/// process is asked to become a writer: by an ioctl(2) on the mount's root, which reaches the one process that serves
/// it, and no other, without a path or a socket to be found.
public enum FuseRemount {
    /// `_IO('b', 1)`: nothing goes in or out.
    static let command = UInt32(UInt8(ascii: "b")) << 8 | 1

    /// Remounts what is mounted on `directory`. Throws one sentence when nothing of ours is, or it does not work; then
    /// all is as before.
    public static func perform(_ directory: String, _ flags: KernelMountFlags) throws(FuseMountError) {
        let mounted = MountPoint.resolved(directory) ?? directory
        guard MountTable.current().top(on: mounted)?.type == MountPoint.fileSystemType else {
            throw FuseMountError("\(directory): nothing is mounted there by volmount, so that it cannot be remounted")
        }
        if !flags.isReadOnly { try askForWriting(mounted) }
        guard mount("none", mounted, nil, UInt(flags.rawValue) | UInt(MS_REMOUNT), nil) == 0 else {
            let remedy =
                switch errno {
                case EBUSY: "; files are open for writing there: fuser -vm \(directory) shows by whom"
                case EPERM: "; only root can remount: unmount it, and mount it anew"
                default: ""
                }
            throw FuseMountError("cannot remount \(directory): \(FopError.last)\(remedy)")
        }
    }

    private static func askForWriting(_ directory: String) throws(FuseMountError) {
        let descriptor = cposix_open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw FuseMountError("cannot remount \(directory): \(FopError.last)") }
        defer { close(descriptor) }
        if cposix_ioctl_ptr(descriptor, UInt(command), nil) == 0 { return }
        throw FuseMountError(
            errno == EBUSY
                ? "\(directory) stays read-only: the log of the process that serves it says why"
                : "cannot remount \(directory): the process that serves it says: \(FopError.last)")
    }
}

extension FuseSession {
    func ioctl(_ command: UInt32, _ call: FuseCall) async throws(FopError) {
        guard command == FuseRemount.command, call.node == UInt64(FUSE_ROOT_ID) else { throw .notSupportedHere }
        guard call.uid == 0 || call.uid == geteuid() else { throw .notPermitted }
        try await becomeWriter()
        call.queue.reply(call.unique, fuse_ioctl_out())
    }
}
