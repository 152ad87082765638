import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealEngine
@testable import Translators

/// `performance/write-behind` above `cluster/replicate` on two bricks of GlusterFS's own process, as in a mount of a
/// cluster.
@Suite(.serialized, .enabled(if: BrickProcess.isAvailable, BrickProcess.needs))
struct WriteBehindOnBricksTests {
    private func fsync(_ fd: Fd, _ bench: WireBench) async throws {
        _ = try await bench.top.fsync(FsyncRequest(fd: fd, dataOnly: false), in: bench.frame)
    }

    /// Goal: what fsync called safe is on every brick that lives, and what a dead one misses is marked. Method: kill
    /// each in turn while blocks are written behind, and look at the bricks after an fsync.
    @Test func `bricks that die in turn have what fsync called safe, or it is marked that they miss it`() async throws {
        let bench = try await WireBench(isBehind: true)
        let behind = try #require(bench.top as? WriteBehindTranslator)
        let fd = try await bench.create("file")
        let gfid = fd.inode.gfid
        let writer = BlockWriter(bench, fd, seed: 5)
        try await writer.fill()
        try await fsync(fd, bench)
        for brick in 0...1 { #expect(bench.content(brick, "file") == (await writer.model), "brick \(brick)") }
        bench.heal()
        for victim in [0, 1] {
            let survivor = 1 - victim
            let stop = StopFlag()
            let writing = writer.run(until: stop)
            let begin = await writer.count
            #expect(await eventually { await writer.count > begin + 20 })
            try await bench.kill(victim)
            let middle = await writer.count
            #expect(await eventually(within: .seconds(30)) { await writer.count > middle + 20 })
            stop.set()
            try await writing.value
            try await fsync(fd, bench)
            let model = await writer.model
            #expect(bench.content(survivor, "file") == model)
            #expect(bench.content(victim, "file") != model)
            #expect(bench.counts(survivor, about: victim, "file").data > 0, "\(bench.marks("file", gfid))")
            #expect(bench.isIndexed(survivor, gfid))
            try await bench.restart(victim)
            #expect(
                await eventually(within: .seconds(30)) { bench.isClean("file", gfid) }, "\(bench.marks("file", gfid))")
            for brick in 0...1 { #expect(bench.content(brick, "file") == model, "brick \(brick)") }
        }
        try await bench.close(fd)
        #expect(await writer.failures == [])
        #expect(behind.counters.taken.value > 40 && behind.counters.failed.value == 0)
        await bench.end()
    }

    @Test func `with both bricks dead what was answered is missed at the next fsync`() async throws {
        let bench = try await WireBench(isBehind: true)
        let fd = try await bench.create("file")
        try await bench.write("safe", to: fd)
        try await fsync(fd, bench)
        for brick in 0...1 { try await bench.kill(brick) }
        try await bench.write("lost", to: fd)
        await #expect(throws: FopError.notConnected) { try await fsync(fd, bench) }
        for brick in 0...1 { #expect(bench.content(brick, "file") == Array("safe".utf8)) }
        await bench.end()
    }
}
