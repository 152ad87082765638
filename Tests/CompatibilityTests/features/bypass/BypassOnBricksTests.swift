import Glibc
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealEngine
@testable import Translators

/// `features/bypass` with both bricks beyond a connection: slower than with a local one, and to be as safe.
@Suite(.serialized, .enabled(if: BrickProcess.isAvailable, BrickProcess.needs))
struct BypassOnBricksTests {
    private func epochs(_ bench: WireBench, _ i: Int, about j: Int, _ name: String) throws -> BypassCounts {
        try BypassCounts(
            xattr: XattrReading.value(of: BypassCounts.key(for: bench.keys[j]), at: bench.path(i, name)))
    }

    @Test(arguments: [0, 1])
    func `writes reach the target alone, marked; the engine copies just these ranges`(_ target: Int) async throws {
        // Goal: an epoch on a remote brick is what it is on a local one. Method: a file equal on both; a few small
        // blocks while nobody heals; one byte of the sink changed behind its back, which a heal by ranges leaves.
        let bench = try await WireBench(bypass: target)
        let sink = 1 - target
        let fd = try await bench.create("file")
        let gfid = fd.inode.gfid
        let base = [UInt8](repeating: 7, count: 400_000)
        try await bench.write(base, to: fd)
        bench.heal()
        #expect(
            await eventually(within: .seconds(20)) {
                bench.isClean("file", gfid) && bench.content(sink, "file") == base
            },
            "\(bench.marks("file", gfid))")
        bench.pipeline.setPaused(true)

        try await bench.write("first", to: fd, at: 1000)
        try await bench.write("second", to: fd, at: 300_001)
        var wanted = base
        wanted.replaceSubrange(1000..<1005, with: "first".utf8)
        wanted.replaceSubrange(300_001..<300_007, with: "second".utf8)
        #expect(bench.content(target, "file") == wanted)
        #expect(bench.content(sink, "file") == base)
        #expect(bench.counts(target, about: sink, "file").data >= BypassCounts.epochUnit)
        #expect(try epochs(bench, target, about: sink, "file").missing >= 1)
        #expect(bench.isIndexed(target, gfid) && !bench.isIndexed(sink, gfid))
        let sabotage = try #require(fopen(bench.path(sink, "file"), "r+"))
        fseek(sabotage, 200_000, SEEK_SET)
        fputc(0xEE, sabotage)
        fclose(sabotage)

        bench.pipeline.setPaused(false)
        #expect(
            await eventually(within: .seconds(20)) { bench.isClean("file", gfid) }, "\(bench.marks("file", gfid))")
        #expect(try epochs(bench, target, about: sink, "file").missing == 0)
        var copied = wanted
        copied[200_000] = 0xEE
        #expect(bench.content(sink, "file") == copied)
        try await bench.close(fd)
        await bench.end()
    }

    /// Goal: nothing acknowledged is lost while the sink comes and goes under a bypass writer. Method: a writer that
    /// never pauses, a healer beside it, the sink killed twice.
    @Test func `a sink that dies under a bypass writer gets all it missed`() async throws {
        try await killing([1, 1], target: 0)
    }

    /// The target alone has the newest writes: while it is away they must fail, not go to a brick that lacks others.
    @Test func `a target that dies under a bypass writer comes back with all that was acknowledged`() async throws {
        try await killing([0, 0], target: 0)
    }

    @Test func `target and sink die in turn under a bypass writer, and nothing is lost`() async throws {
        try await killing([1, 0, 1, 0], target: 1)
    }

    private func killing(_ victims: [Int], target: Int) async throws {
        let bench = try await WireBench(bypass: target)
        let fd = try await bench.create("file")
        let gfid = fd.inode.gfid
        let writer = BlockWriter(bench, fd, seed: UInt64(victims.count))
        try await writer.fill()
        bench.heal()
        let stop = StopFlag()
        let writing = writer.run(until: stop)
        for victim in victims {
            let before = await writer.count
            #expect(await eventually(within: .seconds(30)) { await writer.count > before + 20 })
            try await bench.kill(victim)
            let failures = await writer.failures.count, dead = await writer.count
            // Either goes on, or waits for the brick.
            #expect(
                await eventually(within: .seconds(10)) {
                    let (count, failed) = await (writer.count, writer.failures.count)
                    return count > dead + 10 || failed > failures
                })
            try await bench.restart(victim)
        }
        let last = await writer.count
        #expect(await eventually(within: .seconds(30)) { await writer.count > last + 20 })
        stop.set()
        try await writing.value
        try await bench.close(fd)
        #expect(
            await eventually(within: .seconds(30)) { bench.isClean("file", gfid) }, "\(bench.marks("file", gfid))")
        let model = await writer.model
        for brick in 0...1 { #expect(bench.content(brick, "file") == model, "brick \(brick)") }
        await bench.end()
    }
}
