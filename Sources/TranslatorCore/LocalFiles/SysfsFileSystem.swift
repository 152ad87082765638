import CPosix
import Glibc

/// Where the kernel shows a file system that stands on a block device: `/sys/fs/ext4/sda1`. The directory is made when
/// the file system comes up and goes with it, and all mounts of it, in every namespace, have the same one.
/// Source: Linux, `fs/ext4/sysfs.c`, `fs/xfs/xfs_sysfs.c`, `fs/f2fs/sysfs.c`.
public enum SysfsFileSystem {
    /// statfs(2), f_type. ext2, ext3 and ext4 have one number, and all three are in /sys/fs/ext4.
    public static let ext4 = 0xEF53, xfs = 0x5846_5342, f2fs = 0xF2F5_2010

    /// The directory for the file system that `descriptor` is in; nil for other kinds, and where /sys is not mounted.
    public static func path(of descriptor: Int32) -> String? {
        var system = statfs(), status = stat()
        guard fstatfs(descriptor, &system) == 0, fstat(descriptor, &status) == 0,
            let device = deviceName(status.st_dev)
        else { return nil }
        switch Int(system.f_type) {
        case ext4: return "/sys/fs/ext4/\(device)"
        case xfs: return "/sys/fs/xfs/\(device)"
        case f2fs: return "/sys/fs/f2fs/\(device)"
        default: return nil
        }
    }

    /// The kernel's name of a block device, as sysfs writes it; nil for a number that is none's.
    private static func deviceName(_ device: dev_t) -> Substring? {
        // The new encoding of stat(2): 12 bits of major and 20 of minor are enough for the kernel's own 32-bit numbers.
        let (major, minor) = (gnu_dev_major(device), gnu_dev_minor(device))
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard readlink("/sys/dev/block/\(major):\(minor)", &target, target.count - 1) > 0 else { return nil }
        let path = String(decoding: target.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return path.split(separator: "/").last
    }
}
