import HealProtocol
import ReplicaState
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealEngine

@Suite struct HealPipelineTests {
    /// A running pipeline; ended by `end`.
    final class Running: Sendable {
        let bench: HealBench
        private let task: Task<Void, Never>
        init(_ bench: HealBench) {
            self.bench = bench
            task = Task(executorPreference: IOExecutor.shared) { [pipeline = bench.pipeline] in await pipeline.run() }
        }
        func end() async {
            bench.pipeline.stop()
            await task.value
        }
        /// Time passes, up to the next sleeper each time, until `condition` holds.
        func passes(upTo limit: Duration = .seconds(7200), until condition: () -> Bool) async -> Bool {
            let end = bench.clock.now() + limit
            return await soon {
                if condition() { return true }
                if bench.clock.now() < end { bench.clock.advance(by: .milliseconds(250)) }
                return condition()
            }
        }
        var status: HealStatus {
            bench.pipeline.status(HealSurroundings(volume: "vol", volumeID: .root, healer: .root))
        }
    }
    static let base = pattern(200_000, seed: 1)

    func isHealed(_ bench: HealBench, _ file: Gfid? = nil) -> Bool {
        !bench.replicas.isDataPending(file ?? bench.file) && bench.replicas.areEqual(file ?? bench.file)
    }

    @Test func `a close has its file healed at once, without the clock moving`() async throws {
        let running = Running(try await HealBench(content: [Self.base, Self.base]))
        let bench = running.bench
        let before = bench.clock.now()
        let g = bench.epoch([(1000, pattern(50, seed: 2))])
        #expect(await soon { isHealed(bench) && running.status.state == .clean })
        #expect(bench.clock.now() == before)
        #expect(bench.edges.state.withLock { $0.confirmed.map(\.generation) } == [g])
        let status = running.status
        #expect(status.lag == .zero && status.backlog.isEmpty && status.fractionDone == 1)
        #expect(status.counters.healedBytes == [.range: 50] && status.counters.recordsReceived == 2)
        #expect(status.history.map(\.method) == [.range])
        await running.end()
    }

    @Test func `what is written while a file rests is healed when it has rested, though nothing else happens`()
        async throws
    {
        let running = Running(try await HealBench(content: [Self.base, Self.base]))
        let bench = running.bench
        #expect(await soon { running.status.state == .clean })
        let gate = bench.client.faulty(1).hold(.writev)
        bench.epoch([(1000, pattern(50, seed: 2))])
        #expect(await soon { gate.heldCount == 1 })
        bench.clock.advance(by: .milliseconds(100))
        gate.open()
        #expect(await soon { isHealed(bench) && running.status.state == .clean })
        let rested = bench.clock.now() + .milliseconds(200)
        bench.epoch([(2000, pattern(50, seed: 3))])
        #expect(await running.passes(upTo: .seconds(2)) { isHealed(bench) })
        #expect(bench.clock.now() >= rested)
        await running.end()
    }

    @Test func `a record counts as lag until its epoch is healed`() async throws {
        let running = Running(try await HealBench(content: [Self.base, Self.base]))
        let bench = running.bench
        #expect(await soon { running.status.state == .clean })
        let g = bench.openEpoch()
        bench.write(pattern(50, seed: 2), at: 1000, g)
        bench.clock.advance(by: .milliseconds(1500))
        var status = running.status
        #expect(status.lag == .milliseconds(1500) && status.state == .inFlight)
        #expect(status.backlog == Backlog(files: 1, ranges: 1, bytes: 50))
        bench.close(g, records: 1)
        #expect(await soon { running.status.lag == .zero })
        status = running.status
        #expect(status.state == .clean && status.backlog.isEmpty)
        await running.end()
    }

