import ReplicaState
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
