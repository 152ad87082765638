import CPosix
import Glibc
import TranslatorCore

/// What a mount tells other mounts of the same volume, so that a refusal can name it: a small file below a local
/// brick's `.glusterfs/bypass/mounts/`, named by a random id, with an open file description lock (fcntl(2)) that dies
/// with its process. Lines: process, host, cache mode, directory. A hint for people: the locks decide.
struct MountNotice: Sendable {
    private static func folder(_ brick: String) -> String { "\(brick)/.glusterfs/bypass/mounts" }
    private let path: String
    private let descriptor: Int32

    /// Nil when it cannot be left: then a refusal names nobody.
    init?(brick: String, cacheMode: String, directory: String) {
        let folder = Self.folder(brick), id = Gfid.random().description
        mkdir("\(brick)/.glusterfs/bypass", 0o700)
        mkdir(folder, 0o700)
        let making = "\(folder)/.\(id)"
        path = "\(folder)/\(id)"
        descriptor = cposix_open(making, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        var lock = Self.wholeFile
        var text = "\(getpid())\n\(Self.host)\n\(cacheMode)\n\(directory)\n"
        let isWritten = text.withUTF8 { write(descriptor, $0.baseAddress, $0.count) == $0.count }
        guard cposix_fcntl_lock(descriptor, F_OFD_SETLK, &lock) == 0, isWritten, rename(making, path) == 0 else {
            unlink(making)
            close(descriptor)
            return nil
        }
    }

    func remove() {
        unlink(path)
        close(descriptor)
    }

    /// "process 4711 on host db1, at /srv/vm (writeback-cache)" for each that lives; files of dead ones go.
    static func living(brick: String) -> [String] {
        let folder = folder(brick)
        let names = ((try? LocalFile.names(in: folder)) ?? []).filter { !$0.hasPrefix(".") }
        return names.compactMap { read("\(folder)/\($0)") }.sorted()
    }

    private static func read(_ path: String) -> String? {
        let descriptor = cposix_open(path, O_RDONLY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var lock = wholeFile
        guard cposix_fcntl_lock(descriptor, F_OFD_GETLK, &lock) == 0 else { return nil }
        guard lock.l_type != Int16(F_UNLCK) else {
            unlink(path)
            return nil
        }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        let lines = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self).split(separator: "\n", maxSplits: 3)
        guard lines.count == 4 else { return nil }
        return "process \(lines[0]) on host \(lines[1]), at \(lines[3].dropLast()) (\(lines[2]))"
    }

    private static var wholeFile: flock {
        flock(l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
    }
    private static var host: String {
        var name = [CChar](repeating: 0, count: 256)
        return gethostname(&name, 255) == 0 ? String(cString: name) : "unknown"
    }
}
