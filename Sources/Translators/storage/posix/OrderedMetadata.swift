import CPosix
import Glibc
import TranslatorCore

/// Whether a file system journals every change of metadata in its order. Then an xattr set on an empty file is on disk
/// at the latest with the first byte written to it afterwards, because a byte is seen only once the size or an extent
/// has been journalled.
enum OrderedMetadata {
    /// statfs(2), f_type.
    private static let ext4 = 0xEF53, xfs = 0x5846_5342

    static func isKept(by object: BrickObject) -> Bool {
        var system = statfs()
        guard fstatfs(object.number, &system) == 0 else { return false }
        switch Int(system.f_type) {
        case xfs: return true
        case ext4: return (try? object.status()).map { hasJournal(device: $0.st_dev) } ?? false
        default: return false
        }
    }

    /// ext2, ext3 and ext4 have one number, and all three are in /sys/fs/ext4. Only with a journal has one of them a
    /// task for it.
    private static func hasJournal(device: dev_t) -> Bool {
        // The new encoding of stat(2): 12 bits of major and 20 of minor are enough for the kernel's own 32-bit numbers.
        let major = gnu_dev_major(device), minor = gnu_dev_minor(device)
        var name = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard readlink("/sys/dev/block/\(major):\(minor)", &name, name.count - 1) > 0 else { return false }
        let path = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        guard let last = path.split(separator: "/").last else { return false }
        guard let task = try? LocalFile.bytes(of: "/sys/fs/ext4/\(last)/journal_task") else { return false }
        return hasJournal(task: String(decoding: task, as: UTF8.self))
    }

    /// What journal_task says: the number of the task, or `<none>`.
    static func hasJournal(task: String) -> Bool { Int32(task.prefix { $0 != "\n" }).map { $0 > 0 } ?? false }
}
