import CPosix
import Glibc
import TranslatorCore

/// Names below a brick's `.glusterfs/bypass/`: one directory for each writer, named by its id, with `lock` and
/// segments. A directory in the making begins with a dot and gets its name when the lock is held.
enum JournalDirectory {
    static let lockName = "lock"

    static func parent(brick: String) -> String { "\(brick)/.glusterfs/bypass" }
    static func path(brick: String, writer: Gfid) -> String { "\(parent(brick: brick))/\(writer)" }
    static func pathInMaking(brick: String, writer: Gfid) -> String { "\(parent(brick: brick))/.\(writer).new" }

    /// `0000000042.segment`
    static func segmentName(_ number: UInt64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 10 - digits.utf8.count)) + digits + ".segment"
    }
    static func segmentNumber(_ name: String) -> UInt64? {
        guard name.hasSuffix(".segment"), let number = UInt64(name.dropLast(8)), number > 0,
            segmentName(number) == name
        else { return nil }
        return number
    }

    /// The names in a directory, unsorted; nil if there is none.
    static func names(in path: String) throws(JournalError) -> [String]? {
        do throws(FopError) { return try LocalFile.names(in: path) } catch {
            if error == .noEntry { return nil }
            errno = error.code
            throw .system("cannot list journals in", path)
        }
    }

    /// Creates `path`, and its parent if needed, for root alone. A directory that is there is fine.
    static func create(_ path: String) throws(JournalError) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw .system("cannot create the journal directory", path, remedy: "is the brick mounted read-write?")
        }
    }

    /// Removes a writer's directory with all that is in it. What vanishes meanwhile is fine.
    static func remove(_ path: String) {
        for name in ((try? names(in: path)) ?? nil) ?? [] { unlink("\(path)/\(name)") }
        rmdir(path)
    }
}

/// Locks on a journal's `lock` file: open file description locks (fcntl(2)), which die with the process that took them.
enum JournalLock {
    private static func wholeFile() -> flock {
        flock(l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
    }

    /// Takes the lock for as long as the returned descriptor is open.
    static func take(_ path: String) throws(JournalError) -> Int32 {
        let descriptor = cposix_open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system("cannot create", path) }
        var lock = wholeFile()
        guard cposix_fcntl_lock(descriptor, F_OFD_SETLK, &lock) == 0 else {
            let error = JournalError.system("cannot lock", path)
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// Whether somebody holds it. Asks only, never takes. A file that is not there is held by nobody.
    static func isHeld(_ path: String) throws(JournalError) -> Bool {
        let descriptor = cposix_open(path, O_RDONLY | O_CLOEXEC, 0)
        guard descriptor >= 0 else {
            if errno == ENOENT { return false }
            throw .system("cannot open", path)
        }
        defer { close(descriptor) }
        var lock = wholeFile()
        guard cposix_fcntl_lock(descriptor, F_OFD_GETLK, &lock) == 0 else {
            throw .system("cannot ask for the lock on", path)
        }
        return lock.l_type != Int16(F_UNLCK)
    }
}
