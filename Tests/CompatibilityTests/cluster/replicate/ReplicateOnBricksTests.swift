import Glibc
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealEngine
@testable import Translators

/// `cluster/replicate` and the engine over the wire, on two bricks of GlusterFS's own process.
@Suite(.serialized, .enabled(if: BrickProcess.isAvailable, BrickProcess.needs))
struct ReplicateOnBricksTests {
    @Test func `what is written is on both bricks, and nothing is marked`() async throws {
        let bench = try await WireBench()
        let fd = try await bench.create("file")
        let writer = BlockWriter(bench, fd, seed: 1)
        try await writer.fill()
        for _ in 1...50 { try await writer.step() }
        try await bench.close(fd)
        let model = await writer.model
        for brick in 0...1 { #expect(bench.content(brick, "file") == model, "brick \(brick)") }
        #expect(bench.isClean("file", fd.inode.gfid), "\(bench.marks("file", fd.inode.gfid))")
        #expect(await writer.failures == [])
        await bench.end()
    }

    /// Goal: what a dead brick misses is counted as AFR counts it, found by the engine in the brick's index over the
    /// wire, and healed, the marks gone. Method: kill one while blocks are written, go on, start it again.
    @Test(arguments: [0, 1])
    func `a brick killed while blocks are written is behind, and healed when it is back`(_ victim: Int) async throws {
        let bench = try await WireBench()
        let other = 1 - victim
        let fd = try await bench.create("file")
        let gfid = fd.inode.gfid
        let writer = BlockWriter(bench, fd, seed: UInt64(victim))
        try await writer.fill()
        let stop = StopFlag()
        let writing = writer.run(until: stop)
        #expect(await eventually { await writer.count > 20 })
        try await bench.kill(victim)
        let before = await writer.count
        #expect(await eventually(within: .seconds(30)) { await writer.count > before + 20 })
        stop.set()
        try await writing.value
        // Nobody waited for the dead one, and no write failed.
        #expect(await writer.failures == [])
        try await bench.close(fd)
        #expect(await eventually { bench.counts(other, about: victim, "file").data > 0 })
        #expect(bench.isIndexed(other, gfid))
        #expect(bench.counts(victim, about: other, "file").data == 0)
        let model = await writer.model
        #expect(bench.content(other, "file") == model)
        #expect(bench.content(victim, "file") != model)

        bench.heal()
        try await bench.restart(victim)
        #expect(
            await eventually(within: .seconds(30)) { bench.isClean("file", gfid) }, "\(bench.marks("file", gfid))")
        for brick in 0...1 { #expect(bench.content(brick, "file") == model, "brick \(brick)") }
        await bench.end()
    }

    /// Goal: no acknowledged byte is lost, whoever dies when, as long as one good brick is there at a time. Method: a
    /// writer that never pauses, bricks killed in turn, each healed before the next goes.
    @Test func `bricks that die in turn while blocks are written lose nothing`() async throws {
        let bench = try await WireBench()
        let fd = try await bench.create("file")
        let gfid = fd.inode.gfid
        let writer = BlockWriter(bench, fd, seed: 77)
        try await writer.fill()
        bench.heal()
        let stop = StopFlag()
        let writing = writer.run(until: stop)
        for victim in [1, 0, 1] {
            let before = await writer.count
            #expect(await eventually(within: .seconds(30)) { await writer.count > before + 10 })
            try await bench.kill(victim)
            let dead = await writer.count
            #expect(await eventually(within: .seconds(30)) { await writer.count > dead + 10 })
            try await bench.restart(victim)
            let other = 1 - victim
            #expect(
                await eventually(within: .seconds(30)) { bench.counts(other, about: victim, "file").data == 0 },
                "\(bench.marks("file", gfid))")
        }
        stop.set()
        try await writing.value
        try await bench.close(fd)
        #expect(
            await eventually(within: .seconds(30)) { bench.isClean("file", gfid) }, "\(bench.marks("file", gfid))")
        let model = await writer.model
        for brick in 0...1 { #expect(bench.content(brick, "file") == model, "brick \(brick)") }
        await bench.end()
    }

    @Test func `a brick that hangs holds writers up for the ping-timeout, no longer`() async throws {
        let bench = try await WireBench(pingTimeout: 1)
        let fd = try await bench.create("file")
        let gfid = fd.inode.gfid
        let writer = BlockWriter(bench, fd, seed: 5)
        try await writer.fill()
        try bench.processes[1].send(SIGSTOP)
        let start = SystemTimeSource().now()
        try await writer.step()
        #expect(SystemTimeSource().now() - start < .seconds(4))
        #expect(await eventually { bench.replicate.up == [true, false] })
        for _ in 1...5 { try await writer.step() }
        bench.heal()
        try bench.processes[1].send(SIGCONT)
        #expect(await bench.allAreUp())
        try await bench.close(fd)
        #expect(
            await eventually(within: .seconds(30)) { bench.isClean("file", gfid) }, "\(bench.marks("file", gfid))")
        let model = await writer.model
        for brick in 0...1 { #expect(bench.content(brick, "file") == model, "brick \(brick)") }
        await bench.end()
    }
}
