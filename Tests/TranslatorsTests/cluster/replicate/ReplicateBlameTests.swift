import CPosix
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting
import Translators

/// Whom a change of data blames: a replica that it failed on, and only where a whole one took it. heal-protocol.md §3.1
/// step 8.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct ReplicateBlameTests {
    @Test(arguments: [2, 3])
    func `a good copy whose disk breaks is remembered to be the only one, and neither blamed nor passed by`(
        count: Int
    ) async throws {
        let (stack, fd) = try await ReplicaStack.withStaleCopies(count)
        _ = try await stack.lookup("f")
        stack.clock.advance(by: .seconds(5))
        stack.faulty[0].failDisk()
        for _ in 0..<3 {
            await #expect(throws: FopError.io) { try await stack.read(fd) }
            await #expect(throws: FopError.io) { try await stack.write("changed", to: fd) }
            await #expect(throws: FopError.io) {
                try await stack.replicate.fsync(FsyncRequest(fd: fd, dataOnly: true), in: stack.frame)
            }
            _ = await failure { try await stack.flush(fd) }
            #expect(await stack.passPostOpDelay())
        }
        for other in 1..<count {
            #expect(stack.counts(other, about: 0, "f").isZero && stack.dirty(other, "f").isZero)
        }
        stack.faulty[0].mend()
        #expect(try await stack.read(fd) == "content")
        await stack.stop()
    }

    @Test func `a change that the copy relied on could not take fails as it failed there, and blames nobody`()
        async throws
    {
        let stack = try await ReplicaStack(3)
        let fd = try await stack.create("f")
        stack.replicate.rely(on: 2, for: fd.inode)
        stack.faulty[2].fail(.writev, with: .noSpace, times: 1)
        stack.faulty[0].fail(.writev, with: .io, times: 1)
        await #expect(throws: FopError.noSpace) { try await stack.write("a", to: fd) }
        try await stack.flush(fd)
        #expect(stack.text(1, "f") == "a" && stack.dirty(2, "f").data == 1)
        for replica in 0..<3 { for other in 0..<3 { #expect(stack.counts(replica, about: other, "f").isZero) } }
        // It is written, and this time others fail.
        try await stack.write("b", to: fd)
        stack.faulty[0].fail(.fsync, with: .io, times: 1)
        _ = try await stack.replicate.fsync(FsyncRequest(fd: fd, dataOnly: true), in: stack.frame)
        #expect(stack.counts(2, about: 0, "f").data == 1 && stack.counts(2, about: 1, "f").isZero)
        stack.faulty[2].fail(.flush, with: .io, times: 1)
        await #expect(throws: FopError.io) { try await stack.flush(fd) }
        // It goes while the others are locked and marked.
        try await stack.write("c", to: fd)
        stack.faulty[2].goDown()
        await #expect(throws: FopError.io) { try await stack.write("d", to: fd) }
        #expect(stack.text(1, "f") == "c")
        await stack.stop()
    }

    @Test(arguments: [2, 3])
    func `a copy without room for marks takes part where all others are dirty, and no change is lost by it`(
        count: Int
    ) async throws {
        let stack = try await ReplicaStack(count)
        let fd = try await stack.create("f")
        stack.faulty[0].fail(.xattrop, with: .noSpace)
        try await stack.write("hello", to: fd)
        try await stack.flush(fd)
        let again = try await stack.open(fd.inode, [.readWrite, .truncate])
        try await stack.write("a", to: again)
        try await stack.flush(again)
        for replica in 0..<count { #expect(stack.text(replica, "f") == "a") }
        #expect(stack.isClean("f"))
        // What another misses cannot be counted there.
        stack.faulty[1].fail(.writev, with: .io, times: 1)
        #expect(await failure { try await stack.write("b", to: again) } == (count == 2 ? .io : nil))
        #expect(stack.dirty(1, "f").data == 1 || stack.counts(2, about: 1, "f").data == 1)
        // Nor where nobody is dirty.
        stack.faulty[1].fail(.xattrop, with: .noSpace)
        if count == 3 { stack.faulty[2].fail(.xattrop, with: .noSpace) }
        _ = await failure { try await stack.flush(again) }
        #expect(await stack.passPostOpDelay())
        await #expect(throws: FopError.noSpace) { try await stack.write("c", to: again) }
        await stack.stop()
    }

    @Test func `a copy that had no room to be dirty has room to say what others missed`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        stack.faulty[0].fail(.xattrop, with: .noSpace, times: 1)
        try await stack.write("a", to: fd)
        stack.faulty[1].fail(.writev, with: .io, times: 1)
        try await stack.write("b", to: fd)
        try await stack.flush(fd)
        #expect(await stack.passPostOpDelay())
        #expect(stack.counts(0, about: 1, "f").data == 1 && stack.dirty(0, "f").isZero)
        await stack.stop()
    }

    /// Where the good copy fails: at the lock, at the pre-op, at the write, at the fsync before the post-op.
    @Test(arguments: [Fop.inodelk, .xattrop, .writev, .fsync])
    func `a stale copy that took what the good one missed blames nobody, and the file can be healed`(
        failing: Fop
    ) async throws {
        // Goal: no split-brain out of one fault. Method: replica 0 accuses replica 1, then fails one step of a write.
        let (stack, fd) = try await ReplicaStack.withStaleCopies()
        stack.faulty[0].fail(failing, with: .io, times: 1)
        if failing == .fsync {
            try await stack.write("changed", to: fd)
        } else {
            await #expect(throws: FopError.io) { try await stack.write("changed", to: fd) }
        }
        // What the good copy could not sync is not told to be safe.
        #expect(await failure { try await stack.flush(fd) } == (failing == .fsync ? .io : nil))
        #expect(await stack.passPostOpDelay())
        #expect(stack.counts(1, about: 0, "f").isZero, "the stale copy accuses the good one")
        #expect(stack.counts(0, about: 1, "f").data == 1)
        // Whoever may differ says so.
        #expect(failing == .xattrop || failing == .inodelk || stack.dirty(0, "f").data == 1)
        stack.faulty[0].mend()
        #expect(try await stack.read(fd) == (failing == .fsync ? "changed" : "content"))
        await stack.stop()
    }
}
