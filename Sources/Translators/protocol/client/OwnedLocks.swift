import Synchronization
import TranslatorCore

/// The POSIX locks of this client on one inode, by owner: what a brick holds for it, as far as answers have told. The
/// brick knows owners by (connection, owner), whatever file they were taken by.
struct OwnedLocks: Equatable, Sendable {
    struct Held: Equatable, Sendable {
        /// `start ..< end`; `end` is `UInt64.max` where the lock has no end.
        var start: UInt64, end: UInt64
        var kind: PosixLock.Kind
        /// The open file by which it was taken: its release drops the lock.
        var fd: ObjectIdentifier
    }
    /// Each owner's: sorted by start, without overlaps.
    private var held: [LockOwner: [Held]] = [:]

    var isEmpty: Bool { held.isEmpty }

    /// The brick granted `lock`, which replaces what it covers, or took it back.
    mutating func changed(_ lock: PosixLock, of owner: LockOwner, by fd: ObjectIdentifier) {
        let (start, end) = (lock.range.start, lock.range.end)
        var left: [Held] = []
        for var one in held[owner] ?? [] {
            if one.end <= start || end <= one.start {
                left.append(one)
                continue
            }
            if end < one.end {
                var behind = one
                behind.start = end
                left.append(behind)
            }
            if one.start < start {
                one.end = start
                left.append(one)
            }
        }
        if lock.kind != .unlock { left.append(Held(start: start, end: end, kind: lock.kind, fd: fd)) }
        held[owner] = left.isEmpty ? nil : left.sorted { $0.start < $1.start }
    }

    mutating func letGo(of owner: LockOwner) { held[owner] = nil }
    mutating func released(_ fd: ObjectIdentifier) {
        held = held.compactMapValues { locks in
            let left = locks.filter { $0.fd != fd }
            return left.isEmpty ? nil : left
        }
    }

    /// What to ask for so that a grant of `lock` which is not in here is undone: what was held there before, and
    /// nothing where nothing was.
    func undoing(_ lock: PosixLock, of owner: LockOwner) -> [PosixLock] {
        var pieces: [PosixLock] = []
        var next = lock.range.start
        func piece(_ kind: PosixLock.Kind, upTo end: UInt64) {
            guard next < end else { return }
            let range = LockRange(start: next, length: end == .max ? 0 : end - next)
            pieces.append(PosixLock(kind: kind, range: range, pid: lock.pid))
            next = end
        }
        for one in held[owner] ?? [] where one.start < lock.range.end && lock.range.start < one.end {
            piece(.unlock, upTo: max(one.start, lock.range.start))
            let end = min(one.end, lock.range.end)
            if one.kind == lock.kind { next = end } else { piece(one.kind, upTo: end) }
        }
        piece(.unlock, upTo: lock.range.end)
        return pieces
    }
}

/// Hung on an inode on which this client took POSIX locks. They go with their connection.
final class ClientInode: Sendable {
    private let state = Mutex<(connection: ObjectIdentifier?, locks: OwnedLocks)>((nil, OwnedLocks()))

    func withLocks<Result>(on brick: BrickConnection, _ body: (inout OwnedLocks) -> Result) -> Result {
        state.withLock { state in
            let connection = ObjectIdentifier(brick)
            if state.connection != connection { state = (connection, OwnedLocks()) }
            return body(&state.locks)
        }
    }
    /// The brick drops what was taken by this file.
    func released(_ fd: Fd) { state.withLock { $0.locks.released(ObjectIdentifier(fd)) } }
    func letGo(of owner: LockOwner) { state.withLock { $0.locks.letGo(of: owner) } }
}
