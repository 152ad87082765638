import Glibc
import HealProtocol
import RangeMapping
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealEngine

@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct BrickHealTests {
    @Test func `a thousand scattered writes in a gibibyte move at most twice their bytes`() async throws {
        let bench = try await BrickBench()
        let inode = try await bench.create("image")
        for replica in 0..<2 { PlainFile.resize(bench.path("image", on: replica), to: 1 << 30) }
        let generation = try await bench.openEpoch(inode)
        var numbers = SystemRandomNumberGenerator()
        var written: Set<Int> = []
        while written.count < 1000 { written.insert(Int.random(in: 0..<(1 << 18), using: &numbers)) }
        for (number, block) in written.enumerated() {
            PlainFile.write(
                pattern(4096, seed: UInt8(truncatingIfNeeded: number)), at: block * 4096, to: bench.path("image", on: 0)
            )
            bench.pipeline.received(
                bench.record(inode, generation, UInt64(number + 1), .range(offset: UInt64(block) * 4096, bytes: 4096)))
        }
        bench.pipeline.received(bench.record(inode, generation, 1001, .close(records: 1000, isExact: true)))
        let report = await bench.heal(inode)
        #expect(report.outcome == .healed(isAll: true))
        #expect(report.plan?.method == .range)
        #expect(report.bytesMoved <= 2 * 1000 * 4096)
        #expect(PlainFile.areEqual(bench.path("image", on: 0), bench.path("image", on: 1)))
        #expect(PlainFile.dataMap(bench.path("image", on: 0)) == PlainFile.dataMap(bench.path("image", on: 1)))
        #expect(PlainFile.allocated(bench.path("image", on: 1)) <= 2 * 1000 * 4096)
        #expect(bench.counts("image") == .zero)
    }

    @Test(arguments: [HealSettings.Algorithm.diff, .full])
    func `whole-file heals leave content, size and holes equal`(algorithm: HealSettings.Algorithm) async throws {
        var settings = HealSettings()
        settings.algorithm = algorithm
        let bench = try await BrickBench(settings: settings)
        let inode = try await bench.create("file")
        let (source, sink) = (bench.path("file", on: 0), bench.path("file", on: 1))
        // The source: data, holes of many sizes, zeros that are data, an odd end. The sink: other data everywhere,
        // longer.
        PlainFile.write(pattern(100_000, seed: 1), at: 0, to: source)
        PlainFile.write(pattern(4096, seed: 2), at: 1 << 20, to: source)
        PlainFile.write([UInt8](repeating: 0, count: 8192), at: 3 << 20, to: source)
        PlainFile.write(pattern(777_777, seed: 3), at: 20 << 20, to: source)
        PlainFile.punch(source, 20 << 20 + 65536, 4096)
        PlainFile.write(pattern(3 << 20, seed: 9), at: 0, to: sink)
        PlainFile.write(pattern(123, seed: 8), at: 40 << 20, to: sink)
        let generation = try await bench.openEpoch(inode)
        bench.pipeline.received(bench.record(inode, generation, 1, .close(records: 1, isExact: true)))
        let report = await bench.heal(inode)
        #expect(report.outcome == .healed(isAll: true))
        #expect(report.plan?.method == (algorithm == .diff ? .diff : .full))
        #expect(PlainFile.areEqual(source, sink))
        #expect(PlainFile.dataMap(source) == PlainFile.dataMap(sink))
        #expect(bench.counts("file") == .zero)
        #expect(
            XattrReading.value(of: "trusted.glusterfs.mdata", at: source)
                == XattrReading.value(of: "trusted.glusterfs.mdata", at: sink))
    }
}
