import HealProtocol
import RangeMapping
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealEngine

@Suite struct FileCopyTests {
    /// Data, holes and zeros in random blocks, with an odd end.
    static func file(_ numbers: inout SeededNumbers, on brick: MemoryBrick, _ gfid: Gfid, blocks: Int) {
        brick.truncate(gfid, to: 0)
        for block in 0..<blocks where Int.random(in: 0..<3, using: &numbers) != 0 {
            let bytes =
                Int.random(in: 0..<4, using: &numbers) == 0
                ? [UInt8](repeating: 0, count: 4096) : pattern(4096, seed: UInt8.random(in: 0...255, using: &numbers))
            brick.change(gfid, write: bytes, at: block * 4096)
        }
        brick.truncate(gfid, to: Int.random(in: 0...blocks * 4096, using: &numbers))
    }

    @Test(arguments: 0..<24 as Range<UInt64>, [HealSettings.Algorithm.diff, .full])
    func `a whole-file heal makes any two files equal, holes and all`(seed: UInt64, algorithm: HealSettings.Algorithm)
        async throws
    {
        var numbers = SeededNumbers(seed: seed)
        var settings = HealSettings()
        (settings.algorithm, settings.windowsInFlight) = (algorithm, Int.random(in: 1...9, using: &numbers))
        let bench = try await HealBench(settings: settings)
        for brick in bench.replicas.bricks {
            Self.file(&numbers, on: brick, bench.file, blocks: Int.random(in: 1...50, using: &numbers))
        }
        bench.replicas.accuse(bench.file, on: 0, about: 1)
        let report = await bench.heal()
        #expect(report.outcome == .healed(isAll: true), "seed \(seed)")
        #expect(bench.replicas.areEqual(bench.file), "seed \(seed), \(algorithm)")
        #expect(bench.replicas.isUnlocked, "seed \(seed)")
        let (done, total) = (report.bytesMoved, bench.replicas.bricks[0].iatt(bench.file)!.size)
        #expect(done <= total, "seed \(seed): more was moved than there is")
    }

