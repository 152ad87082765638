import HealProtocol
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealEngine

/// Status as a whole, as an operator asks for it at any moment of a random life of a volume.
@Suite struct HealStatusTests {
    /// What must hold of every status, whatever happened before it.
    static func check(_ status: HealStatus, _ seed: UInt64, _ step: String) {
        let place = "seed \(seed), \(step): \(status.state), \(status.backlog), eta \(status.etaQuality)"
        #expect(status.lag >= .zero, "\(place)")
        #expect((0...1).contains(status.fractionDone), "\(place)")
        #expect((status.fractionDone == 1) == (status.backlog.files == 0), "\(place), \(status.fractionDone)")
        #expect((status.eta != nil) == (status.etaQuality == .good), "\(place)")
        if let eta = status.eta { #expect(eta >= .zero && eta <= HealMeter.etaMax, "\(place)") }
        for heal in status.active {
            #expect(heal.bytesDone <= heal.bytesTotal, "\(place): more done than there is")
            #expect(heal.eta.map { $0 >= .zero } ?? true, "\(place)")
        }
        if status.state == .clean {
            #expect(status.backlog.isEmpty && status.lag == .zero && status.eta == .zero, "\(place)")
            #expect(status.quarantine.isEmpty && status.active.isEmpty, "\(place)")
        }
        if status.backlog.files == 0 { #expect(status.backlog.isEmpty, "\(place)") }
        if status.etaQuality == .losingGround { #expect(status.lag > HealMeter.lagKeptUp, "\(place)") }
        #expect(status.copies.allSatisfy { $0.lag >= .zero && $0.lag <= status.lag }, "\(place)")
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `whatever is recorded, healed, failed, lost and crawled, every status is true`(seed: UInt64) async throws {
        // Goal: no figure that is out of its range or contradicts another; clean in the end, and then rightly so.
        // Method: a random life; status is asked after every step while heals run beside it.
        var numbers = SeededNumbers(seed: seed)
        let base = HealPipelineTests.base
        let running = HealPipelineTests.Running(try await HealBench(content: [base, base]))
        let bench = running.bench
        var isPaused = false, isCut = false
        for step in 0..<60 {
            switch Int.random(in: 0..<12, using: &numbers) {
            case 0...3:
                let g = bench.openEpoch()
                let count = Int.random(in: 0...4, using: &numbers)
                for _ in 0..<count {
                    let offset = Int.random(in: 0..<150_000, using: &numbers)
                    bench.write(pattern(Int.random(in: 1...40_000, using: &numbers), seed: 3), at: offset, g)
                }
                // Some closes get lost.
                if Int.random(in: 0..<4, using: &numbers) > 0 { bench.close(g, records: UInt64(count)) }
            case 4, 5: bench.clock.advance(by: .milliseconds(Int.random(in: 1...9000, using: &numbers)))
            case 6: bench.client.faulty(1).fail(.writev, with: .noSpace)
            case 7: bench.client.faulty(1).mend()
            case 8:
                isPaused.toggle()
                bench.pipeline.setPaused(isPaused)
            case 9:
                // A connection that is lost takes its locks with it.
                isCut.toggle()
                if isCut { bench.client.storages[1].cut() } else { bench.client.storages[1].reconnect() }
            case 10: bench.pipeline.crawl()
            default: bench.replicas.accuse(bench.file, on: 0, about: 1)
            }
            for _ in 0..<3 { Self.check(running.status, seed, "step \(step)") }
        }
        bench.client.faulty(1).mend()
        if isCut { bench.client.storages[1].reconnect() }
        bench.pipeline.setPaused(false)
        bench.edges.state.withLock { $0.lives[bench.writer] = .dead(since: bench.clock.now()) }
        bench.pipeline.writerDied(bench.writer)
        let isClean = await eventually(within: .seconds(20)) {
            // Long steps: what was put off for a replica that was down may wait for minutes.
            bench.clock.advance(by: .seconds(5))
            let status = running.status
            Self.check(status, seed, "at the end")
            return status.state == .clean && !bench.replicas.isDataPending(bench.file)
        }
        #expect(isClean, "seed \(seed): \(running.status)")
        #expect(bench.replicas.areEqual(bench.file), "seed \(seed)")
        await running.end()
    }

    @Test(arguments: [(Fop.opendir, FopError.io), (.getxattr, .noData), (.readdir, .accessDenied)])
    func `a volume is not called clean while an index cannot be read`(fop: Fop, error: FopError) async throws {
        // Goal: what is pending there and nobody told of is not seen; whoever waits and asks is told so.
        let base = HealPipelineTests.base
        let running = HealPipelineTests.Running(try await HealBench(content: [base, base]))
        let bench = running.bench
        #expect(await eventually { running.status.state == .clean })
        for _ in 0..<2 {
            bench.client.faulty(1).fail(fop, with: error)
            // The next glance finds it, long before the next walk.
            #expect(await running.passes(upTo: .seconds(6)) { running.status.state == .unknown })
            let spot = try #require(running.status.unseen.first)
            #expect(running.status.unseen.count == 1 && spot.kind == .index)
            #expect(spot.remedy.contains("features/index") == (error == .noData))
            #expect(spot.place == "vol-client-1")
            #expect(running.status.copies.map(\.state) == [.clean, .unknown])
            #expect(await bench.pipeline.info(of: 1, entriesMax: 9).blindSpot == spot)
            #expect(await bench.pipeline.info(of: 0, entriesMax: 9).isSeen)
            bench.client.faulty(1).mend()
            let opened = bench.client.faulty(0).callCount(of: .opendir)
            #expect(await running.passes(upTo: .seconds(6)) { running.status.state == .clean })
            // A glance has found it; what came meanwhile is walked for, long before the next one.
            let walked = opened + 2 * IndexCrawl.indices.count
            #expect(
                await running.passes(upTo: .seconds(2)) {
                    bench.client.faulty(0).callCount(of: .opendir) >= walked
                })
        }
        await running.end()
    }

    @Test func `whoever watches the volume can keep it from being called clean`() async throws {
        let base = HealPipelineTests.base
        let running = HealPipelineTests.Running(try await HealBench(content: [base, base]))
        #expect(await eventually { running.status.state == .clean })
        var surroundings = HealSurroundings(volume: "vol", volumeID: .root, healer: .root)
        surroundings.unseen = [BlindSpot(.writer, "tcp://a:1", reason: "it is not heard", remedy: "bring it back")]
        let status = running.bench.pipeline.status(surroundings)
        #expect(status.state == .unknown && status.unseen == surroundings.unseen)
        await running.end()
    }

    @Test func `a volume is not called clean while a copy is away`() async throws {
        // Goal: what other clients write meanwhile, no record tells; the next look at the indices is minutes away.
        let base = HealPipelineTests.base
        let running = HealPipelineTests.Running(try await HealBench(content: [base, base]))
        let link = running.bench.client.storages[1]
        for _ in 0..<2 {
            #expect(await eventually { running.status.state == .clean })
            link.cut()
            #expect(await eventually { running.status.state == .behind })
            link.reconnect()
        }
        await running.end()
    }
}
