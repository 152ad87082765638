import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting
import Translators

/// Locks of applications.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct ReplicateLkTests {
    private func lk(
        _ stack: ReplicaStack, _ fd: Fd, _ owner: Frame, _ kind: PosixLock.Kind, _ command: LkRequest.Command = .set
    ) async throws -> PosixLock {
        let lock = PosixLock(kind: kind, range: .whole, pid: owner.caller.pid)
        return try await stack.replicate.lk(LkRequest(fd: fd, command: command, lock: lock), in: owner).lock
    }

    @Test func `a lock is held on all replicas, refused to others, and seen`() async throws {
        let stack = try await ReplicaStack(3)
        let fd = try await stack.create("f")
        let a = Frame(caller: Caller(pid: 1, uid: 0, gid: 0)), b = Frame(caller: Caller(pid: 2, uid: 0, gid: 0))
        _ = try await lk(stack, fd, a, .write)
        for replica in 0..<3 { #expect(stack.fops(replica).contains(.lk)) }
        await #expect(throws: FopError.tryAgain) { _ = try await lk(stack, fd, b, .write) }
        #expect(try await lk(stack, fd, b, .write, .get).pid == 1)
        _ = try await lk(stack, fd, a, .unlock)
        _ = try await lk(stack, fd, b, .write)
        await stack.stop()
    }

    @Test func `a refusal by a later replica takes back what earlier ones granted`() async throws {
        let stack = try await ReplicaStack(3)
        let fd = try await stack.create("f")
        let a = Frame(caller: Caller(pid: 1, uid: 0, gid: 0)), b = Frame(caller: Caller(pid: 2, uid: 0, gid: 0))
        stack.faulty[2].fail(.lk, with: .tryAgain, times: 1)
        await #expect(throws: FopError.tryAgain) { _ = try await lk(stack, fd, a, .write) }
        _ = try await lk(stack, fd, b, .write)
        await stack.stop()
    }

    @Test func `a lock needs quorum, not every replica`() async throws {
        let stack = try await ReplicaStack(3)
        let fd = try await stack.create("f")
        let a = Frame(caller: Caller(pid: 1, uid: 0, gid: 0))
        stack.faulty[0].goDown()
        _ = try await lk(stack, fd, a, .write)
        stack.faulty[1].goDown()
        await #expect(throws: FopError.readOnly) { _ = try await lk(stack, fd, a, .write) }
        await stack.stop()
    }

    @Test func `flush drops the closer's locks everywhere`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        let a = Frame(caller: Caller(pid: 1, uid: 0, gid: 0)), b = Frame(caller: Caller(pid: 2, uid: 0, gid: 0))
        _ = try await lk(stack, fd, a, .write)
        _ = try await stack.replicate.flush(FlushRequest(fd: fd), in: a)
        _ = try await lk(stack, fd, b, .write)
        await stack.stop()
    }

    @Test func `range and name locks of those above are taken on all replicas`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        let (replicate, a, b) = (stack.replicate, Frame(caller: .root), Frame(caller: .root))
        let lock = InodelkRequest(.fd(fd), domain: "d", command: .tryAcquire, range: .whole)
        _ = try await replicate.inodelk(lock, in: a)
        await #expect(throws: FopError.tryAgain) { try await replicate.inodelk(lock, in: b) }
        _ = try await replicate.inodelk(
            InodelkRequest(.fd(fd), domain: "d", command: .release, range: .whole), in: a)
        _ = try await replicate.inodelk(lock, in: b)
        let name = EntrylkRequest(.inode(stack.root), domain: "d", name: "n", command: .tryAcquire)
        _ = try await replicate.entrylk(name, in: a)
        await #expect(throws: FopError.tryAgain) { try await replicate.entrylk(name, in: b) }
        await stack.stop()
    }
}
