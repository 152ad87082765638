import CFuse
import CPosix
import Glibc
import TranslatorCore

/// /dev/fuse: opened, mounted and cloned.
enum FuseDevice {
    private static let path = "/dev/fuse"

    /// Mounts on `point` and answers the descriptor on which the kernel now waits for the answer to its INIT.
    static func mount(_ point: MountPoint, source: String, settings: FuseMountSettings) throws(FuseMountError) -> Int32
    {
        var options = ["default_permissions"]
        if settings.allowsOthers { options.append("allow_other") }
        if geteuid() != 0 {
            return try FuserMount.mount(
                point.directory,
                options: settings.kernelFlags.texts + options + ["fsname=\(escaped(source))", "subtype=volmount"])
        }
        let descriptor = cposix_open(path, O_RDWR | O_CLOEXEC, 0)
        guard descriptor >= 0 else {
            let remedy = errno == ENOENT || errno == ENODEV ? "load the kernel module: modprobe fuse" : "run as root"
            throw FuseMountError("cannot open \(path): \(FopError.last); \(remedy)")
        }
        options += ["fd=\(descriptor)", "rootmode=40000", "user_id=\(getuid())", "group_id=\(getgid())"]
        let failed =
            Glibc.mount(
                source, point.directory, MountPoint.fileSystemType, UInt(settings.kernelFlags.rawValue),
                options.joined(separator: ",")) != 0
        if failed {
            let error = FopError.last
            close(descriptor)
            throw FuseMountError("cannot mount on \(point.directory): \(error)")
        }
        return descriptor
    }

    /// A further queue of the same connection; nil when the kernel gives none to us (a user without access to
    /// /dev/fuse): workers then share the first one.
    static func clone(_ descriptor: Int32) -> Int32? {
        let clone = cposix_open(path, O_RDWR | O_CLOEXEC, 0)
        guard clone >= 0 else { return nil }
        var first = UInt32(descriptor)
        guard cposix_ioctl_ptr(clone, UInt(cfuse_dev_ioc_clone), &first) == 0 else {
            close(clone)
            return nil
        }
        return clone
    }

    private static func escaped(_ text: String) -> String {
        text.map { $0 == "," || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined()
    }
}
