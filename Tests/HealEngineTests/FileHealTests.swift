import HealProtocol
import RangeMapping
import ReplicaState
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealEngine

@Suite struct FileHealTests {
    static let base = pattern(1 << 20, seed: 1)
    static let unit = BypassCounts.epochUnit

    @Test func `a closed epoch is healed by range: exactly its bytes, exactly its counts`() async throws {
        // Goal: DESIGN §3.3's common case. Method: 1 MiB equal on both, two writes in one epoch, one byte sabotaged
        // elsewhere on the sink, which a range heal must leave alone.
        let bench = try await HealBench(content: [Self.base, Self.base])
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

    @Test(arguments: [
        ("trusted.afr.old-client-0", PendingCounts(data: 65_536).xattr),
        ("trusted.afr.bypass.old-client-0", BypassCounts(opened: 2, healed: 1).xattr),
    ])
    func `counts that are of no replica are told, and nothing of the file is healed or forgotten`(
        name: String, value: [UInt8]
    ) async throws {
        // Goal: a volume renamed while something is pending is not clean over different copies, and no heal by the
        // counts of today overwrites what the old ones accuse others of missing.
        let bench = try await HealBench(content: [Self.base, pattern(1 << 20, seed: 2)])
        bench.replicas.bricks[1].setXattr(bench.file, name, value)
        for isAccused in [false, true] {
            if isAccused { bench.epoch([(0, [1])]) }
            let report = await bench.heal()
            #expect(report.outcome == .failed(.unknownMarks(bench.file, ["vol-client-1": [name]])))
            #expect(bench.replicas.bricks[1].content(bench.file) == pattern(1 << 20, seed: 2))
            let status = bench.pipeline.status(HealSurroundings(volume: "v", volumeID: .root, healer: .root))
            #expect(status.state == .failed)
            #expect(status.quarantine[0].reason.contains(name))
        }
        bench.replicas.bricks[1].setXattr(bench.file, name, PendingCounts.zero.xattr)
        #expect(await bench.heal().outcome == .healed(isAll: true))
    }

    @Test func `a lost record makes it a whole-file heal, after journal and writers were asked`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        let g = bench.openEpoch()
        bench.write(pattern(50, seed: 9), at: 1000, g)
        bench.write(pattern(50, seed: 8), at: 200_000, g, isLost: true)
        bench.close(g, records: 2)
        let report = await bench.heal()
        #expect(report.outcome == .healed(isAll: true))
        #expect(report.plan?.method == .diff)
        #expect(bench.edges.questions.map(\.generations) == [1...1])
        #expect(bench.replicas.areEqual(bench.file) && !bench.replicas.isDataPending(bench.file))
        #expect(report.bytesMoved < Self.base.count && report.bytesSkipped > 0)
    }

