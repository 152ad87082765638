import CPosix
import Glibc
import TranslatorCore

/// The directory that a volume is mounted on.
struct MountPoint: Sendable {
    static let fileSystemType = "fuse.volmount"
    /// Absolute, without symbolic links.
    let directory: String

    /// Checks that `path` can be mounted on. A mount of ours whose process has died there is taken away first: that is
    /// what a restart after a crash finds.
    init(_ path: String, log: Log) throws(FuseMountError) {
        if let resolved = Self.resolved(path) {
            directory = resolved
        } else if errno == ENOTCONN {
            directory = path
        } else {
            throw FuseMountError("mount point \(path): \(FopError.last); make the directory first")
        }
        try clearDeadMount(log)
        if let found = MountTable.current().top(on: directory), found.type == Self.fileSystemType {
            throw FuseMountError("mount point \(directory): \(found.source) is already mounted there; unmount it first")
        }
        var status = Glibc.stat()
        guard lstat(directory, &status) == 0 else {
            throw FuseMountError("mount point \(directory): \(FopError.last)")
        }
        guard FileType(mode: status.st_mode) == .directory else {
            throw FuseMountError("mount point \(directory) is not a directory")
        }
    }

    static func resolved(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private func clearDeadMount(_ log: Log) throws(FuseMountError) {
        // Not stat(2), which the kernel may answer from what it remembers.
        var status = statvfs()
        guard statvfs(directory, &status) != 0, errno == ENOTCONN else { return }
        guard let found = MountTable.current().top(on: directory), found.type == Self.fileSystemType else {
            throw FuseMountError("mount point \(directory) holds a dead mount of another kind; umount -l \(directory)")
        }
        log.write(.warning, volume: "fuse") {
            "\(directory): unmounting what a dead process left there (\(found.source))"
        }
        try unmount(lazily: true)
    }

    /// Takes the mount away: at once, or with open files still in use (`lazily`) as soon as the last of them is closed.
    /// Throws when it is busy.
    func unmount(lazily: Bool) throws(FuseMountError) {
        if geteuid() == 0 {
            guard umount2(directory, Int32(lazily ? MNT_DETACH : 0)) == 0 else {
                throw FuseMountError("cannot unmount \(directory): \(FopError.last)")
            }
        } else {
            try FuserMount.unmount(directory, lazily: lazily)
        }
    }
}
