import CPosix
import Glibc
import HealProtocol
import TranslatorCore

extension FileSystemInstance {
    /// STATX_MNT_ID_UNIQUE (linux/stat.h), which Debian 12's headers do not name.
    private static let uniqueMountID: UInt32 = 0x4000

    /// The instance that `descriptor` is in, and that lives at least as long as the descriptor is open.
    init(of descriptor: Int32) {
        var status = statx()
        let hasMount =
            cposix_statx(descriptor, Self.uniqueMountID, &status) == 0 && status.stx_mask & Self.uniqueMountID != 0
        var directory = stat()
        let isShown = SysfsFileSystem.path(of: descriptor).map { lstat($0, &directory) == 0 } ?? false
        self.init(superblock: isShown ? UInt64(directory.st_ino) : 0, mount: hasMount ? status.stx_mnt_id : 0)
    }

    /// The instance that `path` leads to now.
    init(at path: String) {
        let descriptor = cposix_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        guard descriptor >= 0 else {
            self = .unknown
            return
        }
        defer { close(descriptor) }
        self.init(of: descriptor)
    }
}