    @Test func `what was marked while nobody listened is found by the walk at the start`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        var files: [Gfid] = []
        for number in 0..<30 {
            let file = Gfid.random()
            bench.replicas.bricks[0].place(file, pattern(5000, seed: UInt8(number)))
            bench.replicas.bricks[1].place(file, [])
            bench.replicas.accuse(file, on: 0, about: 1)
            files.append(file)
        }
        let running = Running(bench)
        #expect(await soon { files.allSatisfy { isHealed(bench, $0) } && running.status.state == .clean })
        #expect(bench.replicas.bricks[0].indexed.isEmpty)
        await running.end()
    }

    @Test func `what a client marked of which nobody heard is healed at the second glance, and not at the first`()
        async throws
    {
        let bench = try await HealBench(content: [Self.base, Self.base])
        let running = Running(bench)
        #expect(await soon { running.status.state == .clean })
        let file = Gfid.random(), began = bench.clock.now()
        bench.replicas.bricks[0].place(file, pattern(5000, seed: 9))
        bench.replicas.bricks[1].place(file, [])
        bench.replicas.accuse(file, on: 0, about: 1)
        #expect(await running.passes(upTo: .seconds(300)) { isHealed(bench, file) })
        #expect(bench.clock.now() - began > HealSettings().glanceInterval)
        await running.end()
    }

    @Test func `without glances what nobody tells of waits for the next walk`() async throws {
        var settings = HealSettings()
        (settings.glanceInterval, settings.crawlInterval) = (.zero, .seconds(30))
        let bench = try await HealBench(settings: settings, content: [Self.base, Self.base])
        let running = Running(bench)
        #expect(await soon { running.status.state == .clean })
        let began = bench.clock.now()
        bench.replicas.accuse(bench.file, on: 0, about: 1)
        #expect(await running.passes { isHealed(bench) })
        #expect(bench.clock.now() - began > settings.crawlInterval - .seconds(1))
        await running.end()
    }

    @Test func `after a look the status knows what was marked before`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        let running = Running(bench)
        #expect(await soon { running.status.state == .clean })
        let gate = bench.client.faulty(1).hold(.fsync)
        bench.replicas.bricks[0].place(bench.file, pattern(5000, seed: 9))
        bench.replicas.accuse(bench.file, on: 0, about: 1)
        #expect(running.status.state == .clean)
        let hasLooked = Mutex(false)
        let look = Task {
            let isWhole = await bench.pipeline.look()
            hasLooked.withLock { $0 = true }
            return isWhole
        }
        // Behind the pause after the first walk, and long before anybody would look by himself.
        #expect(await running.passes(upTo: .seconds(2)) { hasLooked.withLock { $0 } })
        #expect(await look.value)
        #expect(running.status.state != .clean)
        gate.open()
        #expect(await soon { isHealed(bench) && running.status.state == .clean })
        await running.end()
        #expect(await !bench.pipeline.look(), "nobody looks any more")
    }

    @Test func `what a look finds of a file that rests keeps the volume from being clean`() async throws {
        let running = Running(try await HealBench(content: [Self.base, Self.base]))
        let bench = running.bench
        #expect(await soon { running.status.state == .clean })
        let gate = bench.client.faulty(1).hold(.writev)
        bench.epoch([(1000, pattern(100_000, seed: 2))])
        #expect(await soon { gate.heldCount == 1 })
        bench.clock.advance(by: .milliseconds(100))
        gate.open()
        #expect(await soon { isHealed(bench) && running.status.state == .clean })
        // It rests for eight times as long as its heal took.
        bench.replicas.bricks[0].place(bench.file, pattern(5000, seed: 9))
        bench.replicas.accuse(bench.file, on: 0, about: 1)
        let look = Task { await bench.pipeline.look() }
        bench.clock.advance(by: .milliseconds(300))
        #expect(await look.value)
        #expect(running.status.state != .clean && !isHealed(bench))
        #expect(await running.passes(upTo: .seconds(4)) { isHealed(bench) && running.status.state == .clean })
        await running.end()
    }

    @Test func `a queue that overflows loses nothing: the next walk finds the rest`() async throws {
        var settings = HealSettings()
        settings.waitingMax = 3
        let bench = try await HealBench(settings: settings, content: [Self.base, Self.base])
        let gate = bench.client.faulty(1).hold(.fsync)
        let running = Running(bench)
        var files: [Gfid] = []
        for number in 0..<20 {
            let file = Gfid.random()
            bench.replicas.bricks[0].place(file, pattern(5000, seed: UInt8(number)))
            bench.replicas.bricks[1].place(file, [])
            bench.replicas.accuse(file, on: 0, about: 1)
            files.append(file)
            bench.pipeline.mayBeBehind([file])
        }
        gate.open()
        #expect(await running.passes { files.allSatisfy { isHealed(bench, $0) } })
        await running.end()
    }

    @Test func `no more files are healed at once than allowed`() async throws {
        var settings = HealSettings()
        settings.filesInFlight = 2
        let bench = try await HealBench(settings: settings, content: [Self.base, Self.base])
        let gate = bench.client.faulty(1).hold(.fsync)
        for number in 0..<6 {
            let file = Gfid.random()
            bench.replicas.bricks[0].place(file, pattern(5000, seed: UInt8(number)))
            bench.replicas.bricks[1].place(file, [])
            bench.replicas.accuse(file, on: 0, about: 1)
        }
        let running = Running(bench)
        #expect(await soon { gate.heldCount >= 2 })
        #expect(running.status.active.count == 2 && gate.heldCount == 2)
        gate.open()
        #expect(await soon { running.status.state == .clean })
        await running.end()
    }

    @Test func `a replica that comes back has what it missed healed`() async throws {
        let running = Running(try await HealBench(content: [Self.base, Self.base]))
        let bench = running.bench
        #expect(await soon { running.status.state == .clean })
        bench.client.faulty(1).goDown()
        bench.epoch([(1000, pattern(50, seed: 2))])
        #expect(await soon { running.status.state == .behind })
        #expect(running.status.copies[1].state == .down)
        bench.client.faulty(1).comeUp()
        #expect(await running.passes { isHealed(bench) })
        await running.end()
    }

    @Test func `a file that cannot be healed is quarantined with its reason, and tried again later and later`()
        async throws
    {
        let running = Running(try await HealBench(content: [Self.base, Self.base]))
        let bench = running.bench
        #expect(await soon { running.status.state == .clean })
        bench.client.faulty(1).fail(.writev, with: .noSpace)
        bench.epoch([(1000, pattern(50, seed: 2))])
        #expect(await soon { running.status.quarantine.count == 1 })
        var file = running.status.quarantine[0]
        #expect(file.gfid == bench.file && file.attempts == 1 && file.reason.contains("No space left on device"))
        #expect(file.sinks == ["vol-client-1"] && running.status.state == .failed)
        #expect(bench.replicas.counts(bench.file, on: 0, about: 1).data == BypassCounts.epochUnit)
        // News of the file does not have it tried before its time.
        bench.epoch([(2000, pattern(50, seed: 2))])
        #expect(running.status.quarantine[0].attempts == 1)
        #expect(await running.passes { running.status.quarantine.first?.attempts == 3 })
        file = running.status.quarantine[0]
        #expect(file.nextTry! > file.since)
        bench.client.faulty(1).mend()
        #expect(bench.pipeline.retry(nil) == 1)
        #expect(await soon { isHealed(bench) && running.status.quarantine.isEmpty })
        await running.end()
    }

    @Test func `a lost close is made up for within seconds, not at the next walk`() async throws {
        let running = Running(try await HealBench(content: [Self.base, Self.base]))
        let bench = running.bench
        #expect(await soon { running.status.state == .clean })
        let g = bench.openEpoch()
        bench.write(pattern(50, seed: 2), at: 1000, g)
        let record = bench.record(.range(offset: 1000, bytes: 50), g, sequence: 1)
        bench.edges.state.withLock { state in
            state.explanation = [
                JournalExplanation(
                    gfid: bench.file, writer: bench.writer, replicaSet: 0, target: 0, isWriterAlive: true,
                    epochs: [EpochExplanation(generation: g, ranges: [record], close: (1, true), isComplete: true)])
            ]
        }
        #expect(await running.passes(upTo: .seconds(20)) { isHealed(bench) })
        #expect(running.status.history.map(\.method) == [.range])
        await running.end()
    }

    @Test func `an epoch whose mark never came keeps no file behind, whatever its writer told of it`() async throws {
        // Goal: a writer that loses its target while it marks an epoch closes it as unknown. Nothing is on disk.
        let running = Running(try await HealBench(content: [Self.base, Self.base]))
        let bench = running.bench
        #expect(await soon { running.status.state == .clean })
        let g = bench.epoch([(1000, pattern(50, seed: 2))])
        #expect(await soon { isHealed(bench) && running.status.state == .clean })
        bench.close(g + 1, records: 0, isExact: false)
        #expect(await soon { running.status.backlog.files == 1 })
        // It may come late: a while it is believed in.
        bench.clock.advance(by: .seconds(3))
        #expect(running.status.backlog.files == 1)
        #expect(await running.passes(upTo: .seconds(20)) { running.status.state == .clean })
        // The next one has the same number.
        #expect(bench.epoch([(5000, pattern(50, seed: 3))]) == g + 1)
        #expect(await running.passes(upTo: .seconds(5)) { isHealed(bench) && running.status.state == .clean })
        await running.end()
    }

    @Test func `a writer's death has its open epochs healed`() async throws {
        let running = Running(try await HealBench(content: [Self.base, Self.base]))
        let bench = running.bench
        #expect(await soon { running.status.state == .clean })
        let g = bench.openEpoch()
        bench.write(pattern(50, seed: 2), at: 1000, g)
        bench.edges.state.withLock { $0.lives[bench.writer] = .dead(since: bench.clock.now()) }
        bench.pipeline.writerDied(bench.writer)
        #expect(await running.passes(upTo: .seconds(10)) { isHealed(bench) })
        await running.end()
    }

    @Test func `stopping finishes the windows in hand and takes nothing off`() async throws {
        let bench = try await HealBench(content: [pattern(2_000_000, seed: 1), pattern(2_000_000, seed: 2)])
        bench.replicas.accuse(bench.file, on: 0, about: 1)
        var settings = bench.pipeline.settings
        settings.windowsInFlight = 1
        bench.pipeline.reconfigure(settings)
        let gate = bench.client.faulty(1).hold(.writev)
        let running = Running(bench)
        #expect(await soon { gate.heldCount == 1 })
        bench.pipeline.stop()
        gate.open()
        await running.end()
        #expect(bench.replicas.counts(bench.file, on: 0, about: 1).data == 1)
        #expect(bench.replicas.isUnlocked)
        #expect(bench.client.faulty(1).callCount(of: .writev) == 8, "a window of eight blocks, of two windows")
    }

    @Test func `paused, nothing new begins; resumed, everything is made up for`() async throws {
        let running = Running(try await HealBench(content: [Self.base, Self.base]))
        let bench = running.bench
        #expect(await soon { running.status.state == .clean })
        bench.pipeline.setPaused(true)
        bench.epoch([(1000, pattern(50, seed: 2))])
        bench.clock.advance(by: .seconds(3))
        #expect(running.status.state == .behind && running.status.isPaused && running.status.etaQuality == .paused)
        #expect(bench.replicas.isDataPending(bench.file))
        bench.pipeline.setPaused(false)
        #expect(await soon { isHealed(bench) })
        await running.end()
    }

    @Test func `whoever asks for a file's heal hears how it ended`() async throws {
        let running = Running(try await HealBench(content: [Self.base, Self.base]))
        let bench = running.bench
        let desk = ControlDesk(
            bench.pipeline, surroundings: { HealSurroundings(volume: "vol", volumeID: .root, healer: .root) })
        #expect(await desk.answer(.heal(.path("/file"), waits: true)) == .healed(nil))
        bench.replicas.bricks[1].change(bench.file, write: [9], at: 5)
        bench.replicas.accuse(bench.file, on: 0, about: 1)
        guard case .healed(let heal?) = await desk.answer(.heal(.gfid(bench.file), waits: true)) else {
            Issue.record("it was not healed")
            return
        }
        #expect(heal.method == .diff && heal.bytesMoved > 0 && isHealed(bench))
        bench.replicas.accuse(bench.file, on: 0, about: 1)
        bench.replicas.accuse(bench.file, on: 1, about: 0)
        guard case .failed(let failure) = await desk.answer(.heal(.gfid(bench.file), waits: true)) else {
            Issue.record("a split-brain was healed")
            return
        }
        #expect(failure.reason == .splitBrain)
        guard case .failed(let unknown) = await desk.answer(.heal(.path("no/such"), waits: true)) else {
            Issue.record("a file that does not exist was healed")
            return
        }
        #expect(unknown.reason == .unknownFile)
        await running.end()
    }

    @Test func `a gfid outside of this healer's share is left to others`() async throws {
        var settings = HealSettings()
        settings.share = 0...0x7F
        let bench = try await HealBench(settings: settings, content: [Self.base, Self.base])
        let ours = Gfid(high: 0x1111_0000_0000_4000, low: 1 << 63),
            theirs = Gfid(high: 0x9111_0000_0000_4000, low: 1 << 63)
        for file in [ours, theirs] {
            bench.replicas.bricks[0].place(file, [1, 2, 3])
            bench.replicas.bricks[1].place(file, [])
            bench.replicas.accuse(file, on: 0, about: 1)
        }
        let running = Running(bench)
        #expect(await soon { isHealed(bench, ours) })
        #expect(bench.replicas.isDataPending(theirs))
        await running.end()
    }

    // Files that go.

    @Test func `a file that is deleted while it is healed is done, and no failure`() async throws {
        let bench = try await HealBench(content: [pattern(500_000, seed: 1), pattern(500_000, seed: 2)])
        bench.replicas.accuse(bench.file, on: 0, about: 1)
        let gate = bench.client.faulty(1).hold(.writev)
        let running = Running(bench)
        #expect(await soon { gate.heldCount >= 1 })
        bench.replicas.bricks.forEach { $0.remove(bench.file) }
        gate.open()
        #expect(await running.passes(upTo: .seconds(5)) { running.status.state == .clean })
        let wasFailed = bench.edges.state.withLock { state in
            state.happened.contains { if case .quarantined = $0 { true } else { false } }
        }
        #expect(!wasFailed && running.status.counters.healsFailed == 0 && running.status.backlog.isEmpty)
        // Its names go last.
        #expect(await soon { bench.replicas.bricks.allSatisfy { $0.indexed.isEmpty } }, "its names stay in the index")
        await running.end()
    }

    @Test func `a file that some replicas lack is a failure only after a while`() async throws {
        let running = Running(try await HealBench(content: [Self.base, Self.base]))
        let bench = running.bench
        #expect(await soon { running.status.state == .clean })
        bench.replicas.bricks[1].remove(bench.file)
        bench.epoch([(1000, pattern(50, seed: 2))])
        #expect(await soon { bench.pipeline.queue().first?.note == "is being made or deleted" })
        #expect(running.status.quarantine.isEmpty && running.status.state == .inFlight)
        // It stays like that.
        #expect(await running.passes(upTo: .seconds(5)) { running.status.state == .failed })
        #expect(running.status.quarantine.first?.reason.contains("no such file on vol-client-1") == true)
        await running.end()
    }

    @Test func `a file that is deleted while it is in quarantine leaves it within seconds, whatever its next try`()
        async throws
    {
        var settings = HealSettings()
        (settings.retryMin, settings.retryMax) = (.seconds(3000), .seconds(6000))
        let running = Running(try await HealBench(settings: settings, content: [Self.base, Self.base]))
        let bench = running.bench
        bench.replicas.accuse(bench.file, on: 0, about: 1)
        bench.replicas.accuse(bench.file, on: 1, about: 0)
        bench.pipeline.mayBeBehind([bench.file])
        #expect(await running.passes { running.status.state == .splitBrain })
        bench.replicas.bricks.forEach { $0.remove(bench.file) }
        let deleted = bench.clock.now()
        #expect(await running.passes { running.status.state == .clean })
        #expect(bench.clock.now() - deleted < .seconds(60) && running.status.quarantine.isEmpty)
        await running.end()
    }

    @Test func `a file that is deleted while its epoch is awaited is done within seconds, and no index keeps it`()
        async throws
    {
        // Goal: nobody will ever tell of it again. Method: an epoch without a close, of a writer that lives.
        var settings = HealSettings()
        (settings.retryMin, settings.retryMax) = (.seconds(3000), .seconds(6000))
        let running = Running(try await HealBench(settings: settings, content: [Self.base, Self.base]))
        let bench = running.bench
        bench.write([1], at: 0, bench.openEpoch())
        bench.pipeline.mayBeBehind([bench.file])
        #expect(await soon { bench.pipeline.queue().first?.note.hasPrefix("waits for the end of an epoch") == true })
        bench.replicas.bricks.forEach { $0.remove(bench.file) }
        let deleted = bench.clock.now()
        #expect(await running.passes { running.status.state == .clean })
        #expect(bench.clock.now() - deleted < .seconds(60))
        #expect(await soon { bench.replicas.bricks.allSatisfy { $0.indexed.isEmpty } }, "its name stays in the index")
        await running.end()
    }

    @Test func `counts that this engine leaves alone keep a volume from being clean, and their end is seen soon`()
        async throws
    {
        let running = Running(try await HealBench(content: [Self.base, Self.base]))
        let bench = running.bench
        bench.replicas.accuse(bench.file, on: 0, about: 1, PendingCounts(metadata: 1))
        bench.pipeline.mayBeBehind([bench.file])
        #expect(await running.passes { running.status.state == .behind })
        #expect(running.status.copies.allSatisfy { $0.pending.metadata == 1 })
        // As GlusterFS's daemon would.
        bench.replicas.accuse(bench.file, on: 0, about: 1, .zero)
        let healed = bench.clock.now()
        #expect(await running.passes { running.status.state == .clean })
        #expect(bench.clock.now() - healed < .seconds(60))
        await running.end()
    }

    @Test func `their end is seen soon, too, where data had to be healed as well`() async throws {
        let running = Running(try await HealBench(content: [Self.base, Self.base]))
        let bench = running.bench
        bench.replicas.bricks[0].place(bench.file, pattern(5000, seed: 9))
        bench.replicas.accuse(bench.file, on: 0, about: 1, PendingCounts(data: 1, metadata: 1))
        bench.pipeline.mayBeBehind([bench.file])
        #expect(await running.passes { bench.replicas.areEqual(bench.file) && running.status.state == .behind })
        bench.replicas.accuse(bench.file, on: 0, about: 1, .zero)
        let healed = bench.clock.now()
        #expect(await running.passes(upTo: .seconds(60)) { running.status.state == .clean })
        #expect(bench.clock.now() - healed < .seconds(60))
        await running.end()
    }
}
