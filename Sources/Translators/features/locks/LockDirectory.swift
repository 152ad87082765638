import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// The lock files of a brick: `.glusterfs/bypass/locks/000` to `0ff`, those of POSIX locks in `posix/`, and who hears
/// the knocks at them.
///
/// The numbered ones hold no state, are made when the brick is first opened so that a full disk refuses no lock, and
/// are never removed: a process that still had an old one open and one that made it anew would no longer exclude each
/// other.
final class LockDirectory: Sendable {
    let path: String
    let watcher: LockWatcher
    private let subscriber: LockWatcher.SubscriberID

    /// `handle` hears, on the watcher's thread, where others knock.
    init(brick: String, _ handle: @escaping @Sendable (LockWatcher.Event) -> Void) throws(FopError) {
        let bypass = brick + "/.glusterfs/bypass"
        path = bypass + "/locks"
        for directory in [bypass, path, path + "/posix"] where mkdir(directory, 0o700) != 0 && errno != EEXIST {
            throw .last
        }
        watcher = try .shared()
        subscriber = watcher.subscribe(handle)
        var status = Glibc.stat()
        guard lstat(path(of: LockPlace.fileCount - 1), &status) != 0 || status.st_size == 0 else { return }
        for number in 0..<LockPlace.fileCount { close(try openFile(number)) }
    }

    deinit { watcher.unsubscribe(subscriber) }

    /// Hears nothing any more.
    func stop() { watcher.unsubscribe(subscriber) }

    /// Throws what the system refuses, EMFILE above all.
    func open(_ number: Int) throws(FopError) -> KernelLockFile {
        let descriptor = try openFile(number)
        let watch = watcher.watch(path(of: number), as: .file(number), for: subscriber)
        return KernelLockFile(number: number, descriptor: descriptor, watch: watch)
    }

    func openPosix(_ gfid: Gfid) throws(FopError) -> PosixLockFile {
        let file = try PosixLockFile(path: "\(path)/posix/\(gfid)")
        file.watch = watcher.watch(file.path, as: .posix(gfid), for: subscriber)
        return file
    }

    /// The file's owner lets go of it; the descriptor closes with the object.
    func closed(_ file: KernelLockFile) { forget(file.watch) }
    func closed(_ file: PosixLockFile) { forget(file.watch) }

    private func forget(_ watch: Int32?) { if let watch { watcher.forget(watch, of: subscriber) } }

    /// Whether the file system knows open file description locks.
    func probe() throws(FopError) {
        let descriptor = try openFile(0)
        defer { close(descriptor) }
        _ = try OpenFileLocks(descriptor: descriptor).conflict(with: .write, first: 0, last: 0)
    }

    private func path(of number: Int) -> String {
        let digits = String(number, radix: 16)
        return "\(path)/\(String(repeating: "0", count: 3 - digits.count))\(digits)"
    }

    /// One byte long, because reading nothing is heard by nobody; a hole, so that it takes no block.
    private func openFile(_ number: Int) throws(FopError) -> Int32 {
        let name = path(of: number)
        let flags = O_RDWR | O_CREAT | O_CLOEXEC
        var descriptor = cposix_open(name, flags | O_NOATIME, 0o600)
        if descriptor < 0, errno == EPERM { descriptor = cposix_open(name, flags, 0o600) }
        guard descriptor >= 0 else { throw .last }
        var status = Glibc.stat()
        if fstat(descriptor, &status) == 0, status.st_size == 0, ftruncate(descriptor, 1) != 0 {
            let error = FopError.last
            close(descriptor)
            throw error
        }
        return descriptor
    }
}
