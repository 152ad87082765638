import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// The lock under which every xattrop on an inode runs: among tasks of this process by a table, among processes by an
/// open file description lock (fcntl(2), F_OFD_SETLK) on one byte of `.glusterfs/bypass/xattrop-lock`, whose offset is
/// made from the gfid. A lock file and not the object itself, because a symlink or device cannot be locked, and because
/// locks on the object would meet those that applications take. Two translators on one directory in one process have a
/// description each, so they exclude each other just as two processes do.
final class XattropLocks: Sendable {
    private struct Holders {
        /// Bytes that this process holds, with those that wait for them, first come first.
        var waiting: [UInt64: [CheckedContinuation<Void, Never>]] = [:]
    }
    private let file: Descriptor
    private let holders = Mutex(Holders())

    init(file: Descriptor) { self.file = file }

    /// The byte that stands for `gfid`. That two gfids may share one costs a wait, nothing else.
    private static func byte(of gfid: Gfid) -> UInt64 { (gfid.high ^ gfid.low) & (1 << 62 - 1) }

    func lock(_ gfid: Gfid) async throws(FopError) {
        let byte = Self.byte(of: gfid)
        if !takeInProcess(byte) {
            await withCheckedContinuation { continuation in
                let isFree = holders.withLock { holders in
                    if holders.waiting[byte] == nil {
                        holders.waiting[byte] = []
                        return true
                    }
                    holders.waiting[byte]!.append(continuation)
                    return false
                }
                if isFree { continuation.resume() }
            }
        }
        do throws(FopError) {
            if try !Self.tryLock(file.number, byte) { try await waitForOthers(byte) }
        } catch {
            passOn(byte)
            throw error
        }
    }

    func unlock(_ gfid: Gfid) {
        let byte = Self.byte(of: gfid)
        // Other processes first: what is next here asks them too, so that none of them starves.
        Self.set(file.number, F_OFD_SETLK, F_UNLCK, byte)
        passOn(byte)
    }

    private func takeInProcess(_ byte: UInt64) -> Bool {
        holders.withLock { holders in
            guard holders.waiting[byte] == nil else { return false }
            holders.waiting[byte] = []
            return true
        }
    }

    /// The byte goes to the first who waits in this process.
    private func passOn(_ byte: UInt64) {
        let next: CheckedContinuation<Void, Never>? = holders.withLock { holders in
            if holders.waiting[byte]?.isEmpty ?? true {
                holders.waiting[byte] = nil
                return nil
            }
            return holders.waiting[byte]!.removeFirst()
        }
        next?.resume()
    }

    /// A thread of its own waits in the kernel: the caller's may be a FUSE worker.
    private func waitForOthers(_ byte: UInt64) async throws(FopError) {
        let failure: Int32 = await withCheckedContinuation { continuation in
            WorkerThread.start(name: "xattrop-wait") { [file] in
                continuation.resume(returning: Self.set(file.number, F_OFD_SETLKW, F_WRLCK, byte))
            }
        }
        if failure != 0 { throw FopError(failure) }
    }

    private static func tryLock(_ file: Int32, _ byte: UInt64) throws(FopError) -> Bool {
        let failure = set(file, F_OFD_SETLK, F_WRLCK, byte)
        if failure == EAGAIN || failure == EACCES { return false }
        if failure != 0 { throw FopError(failure) }
        return true
    }

    /// 0 or an errno.
    @discardableResult
    private static func set(_ file: Int32, _ command: Int32, _ type: Int32, _ byte: UInt64) -> Int32 {
        var lock = flock()
        lock.l_type = Int16(type)
        lock.l_whence = Int16(SEEK_SET)
        lock.l_start = off_t(byte)
        lock.l_len = 1
        while cposix_fcntl_lock(file, command, &lock) == -1 {
            if errno != EINTR { return errno }
        }
        return 0
    }
}
