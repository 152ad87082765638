import CPosix
import Glibc
import TranslatorCore

/// Whether a file system journals every change of metadata in its order. Then an xattr set on an empty file is on disk
/// at the latest with the first byte written to it afterwards, because a byte is seen only once the size or an extent
/// has been journalled.
enum OrderedMetadata {
    static func isKept(by object: BrickObject) -> Bool {
        var system = statfs()
        guard fstatfs(object.number, &system) == 0 else { return false }
        switch Int(system.f_type) {
        case SysfsFileSystem.xfs: return true
        case SysfsFileSystem.ext4:
            return SysfsFileSystem.path(of: object.number).map { hasJournal(directory: $0) } ?? false
        default: return false
        }
    }

    /// Of ext2, ext3 and ext4 only one with a journal has a task for it.
    private static func hasJournal(directory: String) -> Bool {
        guard let task = try? LocalFile.bytes(of: "\(directory)/journal_task") else { return false }
        return hasJournal(task: String(decoding: task, as: UTF8.self))
    }

    /// What journal_task says: the number of the task, or `<none>`.
    static func hasJournal(task: String) -> Bool { Int32(task.prefix { $0 != "\n" }).map { $0 > 0 } ?? false }
}
