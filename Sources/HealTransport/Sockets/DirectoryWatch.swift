import CPosix
import Glibc

/// Tells when names appear in a directory or go from it (inotify(7)). Whoever is told looks at the directory itself, so
/// a lost notice or an overflow costs nothing.
final class DirectoryWatch: Sendable {
    let descriptor: Int32

    init(_ path: String) throws(TransportError) {
        descriptor = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        guard descriptor >= 0 else { throw .system("watch", path) }
        guard inotify_add_watch(descriptor, path, UInt32(IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM)) >= 0
        else {
            let error = TransportError.system("watch", path)
            close(descriptor)
            throw error
        }
    }
    deinit { close(descriptor) }

    /// Forgets notices so far. Whether there were any.
    @discardableResult func drain() -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
            var hasAny = false
            while read(descriptor, buffer.baseAddress!, buffer.count) > 0 { hasAny = true }
            return hasAny
        }
    }
}
