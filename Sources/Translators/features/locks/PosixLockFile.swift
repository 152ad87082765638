import CPosix
import Glibc
import TranslatorCore

/// The POSIX locks of this process's owners on one inode, as other processes see them: OFD locks at the same offsets of
/// `.glusterfs/bypass/locks/posix/<gfid>`. Exact, because applications lock single bytes. Guarded by its stripe's
/// mutex.
///
/// The file exists as long as some process has it open. Its two last bytes are not for applications' locks, which end
/// before them where they have no end:
/// - *life*: everybody who has it open holds it for reading. Who closes it as the last gets it for writing, and removes
///   the file; who opens it meanwhile is refused, or finds a file without a name, and opens again.
/// - *wanted*: held for reading while a request waits. Who lets go of something looks at it, and knocks
///   (`KernelLockFile`).
final class PosixLockFile {
    private static let life: UInt64 = 1 << 63 - 1, wanted: UInt64 = 1 << 63 - 2, last: UInt64 = 1 << 63 - 3
    private static let triesMax = 1000

    let path: String
    private let locks: OpenFileLocks
    var watch: Int32?
    private var isWaiting = false

    /// EAGAIN when somebody who removes the file does not come to an end.
    init(path: String) throws(FopError) {
        self.path = path
        for _ in 0..<Self.triesMax {
            let descriptor = cposix_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw .last }
            let locks = OpenFileLocks(descriptor: descriptor)
            var status = Glibc.stat()
            do throws(FopError) {
                if try locks.set(.read, first: Self.life, last: Self.life), fstat(descriptor, &status) == 0,
                    status.st_nlink > 0, status.st_size > 0 || ftruncate(descriptor, 1) == 0
                {
                    self.locks = locks
                    return
                }
            } catch {
                close(descriptor)
                throw error
            }
            close(descriptor)
            sched_yield()
        }
        throw .tryAgain
    }

    deinit {
        // The last one out removes the file. Letting go before asking for more: of two that leave at once one is the
        // last.
        _ = try? locks.set(.none, first: Self.life, last: Self.life)
        if (try? locks.set(.write, first: Self.life, last: Self.life)) == true { unlink(path) }
        close(locks.descriptor)
    }

    /// As `PosixLocksElsewhere` says.
    func change(
        from old: [PosixLockTable.Held], to new: [PosixLockTable.Held], in range: LockRange
    ) throws(FopError) -> Bool {
        let span = Self.span(range.start, range.end)
        let (before, after) = (Self.holdings(old), Self.holdings(new))
        let (raises, lowers) = before.changes(to: after, in: span)
        for (position, raise) in raises.enumerated() {
            if try locks.set(raise.level, first: raise.span.first, last: raise.span.last) { continue }
            for undone in raises[..<position] { try lower(before.levels(in: undone.span)) }
            return false
        }
        try lower(lowers)
        if !lowers.isEmpty, try locks.conflict(with: .write, first: Self.wanted, last: Self.wanted) != nil { knock() }
        return true
    }

    private func lower(_ changes: [SpanHoldings.Change]) throws(FopError) {
        for change in changes { _ = try locks.set(change.level, first: change.span.first, last: change.span.last) }
    }

    func waiting(_ isWaiting: Bool) throws(FopError) {
        guard isWaiting != self.isWaiting else { return }
        self.isWaiting = isWaiting
        _ = try locks.set(isWaiting ? .read : .none, first: Self.wanted, last: Self.wanted)
    }

    /// A lock of another process in the way of `lock`. Its kind is what must be in the way; whose it is the kernel
    /// does not tell: pid −1, as F_OFD_GETLK has it.
    func conflict(with lock: PosixLock) throws(FopError) -> PosixLock? {
        let span = Self.span(lock.range.start, lock.range.end)
        let level: SpanHoldings.Level = lock.kind == .write ? .write : .read
        guard let found = try locks.conflict(with: level, first: span.first, last: span.last) else { return nil }
        let isWrite =
            level == .read ? true : try locks.conflict(with: .read, first: found.first, last: found.last) != nil
        let length = found.last >= Self.last ? 0 : found.last - found.first + 1
        return PosixLock(kind: isWrite ? .write : .read, range: LockRange(start: found.first, length: length), pid: -1)
    }

    private func knock() {
        var byte: UInt8 = 0
        _ = pread(locks.descriptor, &byte, 1, 0)
    }

    /// Up to and without the reserved bytes.
    private static func span(_ start: UInt64, _ end: UInt64) -> KernelSpan {
        let first = min(start, last)
        return KernelSpan(first: first, last: max(first, min(end - 1, last)))
    }

    private static func holdings(_ held: [PosixLockTable.Held]) -> SpanHoldings {
        var holdings = SpanHoldings()
        for lock in held { holdings.add(.init(span: span(lock.start, lock.end), level: lock.isWrite ? .write : .read)) }
        return holdings
    }
}

/// `PosixLocksElsewhere` by way of a lock file; without one there are none. Made for one visit of a table.
struct PosixFileElsewhere: PosixLocksElsewhere {
    let file: PosixLockFile?
    private(set) var failure: FopError?

    init(_ file: PosixLockFile?) { self.file = file }

    mutating func change(from old: [PosixLockTable.Held], to new: [PosixLockTable.Held], in range: LockRange) -> Bool {
        guard let file else { return true }
        do throws(FopError) { return try file.change(from: old, to: new, in: range) } catch {
            failure = failure ?? error
            return false
        }
    }
    mutating func waiting(_ isWaiting: Bool) {
        do throws(FopError) { try file?.waiting(isWaiting) } catch { failure = failure ?? error }
    }
}
