import Testing
import TranslatorCore
import TranslatorTesting
import Glibc

@Suite struct PosixLkTests {
    let stack: LockingStack
    let fd: Fd
    init() throws {
        stack = try LockingStack()
        fd = Fd(inode: stack.inode, flags: .readWrite)
    }

    @discardableResult private func lk(
        _ command: LkRequest.Command, _ owner: UInt64, _ kind: PosixLock.Kind, _ range: LockRange = .whole,
        fd: Fd? = nil
    ) async throws(FopError) -> PosixLock {
        let lock = PosixLock(kind: kind, range: range, pid: Int32(owner) + 100)
        let frame = Frame(caller: .root, lockOwner: LockOwner(rawValue: owner))
        return try await stack.locks.lk(LkRequest(fd: fd ?? self.fd, command: command, lock: lock), in: frame).lock
    }

    @Test func `get names the lock in the way and its process`() async throws {
        try await lk(.set, 1, .write, LockRange(start: 10, length: 10))
        let found = try await lk(.get, 2, .read, .whole)
        #expect(found == PosixLock(kind: .write, range: LockRange(start: 10, length: 10), pid: 101))
        #expect(try await lk(.get, 2, .read, LockRange(start: 0, length: 10)).kind == .unlock)
        #expect(try await lk(.get, 1, .write, .whole).kind == .unlock)
    }

    @Test func `a busy set is EAGAIN, a waiting one is granted by an unlock in part`() async throws {
        try await lk(.set, 1, .write)
        #expect(await fopError { try await lk(.set, 2, .read) } == .tryAgain)
        let waiter = Task { await fopError { try await lk(.setWait, 2, .write, LockRange(start: 4, length: 4)) } }
        #expect(await counts(2))
        try await lk(.set, 1, .unlock, LockRange(start: 0, length: 4))
        #expect(await counts(2))
        try await lk(.set, 1, .unlock, LockRange(start: 4, length: 4))
        #expect(await waiter.value == nil)
        #expect(try await lk(.get, 3, .write, LockRange(start: 8, length: 0)).pid == 101)
    }

    @Test func `a write lock that becomes a read lock lets readers in`() async throws {
        try await lk(.set, 1, .write)
        let reader = Task { await fopError { try await lk(.setWait, 2, .read) } }
        #expect(await counts(2))
        try await lk(.set, 1, .read)
        #expect(await reader.value == nil)
    }

    @Test func `flush drops the owner's locks, release those of the open file`() async throws {
        let second = Fd(inode: stack.inode, flags: .readWrite)
        try await lk(.set, 1, .write, LockRange(start: 0, length: 1))
        try await lk(.set, 2, .write, LockRange(start: 1, length: 1), fd: second)
        _ = try await stack.locks.flush(
            FlushRequest(fd: fd), in: Frame(caller: .root, lockOwner: LockOwner(rawValue: 1)))
        #expect(try await lk(.get, 3, .write, LockRange(start: 0, length: 1)).kind == .unlock)
        #expect(try await lk(.get, 3, .write, LockRange(start: 1, length: 1)).pid == 102)
        let waiter = Task { await fopError { try await lk(.setWait, 3, .write) } }
        #expect(await counts(2))
        await stack.locks.release(second)
        #expect(await waiter.value == nil)
    }

    @Test func `two owners that wait for each other: the second is told EDEADLK`() async throws {
        let low = LockRange(start: 0, length: 1), high = LockRange(start: 1, length: 1)
        try await lk(.set, 1, .write, low)
        try await lk(.set, 2, .write, high)
        let first = Task { await fopError { try await lk(.setWait, 1, .write, high) } }
        #expect(await counts(3))
        #expect(await fopError { try await lk(.setWait, 2, .write, low) } == FopError(EDEADLK))
        try await lk(.set, 2, .unlock, high)
        #expect(await first.value == nil)
    }

    @Test func `a cancelled wait ends with EINTR and leaves nothing behind`() async throws {
        try await lk(.set, 1, .write)
        let waiter = Task { await fopError { try await lk(.setWait, 2, .write) } }
        #expect(await counts(2))
        waiter.cancel()
        #expect(await waiter.value == .interrupted)
        try await lk(.set, 1, .unlock)
        #expect(try await lk(.get, 3, .write).kind == .unlock)
        // The circle that its wait would have closed is none any more.
        try await lk(.set, 2, .write)
        let other = Task { await fopError { try await lk(.setWait, 1, .write) } }
        #expect(await counts(2))
        try await lk(.set, 2, .unlock)
        #expect(await other.value == nil)
    }

    /// Waits until the inode has `count` locks, held and awaited.
    private func counts(_ count: Int64) async -> Bool {
        await eventually {
            let stat = StatRequest(.inode(stack.inode), xdata: ["glusterfs.posixlk-count": .int(0)])
            let reply = try? await stack.locks.stat(stat, in: Frame(caller: .root))
            return reply?.xdata["glusterfs.posixlk-count"]?.integer == count
        }
    }
}
