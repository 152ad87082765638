import ReplicaState
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealEngine

/// When the healer takes off what a mount said of its target: heal-protocol.md §3.1 step 9.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct AheadClearingTests {
    private func mark(_ bench: BrickBench, _ mount: Gfid) {
        let mark = AheadMark(mount: mount, since: 1, target: "demo-client-0")
        for replica in 0..<2 { XattrReading.set(mark.key, to: mark.value, at: bench.brick(replica)) }
    }
    private func marked(_ bench: BrickBench) -> [Set<Gfid>] {
        (0..<2).map { replica in
            Set(
                XattrReading.all(at: bench.brick(replica)).compactMap { AheadMark(key: $0.key, value: $0.value)?.mount }
            )
        }
    }

    @Test func `marks of mounts that are gone go when all is healed, and those of others stay`() async throws {
        let bench = try await BrickBench()
        let gone = Gfid.random(), alive = Gfid.random()
        mark(bench, gone)
        mark(bench, alive)
        let root = bench.environment.inodes.inode(.root, type: .directory)
        let domain = ReplicaLocks(replicate: "demo-replicate-0").ahead(of: alive)
        // On one replica only, as of a mount that has lost its connection to the other.
        _ = try await bench.replicaSet.replicas[1].inodelk(
            InodelkRequest(.inode(root), domain: domain, command: .tryAcquire, range: .whole), in: Frame(caller: .root))
        let running = Task { await bench.pipeline.run() }
        #expect(await bench.pipeline.clearAhead() == 1)
        #expect(marked(bench) == [[alive], [alive]])
        bench.pipeline.stop()
        await running.value
        await bench.graph.stop()
    }

    @Test func `a mark stays while anything is left to heal`() async throws {
        let bench = try await BrickBench()
        let mount = Gfid.random()
        mark(bench, mount)
        let file = try await bench.create("file")
        let values = [
            "trusted.afr.demo-client-0": PendingCounts.zero.xattr,
            "trusted.afr.demo-client-1": PendingCounts(data: BypassCounts.epochUnit).xattr,
            "trusted.afr.bypass.demo-client-1": BypassCounts(opened: 1).xattr,
        ]
        _ = try await bench.replicaSet.replicas[0].xattrop(
            XattropRequest(.inode(file), values: values), in: Frame(caller: .root))
        bench.pipeline.setPaused(true)
        let running = Task { await bench.pipeline.run() }
        #expect(await bench.pipeline.clearAhead() == 0)
        #expect(marked(bench) == [[mount], [mount]])
        bench.pipeline.setPaused(false)
        #expect(await eventually(within: .seconds(30)) { await bench.pipeline.clearAhead() == 1 })
        #expect(marked(bench) == [[], []])
        bench.pipeline.stop()
        await running.value
        await bench.graph.stop()
    }
}

/// The same on bricks in memory, where a test chooses the moment.
@Suite struct AheadClearingRaceTests {
    @Test func `a connection that was lost took the mount's lock with it, and marks stay`() async throws {
        // Goal: a mount that locked and marked anew keeps its mark. Method: lose both connections while the healer
        // looks what is left to heal.
        let bench = try await HealBench()
        let mark = AheadMark(mount: .random(), since: 1, target: "vol-client-0")
        for brick in bench.replicas.bricks { brick.setXattr(.root, mark.key, mark.value) }
        let running = HealPipelineTests.Running(bench)
        let gate = bench.client.faulty(0).hold(.readdir)
        let clearing = Clearing(bench)
        #expect(await running.passes { gate.heldCount > 0 && clearing.holdsLocks })
        for storage in bench.client.storages {
            storage.cut()
            storage.reconnect()
        }
        gate.open()
        #expect(await running.passes { clearing.count != nil })
        #expect(clearing.count == 0)
        #expect(bench.replicas.bricks.allSatisfy { $0.xattr(.root, mark.key) == mark.value })
        let again = Clearing(bench)
        #expect(await running.passes { again.count == 1 }, "the next time")
        await running.end()
    }

    /// One `clearAhead`, and what it answered.
    private final class Clearing: Sendable {
        private let answer = Mutex<Int?>(nil)
        private let bench: HealBench
        init(_ bench: HealBench) {
            self.bench = bench
            Task { [self] in
                let count = await bench.pipeline.clearAhead()
                answer.withLock { $0 = count }
            }
        }
        var count: Int? { answer.withLock { $0 } }
        var holdsLocks: Bool { bench.replicas.bricks.allSatisfy { !$0.isUnlocked } }
    }
}
