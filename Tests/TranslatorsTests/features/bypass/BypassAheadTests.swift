import ReplicaState
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// What other mounts learn before a mount's first epoch: heal-protocol.md §3.1 step 9.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct BypassAheadTests {
    private func marks(_ stack: BypassStack) -> [Set<String>] {
        stack.bricks.map { Set(XattrReading.all(at: $0).keys.filter { $0.hasPrefix(AheadMark.keyPrefix) }) }
    }

    @Test func `every replica's root says that the target may be ahead before a byte is written there`() async throws {
        let stack = try await BypassStack()
        let key = AheadMark.key(of: stack.bypass.mountID)
        #expect(marks(stack) == [[], []])
        let fd = try await stack.create("f")
        try await stack.write("data", to: fd)
        #expect(marks(stack) == [[key], [key]])
        let value = try #require(XattrReading.value(of: key, at: stack.bricks[1]))
        #expect(AheadMark(key: key, value: value)?.target == "v-client-0")
        // The sink has it on its disk before the target has an epoch.
        let steps = RecordingTranslator.together(stack.recording).filter { $0.ended == nil }
        let opened = try #require(steps.firstIndex { $0.fop.byInode == .xattrop && $0.gfid == fd.inode.gfid })
        for replica in ["v-client-0", "v-client-1"] {
            let before = steps[..<opened].filter { $0.volume == replica }.map(\.fop)
            let told = try #require(before.firstIndex(of: .setxattr)), synced = before.firstIndex(of: .fsyncdir)
            #expect(synced.map { told < $0 } ?? false)
        }
        await stack.stop()
    }

    @Test func `a replica that cannot be told keeps every write on the way of replicate`() async throws {
        let stack = try await BypassStack()
        stack.faulty[1].fail(.setxattr, with: .noSpace)
        let fd = try await stack.create("f")
        try await stack.write("data", to: fd)
        #expect(stack.bypass.counters.epochsOpened.value == 0)
        #expect(marks(stack) == [[], []] || marks(stack)[1].isEmpty)
        try await stack.close(fd)
        await stack.stop()
    }

    @Test func `the mark stays while something is not healed, and over the end of the mount`() async throws {
        let stack = try await BypassStack()
        let fd = try await stack.create("f")
        try await stack.write("data", to: fd)
        try await stack.close(fd)
        #expect(await eventually { stack.bypass.ahead.withLock { $0.openings == 0 } })
        await stack.bypass.withdrawAhead()
        #expect(marks(stack).allSatisfy { $0.count == 1 })
        stack.clearRecords()
        await stack.stop()
        for recorder in stack.recording {
            #expect(recorder.steps.contains { $0.fop == .inodelk && $0.gfid == .root }, "its lock is given back")
        }
        #expect(marks(stack).allSatisfy { $0.count == 1 })
        // Nobody holds its lock any more, so that a healer may take it off.
        let other = try await BypassStack(at: stack)
        let domain = ReplicaLocks(replicate: "v-replicate-0").ahead(of: stack.bypass.mountID)
        for replica in other.replicate.replicas {
            _ = try await replica.inodelk(
                InodelkRequest(.inode(other.root), domain: domain, command: .tryAcquire, range: .whole),
                in: other.frame)
        }
        await other.stop()
    }

    @Test func `the mark goes when all is healed, and comes back with the next epoch`() async throws {
        let stack = try await BypassStack()
        let fd = try await stack.create("f")
        try await stack.write("data", to: fd)
        try await stack.close(fd)
        // As a healer would: the counts go, and the mount hears of it.
        for key in ["trusted.afr.v-client-1", "trusted.afr.bypass.v-client-1"] {
            let zero = key.contains("bypass") ? BypassCounts(opened: 1, healed: 1).xattr : PendingCounts.zero.xattr
            XattrReading.set(key, to: zero, at: stack.path(0, "f"))
        }
        await stack.bypass.verify(fd.inode.gfid)
        // The inode's own work may not have ended yet.
        #expect(
            await eventually {
                await stack.bypass.withdrawAhead()
                return marks(stack) == [[], []]
            })
        let again = try await stack.open(fd.inode)
        try await stack.write("more", to: again)
        #expect(marks(stack).allSatisfy { $0.count == 1 })
        try await stack.close(again)
        await stack.stop()
    }

    @Test func `marks that came off one replica only are set anew before the next epoch`() async throws {
        let stack = try await BypassStack()
        let fd = try await stack.create("f")
        try await stack.write("data", to: fd)
        try await stack.close(fd)
        stack.heal("f", on: 1)
        await stack.bypass.verify(fd.inode.gfid)
        stack.faulty[0].fail(.removexattr, with: .io, times: 1)
        #expect(
            await eventually {
                await stack.bypass.withdrawAhead()
                return marks(stack).map(\.count) == [1, 0]
            })
        let again = try await stack.open(fd.inode)
        try await stack.write("more", to: again)
        #expect(stack.bypass.counters.epochsOpened.value == 2)
        #expect(marks(stack).map(\.count) == [1, 1])
        try await stack.close(again)
        await stack.stop()
    }

    @Test func `a replica that was away is told before the next epoch`() async throws {
        let stack = try await BypassStack()
        await stack.links[1].cut()
        let fd = try await stack.create("f")
        try await stack.write("data", to: fd)
        #expect(marks(stack).map(\.count) == [1, 0])
        stack.links[1].mend()
        #expect(
            await eventually {
                stack.clock.advance(by: .milliseconds(500))
                _ = try? await stack.write("more", to: fd)
                return marks(stack).allSatisfy { $0.count == 1 }
            })
        // Its lock went with the connection: it is told, and locked, again.
        await stack.links[1].cut()
        stack.links[1].mend()
        stack.clearRecords()
        #expect(
            await eventually {
                stack.clock.advance(by: .milliseconds(500))
                _ = try? await stack.write("more", to: fd)
                return stack.recording[1].steps.contains { $0.fop == .setxattr && $0.gfid == .root }
            })
        try await stack.close(fd)
        await stack.stop()
    }
}