    @Test(arguments: 0..<48 as Range<UInt64>)
    func `a range heal makes equal what was written, whatever kind of write it was`(seed: UInt64) async throws {
        // Goal: writes, truncates both ways, punches, and mixtures of them, in several epochs. Method: replicas equal
        // at
        // first; after the heal they must be equal again, with equal holes.
        var numbers = SeededNumbers(seed: seed)
        let bench = try await HealBench()
        let source = bench.replicas.bricks[0]
        Self.file(&numbers, on: source, bench.file, blocks: 60)
        bench.replicas.bricks[1].copy(bench.file, from: source)
        for _ in 0..<Int.random(in: 1...3, using: &numbers) {
            let g = bench.openEpoch()
            var records: UInt64 = 0
            for _ in 0..<Int.random(in: 0...6, using: &numbers) {
                let size = Int(source.iatt(bench.file)!.size)
                let offset = Int.random(in: 0...240_000, using: &numbers),
                    count = Int.random(in: 1...90_000, using: &numbers)
                var range = ByteRange(start: UInt64(offset), end: UInt64(offset + count))
                switch Int.random(in: 0..<4, using: &numbers) {
                case 0, 1:
                    source.change(bench.file, write: pattern(count, seed: 7), at: offset)
                case 2:
                    source.truncate(bench.file, to: offset)
                    guard offset != size else { continue }
                    range = ByteRange(start: UInt64(min(size, offset)), end: UInt64(max(size, offset)))
                default:
                    source.punch(bench.file, offset, count)
                }
                bench.pipeline.received(bench.record(.range(offset: range.start, bytes: range.count), g))
                records += 1
            }
            bench.close(g, records: records)
        }
        let report = await bench.heal()
        #expect(
            report.outcome == .healed(isAll: true) && report.plan?.isWhole == false, "seed \(seed): \(report.outcome)")
        #expect(bench.replicas.areEqual(bench.file), "seed \(seed)")
        #expect(!bench.replicas.isDataPending(bench.file) && bench.replicas.isUnlocked, "seed \(seed)")
    }

    @Test func `a hole is copied as a hole although the range begins and ends within its blocks`() async throws {
        let bench = try await HealBench(content: [pattern(65_536, seed: 1), pattern(65_536, seed: 1)])
        let g = bench.openEpoch()
        bench.replicas.bricks[0].punch(bench.file, 8192, 8192)
        bench.pipeline.received(bench.record(.range(offset: 8292, bytes: 7000), g))
        bench.close(g, records: 1)
        #expect(await bench.heal().bytesMoved == 0)
        #expect(bench.replicas.areEqual(bench.file))
    }

    @Test func `long holes on both sides take no locks`() async throws {
        let bench = try await HealBench()
        for brick in bench.replicas.bricks { brick.truncate(bench.file, to: 8 << 20) }
        bench.replicas.bricks[0].change(bench.file, write: pattern(4096, seed: 3), at: 5 << 20)
        bench.replicas.bricks[1].change(bench.file, write: pattern(4096, seed: 4), at: 6 << 20)
        bench.replicas.accuse(bench.file, on: 0, about: 1)
        let report = await bench.heal()
        #expect(report.outcome == .healed(isAll: true) && report.bytesMoved == 4096)
        #expect(bench.replicas.areEqual(bench.file))
        let windows = bench.client.recorder(0).steps.filter {
            $0.fop == .inodelk && $0.ended == nil && $0.arguments.contains("length=131072")
                && $0.arguments.contains("tryAcquire")
        }
        #expect(windows.count <= 4)
    }

    @Test func `what a bypass writer changes while a file is copied stays marked, and the next heal copies it`()
        async throws
    {
        let bench = try await HealBench(content: [pattern(500_000, seed: 1), pattern(600_000, seed: 2)])
        bench.replicas.accuse(bench.file, on: 0, about: 1)
        let gate = bench.client.faulty(1).hold(.writev)
        async let whole = bench.heal()
        #expect(await soon { gate.heldCount >= 1 })
        let g = bench.openEpoch()
        bench.replicas.bricks[0].truncate(bench.file, to: 100_000)
        bench.pipeline.received(bench.record(.range(offset: 100_000, bytes: 400_000), g))
        bench.write(pattern(70_000, seed: 3), at: 450_000, g)
        gate.open()
        #expect(await whole.plan?.isWhole == true)
        #expect(bench.replicas.counts(bench.file, on: 0, about: 1).data == BypassCounts.epochUnit)
        bench.close(g, records: 2)
        let report = await bench.heal()
        #expect(report.outcome == .healed(isAll: true) && report.plan?.isWhole == false)
        #expect(bench.replicas.areEqual(bench.file) && !bench.replicas.isDataPending(bench.file))
    }

    /// For holes of theirs where the source has data, for data where it has a hole.
    @Test(arguments: [false, true])
    func `sinks beyond a network are asked side by side what they have`(isHoleOnSource: Bool) async throws {
        // Goal: a round trip is waited for once, not once a sink. Method: nobody answers before both were asked.
        let content = pattern(65_536, seed: 1)
        let bench = try await HealBench(replicas: 3, content: [content, content, content])
        if isHoleOnSource { bench.replicas.bricks[0].punch(bench.file, 0, 65_536) }
        for sink in 1...2 { bench.replicas.accuse(bench.file, on: 0, about: sink) }
        let gates = (1...2).map { bench.client.faulty($0).hold(.seek) }
        async let healed = bench.heal()
        for gate in gates { #expect(await soon { gate.heldCount >= 1 }) }
        gates.forEach { $0.open() }
        #expect(await healed.outcome == .healed(isAll: true))
        #expect(bench.replicas.areEqual(bench.file))
    }
}
