import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting
import Translators

/// Two clients with graphs of their own on the same bricks: to each other they are as two processes.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct ReplicateTwoClientsTests {
    private func open(_ stack: ReplicaStack, _ name: EntryName) async throws -> Fd {
        let found = try await stack.lookup(name)
        return try await stack.open(try #require(found.inode))
    }

    @Test func `a client that wants the file gets it from one that idles under its eager lock`() async throws {
        let one = try await ReplicaStack(), other = try await ReplicaStack(at: one)
        let fd = try await one.create("f"), same = try await open(other, "f")
        try await one.write("one", to: fd)
        #expect(one.replicate.openLeaseCount == 1)
        try await other.write("other", to: same)
        #expect(other.text(1, "f") == "other")
        #expect(await eventually { one.replicate.openLeaseCount == 0 })
        try await other.flush(same)
        #expect(one.isClean("f"))
        await other.stop()
        await one.stop()
    }

    @Test(arguments: [1, 2] as [UInt64])
    func `what two clients write over each other is the same on all replicas, write by write`(seed: UInt64) async throws
    {
        // Goal: whole-file locks of two clients never interleave a write. Method: seeded writers, all on the same
        // blocks; at the end every block has one writer's bytes, the same ones on each replica.
        let clients = [try await ReplicaStack(3)]
        let all = clients + [try await ReplicaStack(3, at: clients[0])]
        let fds = [try await all[0].create("f"), try await open(all[1], "f")]
        let block = 1024, blocks = 3
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                let (stack, fd) = (all[writer % 2], fds[writer % 2])
                group.addTask {
                    var random = SeededRandom(seed: seed * 10 + UInt64(writer))
                    for round in 0..<15 {
                        let bytes = [UInt8](repeating: UInt8(writer * 16 + round), count: block)
                        try await stack.write(
                            bytes, to: fd, at: UInt64(Int.random(in: 0..<blocks, using: &random) * block))
                        if Int.random(in: 0..<4, using: &random) == 0 { try await stack.flush(fd) }
                    }
                }
            }
            try await group.waitForAll()
        }
        for (stack, fd) in zip(all, fds) { try await stack.flush(fd) }
        let content = try #require(all[0].content(0, "f"))
        for replica in 1..<3 { #expect(all[0].content(replica, "f") == content) }
        for at in stride(from: 0, to: content.count, by: block) {
            #expect(Set(content[at..<min(at + block, content.count)]).count == 1, "block at \(at) has two writers")
        }
        #expect(all[0].isClean("f"))
        for stack in all.reversed() { await stack.stop() }
    }

    @Test func `appends of two clients lose nothing`() async throws {
        let one = try await ReplicaStack(), other = try await ReplicaStack(at: one)
        let fd = try await one.create("f", flags: [.readWrite, .append])
        let inode = try #require(try await other.lookup("f").inode)
        let same = try await other.open(inode, [.readWrite, .append])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (stack, fd, word) in [(one, fd, "one"), (other, same, "other")] {
                group.addTask { for number in 0..<20 { try await stack.write("\(word) \(number)\n", to: fd) } }
            }
            try await group.waitForAll()
        }
        for (stack, fd) in [(one, fd), (other, same)] { try await stack.flush(fd) }
        let lines = try #require(one.text(0, "f")).split(separator: "\n")
        #expect(lines.count == 40 && Set(lines).count == 40)
        #expect(one.text(1, "f") == one.text(0, "f"))
        await other.stop()
        await one.stop()
    }

    @Test func `of two clients that make the same name one wins, on all replicas`() async throws {
        let one = try await ReplicaStack(3), other = try await ReplicaStack(3, at: one)
        for number in 0..<10 {
            let name = EntryName("n\(number)")
            async let a = Self.tries { _ = try await one.create(name) }
            async let b = Self.tries { _ = try await other.mkdir(name) }
            let won = [await a, await b]
            #expect(won.count { $0 } == 1)
            let gfids = (0..<3).map { XattrReading.gfid(at: one.path($0, "n\(number)")) }
            #expect(Set(gfids).count == 1)
        }
        #expect(one.isClean("/"))
        await other.stop()
        await one.stop()
    }

    private static func tries(_ body: () async throws -> Void) async -> Bool {
        do {
            try await body()
            return true
        } catch {
            return false
        }
    }
}
