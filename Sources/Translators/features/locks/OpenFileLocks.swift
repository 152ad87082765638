import CPosix
import Glibc
import TranslatorCore

/// The open file description locks of one descriptor (fcntl(2), F_OFD_SETLK): the kernel's own, gone with the last copy
/// of the descriptor, whatever ends the process. Never waits.
struct OpenFileLocks: Sendable {
    let descriptor: Int32

    /// False when somebody else's lock is in the way.
    func set(_ level: SpanHoldings.Level, first: UInt64, last: UInt64) throws(FopError) -> Bool {
        var lock = Self.lock(level, first, last)
        while cposix_fcntl_lock(descriptor, F_OFD_SETLK, &lock) == -1 {
            if errno == EAGAIN || errno == EACCES { return false }
            guard errno == EINTR else { throw .last }
        }
        return true
    }

    /// A lock of somebody else that keeps `level` from `first...last`: its first and last byte. Not the nearest one.
    func conflict(with level: SpanHoldings.Level, first: UInt64, last: UInt64) throws(FopError) -> (
        first: UInt64, last: UInt64
    )? {
        var lock = Self.lock(level, first, last)
        while cposix_fcntl_lock(descriptor, F_OFD_GETLK, &lock) == -1 {
            guard errno == EINTR else { throw .last }
        }
        guard lock.l_type != F_UNLCK else { return nil }
        let start = UInt64(lock.l_start)
        return (start, lock.l_len == 0 ? UInt64(Int64.max) : start + UInt64(lock.l_len) - 1)
    }

    private static func lock(_ level: SpanHoldings.Level, _ first: UInt64, _ last: UInt64) -> flock {
        var lock = flock()
        switch level {
        case .none: lock.l_type = Int16(F_UNLCK)
        case .read: lock.l_type = Int16(F_RDLCK)
        case .write: lock.l_type = Int16(F_WRLCK)
        }
        lock.l_whence = Int16(SEEK_SET)
        lock.l_start = off_t(first)
        lock.l_len = off_t(last - first + 1)
        return lock
    }
}
