import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting
import Translators

/// The eager lock makes room: for another client, for a healer, for those above.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct ReplicateContentionTests {
    private func lockWhole(_ stack: ReplicaStack, _ fd: Fd, _ command: LockCommand, _ owner: Frame) async throws {
        for replica in stack.replicate.replicas {
            _ = try await replica.inodelk(
                InodelkRequest(
                    .inode(fd.inode), domain: stack.replicate.lockDomain, command: command, range: .whole), in: owner)
        }
    }

    @Test func `an idle lease is closed at once when somebody wants the file`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        try await stack.write("hello", to: fd)
        let healer = Frame(caller: .selfHeal)
        try await lockWhole(stack, fd, .acquire, healer)
        #expect(stack.isClean("f"))
        #expect(await eventually { stack.replicate.openLeaseCount == 0 })
        try await lockWhole(stack, fd, .release, healer)
        await stack.stop()
    }

    @Test func `a busy lease is closed after the writes that are in it, and the next write waits its turn`()
        async throws
    {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        let gate = stack.faulty[0].hold(.writev)
        async let first = stack.write("one", to: fd)
        #expect(await gate.holds())
        let healer = Frame(caller: .selfHeal)
        async let locked: Void = lockWhole(stack, fd, .acquire, healer)
        // Until its lock waits behind the write's: only then has the writer heard of it.
        let asked: Xdata = [XdataKey.inodelkDomainCount: .string(stack.replicate.lockDomain)]
        let look = LookupRequest(.inode(fd.inode), xdata: asked)
        #expect(
            await eventually {
                let reply = try? await stack.recording[0].lookup(look, in: stack.frame)
                return reply?.xdata[XdataKey.inodelkCount]?.integer == 2
            })
        async let second = stack.write("two", to: fd, at: 10)
        gate.open()
        _ = try await first
        _ = try await locked
        #expect(stack.text(0, "f") == "one", "the lock's new holder finds no write under way")
        #expect(stack.isClean("f"))
        try await lockWhole(stack, fd, .release, healer)
        _ = try await second
        #expect(stack.content(1, "f")?.count == 13)
        await stack.stop()
    }

    @Test func `a lock of a replica that was away during the wait is given back`() async throws {
        // Goal: nobody is kept out for good. Method: a write waits for the first replica's lock while the second goes
        // and comes back, and grants its lock then; after the write anybody may have that one.
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        let other = Frame(caller: .selfHeal)
        func lock(_ replica: Int, _ command: LockCommand) async throws {
            _ = try await stack.replicate.replicas[replica].inodelk(
                InodelkRequest(
                    .inode(fd.inode), domain: stack.replicate.lockDomain, command: command, range: .whole), in: other)
        }
        try await lock(0, .acquire)
        stack.clearRecords()
        async let written = stack.write("a", to: fd)
        #expect(await eventually { stack.recording[0].steps.contains { $0.word("command") == "acquire" } })
        stack.faulty[1].goDown()
        stack.faulty[1].comeUp()
        try await lock(0, .release)
        _ = try await written
        #expect(await stack.passPostOpDelay())
        try await lock(1, .tryAcquire)
        try await lock(1, .release)
        await stack.stop()
    }

    @Test func `contention is passed on to those above`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        let parent = Listener()
        stack.replicate.volume.addParent(parent)
        try await stack.write("hello", to: fd)
        let healer = Frame(caller: .selfHeal)
        try await lockWhole(stack, fd, .acquire, healer)
        #expect(
            parent.heard.contains {
                if case .inodelkContention(fd.inode.gfid, stack.replicate.lockDomain, _) = $0 { true } else { false }
            })
        try await lockWhole(stack, fd, .release, healer)
        await stack.stop()
    }

    @Test func `contention for the metadata lock does not end a lease`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        try await stack.write("hello", to: fd)
        try await stack.chmod(fd.inode, 0o600)
        #expect(stack.replicate.openLeaseCount == 1)
        await stack.stop()
    }

    @Test func `settle returns with the marks off and the lock free`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        try await stack.write("hello", to: fd)
        await stack.replicate.settle(fd.inode)
        #expect(stack.isClean("f"))
        try await lockWhole(stack, fd, .tryAcquire, Frame(caller: .root))
        await stack.replicate.settle(fd.inode)
        await stack.stop()
    }

    @Test func `settle waits for a write that is under way`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        let gate = stack.faulty[1].hold(.writev)
        async let writing = stack.write("hello", to: fd)
        #expect(await gate.holds())
        async let settled: Void = stack.replicate.settle(fd.inode)
        gate.open()
        _ = try await writing
        await settled
        #expect(stack.isClean("f"))
        #expect(stack.text(1, "f") == "hello")
        await stack.stop()
    }

    @Test func `a foreign holder is waited for, and an interrupted wait leaves nothing behind`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        let other = Frame(caller: .root)
        try await lockWhole(stack, fd, .acquire, other)
        let writing = Task { try await stack.write("hello", to: fd) }
        #expect(
            await eventually {
                stack.recording[0].steps.contains { $0.word("command") == "acquire" && $0.lockOwner != other.lockOwner }
            })
        #expect(stack.text(0, "f") == "")
        writing.cancel()
        await #expect(throws: FopError.interrupted) { try await writing.value }
        try await lockWhole(stack, fd, .release, other)
        try await stack.write("again", to: fd)
        #expect(stack.text(1, "f") == "again")
        await stack.stop()
    }

    @Test func `a write that waits behind another of this client can be interrupted too`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        let gate = stack.faulty[0].hold(.writev)
        async let first = stack.write("one", to: fd)
        #expect(await gate.holds())
        let second = Task { try await stack.write("two", to: fd) }
        async let third = stack.write("3", to: fd, at: 1)
        second.cancel()
        await #expect(throws: FopError.interrupted) { try await second.value }
        gate.open()
        _ = try await (first, third)
        #expect(stack.text(1, "f") == "o3e")
        await stack.stop()
    }

    @Test func `with eager-lock off, or without delay, nothing is held after a write`() async throws {
        for option in ["    option eager-lock off", "    option post-op-delay-secs 0"] {
            let stack = try await ReplicaStack(2, option)
            let fd = try await stack.create("f")
            try await stack.write("hello", to: fd)
            #expect(stack.isClean("f"))
            #expect(stack.replicate.openLeaseCount == 0)
            #expect(stack.replicate.locksEagerly == option.contains("delay"))
            await stack.stop()
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func `overlapping writes of many tasks leave equal replicas`(seed: UInt64)
        async throws
    {
        // Goal: replicas see overlapping writes of one client in one order. Method: seeded writers over few bytes, with
        // replicas that are slow at different times; compare at the end.
        let stack = try await ReplicaStack(3)
        let fd = try await stack.create("f")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<6 {
                group.addTask {
                    var random = SeededRandom(seed: seed * 100 + UInt64(writer))
                    for round in 0..<25 {
                        let offset = UInt64.random(in: 0..<64, using: &random)
                        let bytes = [UInt8](
                            repeating: UInt8(writer * 32 + round), count: .random(in: 1..<48, using: &random))
                        if Int.random(in: 0..<10, using: &random) == 0 {
                            _ = try await stack.replicate.truncate(
                                TruncateRequest(.fd(fd), size: offset), in: stack.frame)
                        } else {
                            try await stack.write(bytes, to: fd, at: offset)
                        }
                        if Int.random(in: 0..<8, using: &random) == 0 { try await stack.flush(fd) }
                        await Task.yield()
                    }
                }
            }
            try await group.waitForAll()
        }
        try await stack.flush(fd)
        #expect(stack.content(0, "f") == stack.content(1, "f") && stack.content(1, "f") == stack.content(2, "f"))
        #expect(stack.isClean("f"))
        await stack.stop()
    }
}