    @Test func `what a journal explains is healed by range`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        let g = bench.openEpoch()
        bench.write(pattern(50, seed: 9), at: 1000, g, isLost: true)
        let lost = bench.record(.range(offset: 1000, bytes: 50), g, sequence: 1)
        bench.edges.state.withLock { state in
            state.explanation = [
                JournalExplanation(
                    gfid: bench.file, writer: bench.writer, replicaSet: 0, target: 0, isWriterAlive: false,
                    epochs: [EpochExplanation(generation: g, ranges: [lost], close: nil, isComplete: true)])
            ]
        }
        let report = await bench.heal()
        #expect(report.plan?.method == .range && report.bytesMoved == 50)
        #expect(bench.replicas.areEqual(bench.file) && !bench.replicas.isDataPending(bench.file))
    }

    @Test func `under an open epoch the complete ones before it are healed, and it stays pending`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        let writer = try await holdEpochMark(bench)
        bench.epoch([(0, pattern(10, seed: 2))])
        let open = bench.openEpoch()
        bench.write(pattern(10, seed: 3), at: 500_000, open)
        let report = await bench.heal()
        #expect(report.outcome == .healed(isAll: false))
        #expect(report.confirmed == [1: 1])
        #expect(bench.replicas.counts(bench.file, on: 0, about: 1).data == Self.unit)
        #expect(bench.replicas.epochs(bench.file, on: 0, about: 1) == BypassCounts(opened: 2, healed: 1))
        #expect(!bench.replicas.haveEqualContent(bench.file))
        bench.close(open, records: 1)
        #expect(await bench.heal().outcome == .healed(isAll: true))
        #expect(bench.replicas.areEqual(bench.file) && !bench.replicas.isDataPending(bench.file))
        writer.die()
    }

    /// A second client holds the epoch mark on the target, as a bypass writer does.
    func holdEpochMark(_ bench: HealBench, on replica: Int = 0) async throws -> SimulatedReplicas.Client {
        let client = try bench.replicas.connect(environment: GraphEnvironment(time: bench.clock, log: .silent))
        _ = try await client.replicaSet.replicas[replica].inodelk(
            InodelkRequest(
                .inode(Inode(gfid: bench.file, type: .regular)),
                domain: ReplicaLocks(replicate: bench.replicas.lockDomain).epochMark,
                command: .tryAcquire, range: .whole), in: Frame(caller: .root))
        return client
    }

    @Test func `a whole-file heal under an open epoch leaves the last two epochs pending, and then backs off`()
        async throws
    {
        let bench = try await HealBench(content: [Self.base, Self.base])
        let writer = try await holdEpochMark(bench)
        for number in 0..<5 { bench.write(pattern(10, seed: 2), at: number * 100_000, bench.openEpoch(), isLost: true) }
        let report = await bench.heal()
        #expect(report.outcome == .healed(isAll: false))
        #expect(report.plan?.isWhole == true)
        #expect(bench.replicas.counts(bench.file, on: 0, about: 1).data == 2 * Self.unit)
        #expect(bench.replicas.epochs(bench.file, on: 0, about: 1) == BypassCounts(opened: 5, healed: 3))
        // Nothing would change now; and after one more epoch it is too early for the whole file again.
        #expect(await bench.heal().outcome == .later(.close(until: nil)))
        bench.write(pattern(10, seed: 3), at: 0, bench.openEpoch(), isLost: true)
        guard case .later(.wholeFileBackOff(let until)) = await bench.heal().outcome else {
            Issue.record("no back-off")
            return
        }
        bench.clock.advance(by: until - bench.clock.now())
        #expect(await bench.heal().outcome == .healed(isAll: false))
        writer.die()
    }

    @Test func `an epoch without a close counts as open until its writer is dead for a second`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        let g = bench.openEpoch()
        bench.write(pattern(10, seed: 3), at: 5000, g)
        #expect(await bench.heal().outcome == .later(.close(until: nil)), "the writer lives: it may hold writes back")
        let death = bench.clock.now()
        bench.edges.state.withLock { $0.lives[bench.writer] = .dead(since: death) }
        #expect(await bench.heal().outcome == .later(.close(until: death + .seconds(1))))
        bench.clock.advance(by: .seconds(1))
        #expect(await bench.heal().outcome == .healed(isAll: true))
        #expect(bench.replicas.areEqual(bench.file) && !bench.replicas.isDataPending(bench.file))
    }

    @Test func `an epoch of nobody known counts as open for five seconds after its mark was found free`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        bench.write(pattern(10, seed: 3), at: 5000, bench.openEpoch(), isLost: true)
        let found = bench.clock.now()
        #expect(await bench.heal().outcome == .later(.close(until: found + .seconds(5))))
        bench.clock.advance(by: .seconds(4))
        #expect(await bench.heal().outcome == .later(.close(until: found + .seconds(5))))
        bench.clock.advance(by: .seconds(1))
        #expect(await bench.heal().outcome == .healed(isAll: true))
        #expect(!bench.replicas.isDataPending(bench.file))
    }

    @Test func `an open epoch on another replica than the accusing one stops everything`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        bench.epoch([(0, [1])])
        let writer = try await holdEpochMark(bench, on: 1)
        #expect(await bench.heal().outcome == .later(.epochElsewhere))
        #expect(bench.replicas.counts(bench.file, on: 0, about: 1).data == Self.unit)
        writer.die()
        #expect(bench.replicas.isUnlocked)
    }

    @Test func `ordinary counts and dirty marks are healed whole, by GlusterFS's direction`() async throws {
        let bench = try await HealBench(replicas: 3, content: [Self.base, Self.base, Self.base])
        bench.replicas.bricks[1].change(bench.file, write: pattern(9000, seed: 7), at: 40_000)
        bench.replicas.accuse(bench.file, on: 1, about: 0, PendingCounts(data: 3))
        bench.replicas.accuse(bench.file, on: 1, about: 2, PendingCounts(data: 1))
        bench.replicas.setDirty(bench.file, on: 1)
        let report = await bench.heal()
        #expect(report.outcome == .healed(isAll: true))
        #expect(report.plan?.source == 1)
        #expect(bench.replicas.areEqual(bench.file) && !bench.replicas.isDataPending(bench.file))
        #expect(bench.replicas.bricks[1].content(bench.file) != Self.base)
        #expect(bench.replicas.bricks[1].indexed.isEmpty && bench.replicas.bricks[1].dirtyIndexed.isEmpty)
    }

    @Test func `a sink that fails drops out alone and keeps its counts`() async throws {
        let bench = try await HealBench(replicas: 3, content: [Self.base, Self.base, Self.base])
        bench.epoch((0..<20).map { ($0 * 50_000, pattern(100, seed: 5)) })
        bench.client.faulty(2).fail(.writev, with: .noSpace, from: 4)
        let report = await bench.heal()
        #expect(report.outcome == .failed(.sinksFailed(bench.file, ["vol-client-2": .noSpace])))
        #expect(report.confirmed == [1: 1])
        #expect(bench.replicas.counts(bench.file, on: 0, about: 1) == .zero)
        #expect(bench.replicas.counts(bench.file, on: 0, about: 2).data == Self.unit)
        #expect(bench.replicas.epochs(bench.file, on: 0, about: 2) == BypassCounts(opened: 1, healed: 0))
        #expect(bench.replicas.bricks[0].content(bench.file) == bench.replicas.bricks[1].content(bench.file))
        #expect(bench.replicas.isUnlocked && bench.replicas.bricks[0].indexed == [bench.file])
    }

    @Test func `a sink that failed in a heal for dirty alone is accused by one`() async throws {
        let bench = try await HealBench(replicas: 3, content: [Self.base, Self.base, Self.base])
        for replica in 0..<3 { bench.replicas.setDirty(bench.file, on: replica) }
        bench.replicas.bricks[2].change(bench.file, write: [1, 2, 3], at: 0)
        bench.replicas.bricks[1].change(bench.file, write: [1, 2, 3], at: 0)
        bench.client.faulty(1).fail(.fsync, with: .io)
        let report = await bench.heal()
        let source = try #require(report.plan?.source)
        let sinks = report.plan!.sinks.map(\.replica)
        #expect(sinks.contains(1), "the test wants the failing replica among the sinks")
        #expect(report.outcome == .failed(.sinksFailed(bench.file, ["vol-client-1": .io])))
        #expect(bench.replicas.counts(bench.file, on: source, about: 1).data == 1)
        #expect(bench.replicas.dirty(bench.file, on: source) == .zero)
        #expect(bench.replicas.dirty(bench.file, on: 1).data == 1)
    }

    @Test func `a lost source ends the heal with nothing taken off`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        bench.epoch((0..<20).map { ($0 * 50_000, pattern(100, seed: 5)) })
        bench.client.faulty(0).fail(.readv, with: .io, from: 7)
        #expect(await bench.heal().outcome == .failed(.sourceFailed(bench.file, source: "vol-client-0", .io)))
        #expect(bench.replicas.counts(bench.file, on: 0, about: 1).data == Self.unit)
        #expect(bench.replicas.isUnlocked)
    }

    @Test func `a sink that was lost and came back within the heal is not believed healed`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        bench.epoch([(0, pattern(100, seed: 5))])
        let gate = bench.client.faulty(1).hold(.fsync)
        async let report = bench.heal()
        #expect(await soon { gate.heldCount >= 1 })
        bench.client.storages[1].cut()
        bench.client.storages[1].reconnect()
        gate.open()
        #expect(await report.outcome == .later(.replicaDown))
        #expect(bench.replicas.counts(bench.file, on: 0, about: 1).data == Self.unit)
        #expect(bench.replicas.isUnlocked)
    }

    @Test func `with a replica down nothing is healed`() async throws {
        let bench = try await HealBench(replicas: 3, content: [Self.base, Self.base, Self.base])
        bench.epoch([(0, pattern(100, seed: 5))])
        bench.client.faulty(2).goDown()
        #expect(await bench.heal().outcome == .later(.replicaDown))
        #expect(bench.replicas.counts(bench.file, on: 0, about: 1).data == Self.unit)
    }

    @Test func `while another healer holds the self-heal lock the file is left to it`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        bench.epoch([(0, pattern(100, seed: 5))])
        let other = try bench.replicas.connect(environment: GraphEnvironment(time: bench.clock, log: .silent))
        _ = try await other.replicaSet.replicas[1].inodelk(
            InodelkRequest(
                .inode(Inode(gfid: bench.file, type: .regular)),
                domain: ReplicaLocks(replicate: bench.replicas.lockDomain).selfHeal, command: .tryAcquire, range: .whole
            ),
            in: Frame(caller: .selfHeal))
        #expect(await bench.heal().outcome == .later(.otherHealer))
        other.die()
        #expect(bench.replicas.isUnlocked)
    }

    @Test func `a whole-file lock of an ordinary writer is waited for before anything is read`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        bench.replicas.accuse(bench.file, on: 0, about: 1)
        let writer = try bench.replicas.connect(environment: GraphEnvironment(time: bench.clock, log: .silent))
        let frame = Frame(caller: .root)
        let inode = Inode(gfid: bench.file, type: .regular)
        for replica in writer.replicaSet.replicas {
            _ = try await replica.inodelk(
                InodelkRequest(.inode(inode), domain: bench.replicas.lockDomain, command: .tryAcquire, range: .whole),
                in: frame)
        }
        async let report = bench.heal()
        #expect(
            await soon {
                // The blocking request: after the refused try.
                bench.client.faulty(0).callCount(of: .inodelk) >= 3
            })
        // Its post-op: the sink missed another write.
        bench.replicas.accuse(bench.file, on: 0, about: 1, PendingCounts(data: 2))
        for replica in writer.replicaSet.replicas {
            _ = try await replica.inodelk(
                InodelkRequest(.inode(inode), domain: bench.replicas.lockDomain, command: .release, range: .whole),
                in: frame)
        }
        #expect(await report.outcome == .healed(isAll: true))
        #expect(bench.replicas.counts(bench.file, on: 0, about: 1) == .zero, "what was read is what was taken off")
    }

    @Test func `counts of other kinds are reported and never taken off`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        bench.replicas.accuse(bench.file, on: 0, about: 1, PendingCounts(metadata: 2))
        #expect(await bench.heal().outcome == .clean(others: [.metadata]))
        bench.epoch([(0, pattern(100, seed: 5))])
        #expect(await bench.heal().outcome == .healed(isAll: true))
        #expect(bench.replicas.counts(bench.file, on: 0, about: 1) == PendingCounts(metadata: 2))
        #expect(bench.replicas.bricks[0].indexed == [bench.file])
    }

    @Test func `split-brain, a missing copy and different types are left alone`() async throws {
        let bench = try await HealBench(content: [Self.base, pattern(10, seed: 3)])
        bench.replicas.accuse(bench.file, on: 0, about: 1)
        bench.replicas.accuse(bench.file, on: 1, about: 0)
        #expect(
            await bench.heal().outcome
                == .failed(.splitBrain(bench.file, accused: ["vol-client-0", "vol-client-1"])))
        let lonely = Gfid.random()
        bench.replicas.bricks[0].place(lonely, [1, 2, 3])
        bench.replicas.accuse(lonely, on: 0, about: 1)
        #expect(await bench.heal(lonely).outcome == .failed(.missing(lonely, on: ["vol-client-1"])))
        #expect(bench.replicas.counts(lonely, on: 0, about: 1).data == 1)
        let odd = Gfid.random()
        bench.replicas.bricks[0].place(odd, [1])
        bench.replicas.bricks[1].place(odd, [], type: .fifo)
        #expect(await bench.heal(odd).outcome == .failed(.typesDiffer(odd)))
    }

    @Test func `what a bypass mount wrote is not outvoted by two replicas that missed it`() async throws {
        // The target's brick restarts; meanwhile an ordinary client writes a byte, of which the two others accuse it.
        let bench = try await HealBench(replicas: 3, content: [Self.base, Self.base, Self.base])
        let fsynced = pattern(4_096, seed: 5)
        bench.epoch([(0, fsynced)])
        for brick in [1, 2] {
            bench.replicas.bricks[brick].change(bench.file, write: [1], at: 9_000)
            bench.replicas.accuse(bench.file, on: brick, about: 0, PendingCounts(data: 1))
        }
        let names = (0..<3).map { "vol-client-\($0)" }
        let error = HealError.bypassSplitBrain(bench.file, holders: [names[0]], accused: names)
        #expect(await bench.heal().outcome == .failed(error))
        #expect(
            error.isSplitBrain && error.description.contains("vol-client-0 alone has what a bypass mount wrote last"))
        #expect(bench.replicas.bricks[0].content(bench.file)!.starts(with: fsynced))
        #expect(bench.replicas.counts(bench.file, on: 0, about: 1).data == BypassCounts.epochUnit)
        #expect(bench.replicas.counts(bench.file, on: 1, about: 0).data == 1)
    }

    @Test func `an index entry without counts is dropped, one whose file is gone too`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        bench.replicas.accuse(bench.file, on: 0, about: 1)
        bench.replicas.bricks[0].dropXattrs(bench.file)
        #expect(bench.replicas.bricks[0].indexed == [bench.file])
        #expect(await bench.heal().outcome == .clean(others: []))
        #expect(bench.replicas.bricks[0].indexed.isEmpty)
        bench.replicas.accuse(bench.file, on: 0, about: 1)
        bench.replicas.bricks.forEach { $0.remove(bench.file) }
        #expect(await bench.heal().outcome == .gone)
        await IndexCrawl(replicas: bench.pipeline.replicas).dropNames(of: bench.file)
        #expect(bench.replicas.bricks[0].indexed.isEmpty)
    }

    @Test(arguments: [true, false])
    func `what marks stand for is on disk before they go`(durable: Bool) async throws {
        let bench = try await HealBench(durable: durable, content: [Self.base, Self.base])
        bench.epoch([(0, pattern(100, seed: 5))])
        #expect(await bench.heal().outcome == .healed(isAll: true))
        let steps = RecordingTranslator.together([bench.client.recorder(0), bench.client.recorder(1)])
        func first(
            _ fop: Fop, on replica: Int, ended: Bool = true,
            where holds: (RecordingTranslator.Step) -> Bool = { _ in true }
        ) -> Int? {
            steps.firstIndex {
                $0.fop == fop && $0.volume == "vol-1-\(replica)" && ($0.ended != nil) == ended && holds($0)
            }
        }
        let write = try #require(first(.writev, on: 1))
        let sinkSync = try #require(first(.fsync, on: 1, ended: false))
        let times = try #require(first(.fsetattr, on: 1, ended: false))
        let clear = try #require(
            first(.xattrop, on: 0, ended: false) {
                $0.arguments.contains("bypass.vol-client-1=000000000000000100000000")
            })
        #expect(write < sinkSync && sinkSync < clear && times < clear)
        if durable {
            let sourceSync = try #require(first(.fsync, on: 0))
            #expect(sourceSync < sinkSync)
            // A power cut does not bring them back.
            #expect(steps[clear...].contains { $0.fop == .fsync && $0.volume == "vol-1-0" })
        } else {
            #expect(first(.fsync, on: 0) == nil)
        }
    }

    @Test func `times that are changed while a file is healed stay changed`() async throws {
        // Method: the lock of metadata changes is held, so that the heal waits for it; the sink gets the times first.
        let bench = try await HealBench(content: [Self.base, Self.base])
        bench.epoch([(0, pattern(100, seed: 5))])
        let writer = try bench.replicas.connect(environment: GraphEnvironment(time: bench.clock, log: .silent))
        let frame = Frame(caller: .root), inode = Inode(gfid: bench.file, type: .regular)
        func lock(_ command: LockCommand) async throws {
            for replica in writer.replicaSet.replicas {
                _ = try await replica.inodelk(
                    InodelkRequest(
                        .inode(inode), domain: bench.replicas.lockDomain, command: command, range: .metadata),
                    in: frame)
            }
        }
        try await lock(.tryAcquire)
        async let report = bench.heal()
        #expect(
            await soon {
                bench.client.recorder(1).steps.contains {
                    $0.fop == .inodelk && $0.arguments.contains("start=\(LockRange.metadata.start)")
                }
            })
        var changed = Iatt()
        changed.mtime = Timestamp(seconds: 1_000_000_000, nanoseconds: 5)
        for replica in writer.replicaSet.replicas.reversed() {
            _ = try await replica.setattr(SetattrRequest(.inode(inode), iatt: changed, valid: .times), in: frame)
        }
        try await lock(.release)
        #expect(await report.outcome == .healed(isAll: true))
        for brick in bench.replicas.bricks { #expect(brick.iatt(bench.file)?.mtime == changed.mtime) }
    }

    @Test func `each lock of a heal, each window's too, has an owner of its own`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        bench.epoch((0..<40).map { ($0 * 16_384, pattern(100, seed: 5)) })
        #expect(await bench.heal().outcome == .healed(isAll: true))
        let asked = bench.client.recorder(1).steps.filter {
            $0.fop == .inodelk && $0.arguments.contains("tryAcquire") && $0.ended == nil
        }
        #expect(asked.count == 4 + 3, "self-heal, inspection, mark, windows of 32 pieces and 8, inspection, times")
        #expect(Set(asked.map(\.lockOwner)).count == asked.count)
        // Whole blocks, from the first piece to the last.
        for (start, length) in [(0, 31 * 16_384 + 4_096), (32 * 16_384, 7 * 16_384 + 4_096)] {
            #expect(
                asked.dropFirst(3).contains {
                    $0.arguments.contains("start=\(start)") && $0.arguments.contains("length=\(length)")
                })
        }
    }

    @Test(arguments: [false, true])
    func `a healer that is killed at any step leaves a file that the next one heals`(isWhole: Bool) async throws {
        // Goal: crash safety at every await of a heal. Method: kill it at fop 1, 2, 3… until it gets through; each time
        // another healer must finish, and before that nothing that differs may be without a mark.
        let content = pattern(140_000, seed: 1)
        var step = 0
        while true {
            step += 1
            let left = Mutex(Int.max)
            let victim = Mutex<SimulatedReplicas.Client?>(nil)
            let bench = try await HealBench(content: [content, content]) {
                let isTime = left.withLock { left in
                    left -= 1
                    return left == 0
                }
                if isTime { victim.withLock { $0 }?.die() }
            }
            victim.withLock { $0 = bench.client }
            let g = bench.openEpoch()
            bench.write(pattern(100, seed: 5), at: 0, g)
            bench.replicas.bricks[0].truncate(bench.file, to: 130_000)
            bench.pipeline.received(bench.record(.range(offset: 130_000, bytes: 10_000), g))
            bench.write(pattern(3, seed: 6), at: 135_000, g, isLost: isWhole)
            bench.close(g, records: 3)
            left.withLock { $0 = step }
            let report = await bench.heal()
            let isDead = left.withLock { left in
                defer { left = .max }
                return left <= 0
            }
            if !isDead {
                #expect(report.outcome == .healed(isAll: true))
                #expect(step > 40)
                break
            }
            #expect(bench.replicas.isUnlocked, "step \(step): a dead healer's locks are gone")
            #expect(
                bench.replicas.isDataPending(bench.file) || bench.replicas.haveEqualContent(bench.file),
                "step \(step): replicas differ and nothing is marked")
            let second = try await HealBench(taking: bench)
            second.clock.advance(by: .seconds(10))
            var outcome = await second.heal().outcome
            if case .later(.close(let until?)) = outcome {
                second.clock.advance(by: until - second.clock.now())
                outcome = await second.heal().outcome
            }
            #expect(
                outcome == .healed(isAll: true) || outcome == .clean(others: []), "step \(step): \(outcome)")
            #expect(bench.replicas.areEqual(bench.file), "step \(step)")
            #expect(!bench.replicas.isDataPending(bench.file), "step \(step)")
            #expect(bench.replicas.isUnlocked, "step \(step)")
        }
    }
}
