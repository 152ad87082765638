import HealProtocol
import RangeMapping
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealEngine

@Suite struct FileHealTests {
    @Test func `a closed epoch is healed by range: exactly its bytes, exactly its counts`() async throws {
        // Goal: DESIGN §3.3's common case. Method: 1 MiB equal on both, two writes in one epoch, one byte sabotaged
        // elsewhere on the sink, which a range heal must leave alone.
        let base = pattern(1 << 20, seed: 1)
        let bench = try await HealBench(content: [base, base])
        bench.replicas.bricks[1].change(bench.file, write: [0xEE], at: 700_000)
        let g = bench.epoch([(4096, pattern(4096, seed: 2)), (300_001, pattern(10, seed: 3))])
        let report = await bench.heal()

        #expect(report.outcome == .healed(isAll: true))
        #expect(report.plan?.method == .range)
        #expect(report.bytesMoved == 4106)
        #expect(report.confirmed == [1: g])
        var expected = bench.replicas.bricks[0].content(bench.file)!
        expected[700_000] = 0xEE
        #expect(bench.replicas.bricks[1].content(bench.file) == expected)
        #expect(bench.replicas.counts(bench.file, on: 0, about: 1) == .zero)
        #expect(bench.replicas.epochs(bench.file, on: 0, about: 1) == BypassCounts(opened: 1, healed: 1))
        #expect(bench.replicas.bricks[0].indexed.isEmpty)
        #expect(bench.replicas.isUnlocked)
        #expect(bench.replicas.bricks[1].iatt(bench.file)?.mtime == bench.replicas.bricks[0].iatt(bench.file)?.mtime)
    }

    @Test func `a lost record makes it a whole-file heal`() async throws {
        let base = pattern(300_000, seed: 1)
        let bench = try await HealBench(content: [base, base])
        let g = bench.openEpoch()
        bench.write(pattern(50, seed: 9), at: 1000, g)
        bench.write(pattern(50, seed: 8), at: 200_000, g, isLost: true)
        bench.close(g, records: 2)
        let report = await bench.heal()
        #expect(report.outcome == .healed(isAll: true))
        #expect(report.plan?.method == .diff)
        #expect(bench.edges.questions.map(\.generations) == [1...1])
        #expect(bench.replicas.areEqual(bench.file) && !bench.replicas.isDataPending(bench.file))
        #expect(report.bytesMoved < 300_000 && report.bytesSkipped > 0)
    }
}
