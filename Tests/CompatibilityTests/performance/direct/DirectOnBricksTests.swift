import Glibc
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealEngine
@testable import Translators

/// `performance/direct` beside GlusterFS's own brick process: under a bypass, as in a mount of a cluster.
@Suite(.serialized, .enabled(if: BrickProcess.isAvailable, BrickProcess.needs))
struct DirectOnBricksTests {
    private func now() -> Frame {
        Frame(caller: Caller(pid: 7, uid: 0, gid: 0), time: SystemTimeSource().wallClock())
    }

    private func write(_ text: String, to fd: Fd, at offset: UInt64 = 0, _ bench: WireBench) async throws -> Timestamp {
        let frame = now()
        let request = WriteRequest(fd: fd, offset: offset, payload: bench.payload(Array(text.utf8)))
        #expect(try await bench.top.writev(request, in: frame).bytes == text.utf8.count)
        return frame.time
    }

    /// With a time, as a mount makes files: bricks keep the times of such files themselves.
    private func create(_ name: EntryName, _ bench: WireBench) async throws -> Fd {
        let fd = Fd(inode: bench.graph.environment.inodes.inode(.random(), type: .regular), flags: .readWrite)
        let entry = NewEntry(parent: bench.root, name: name, inode: fd.inode)
        _ = try await bench.top.create(CreateRequest(entry: entry, fd: fd, mode: 0o644), in: now())
        return fd
    }

    /// What the brick's process says, to whoever asks.
    private func seen(by client: ClientScene, _ name: EntryName) async throws -> Iatt {
        try await client.client.lookup(LookupRequest(.name(name, parent: client.root)), in: client.frame).iatt
    }

    @Test func `data is written in the directory, and everybody sees it with its size and times`() async throws {
        // Goal: the brick's process is not asked to write, and a client that only knows that process sees all the same.
        let bench = try await WireBench(bypass: 0, direct: .own)
        let (direct, wire) = try (#require(bench.direct), #require(bench.wire))
        #expect(XattrReading.value(of: DirectTranslator.proofKey, at: bench.path(0, "/")) == nil)
        let fd = try await create("file", bench)
        _ = try await write("hello, ", to: fd, bench)
        let time = try await write("brick", to: fd, at: 7, bench)
        #expect(wire.callCount(of: .writev) == 0)
        #expect(bench.content(0, "file") == Array("hello, brick".utf8))
        #expect(bench.content(1, "file").isEmpty, "the sink is the healer's")

        let other = try await ClientScene(bench.processes[0])
        let open = Fd(inode: Inode(gfid: fd.inode.gfid, type: .regular), flags: .readWrite)
        _ = try await other.client.open(OpenRequest(fd: open), in: other.frame)
        #expect(try await other.read(open) == "hello, brick")
        try await other.write("HELLO", to: open, at: 0)
        #expect(try await bench.read(fd) == "HELLO, brick")
        #expect(wire.callCount(of: .readv) == 0)
        #expect(try await seen(by: other, "file").size == 12)

        // This graph says at once when the file was written; the process knows at the close.
        let own = try await bench.top.stat(StatRequest(.fd(fd)), in: now()).iatt
        #expect((own.mtime, own.ctime) == (time, time))
        try await bench.flush(fd)
        let theirs = try await seen(by: other, "file")
        #expect((theirs.mtime, theirs.ctime) == (time, time))
        #expect(direct.counters.timesTold.value > 0)
        await other.graph.stop()
        try await bench.close(fd)
        await bench.end()
    }

    @Test func `a healed file has the times of its last write on both bricks`() async throws {
        // Goal: the process knows the last write's time before a healer takes the target's times for the sink. Method:
        // epochs that end by themselves, while the file stays open and nobody asks for its times.
        let bench = try await WireBench(bypass: 0, direct: .own)
        bench.heal()
        let fd = try await create("file", bench)
        var time = Timestamp.zero
        for turn in 0..<20 {
            time = try await write("block \(turn)", to: fd, at: UInt64(turn) * 4096, bench)
            let isHealed = await eventually(within: .seconds(20)) {
                bench.isClean("file", fd.inode.gfid) && bench.content(1, "file") == bench.content(0, "file")
            }
            #expect(isHealed, "\(bench.marks("file", fd.inode.gfid))")
            for brick in 0...1 {
                let mdata = try Mdata(xattr: #require(XattrReading.value(of: Mdata.key, at: bench.path(brick, "file"))))
                #expect((mdata.mtime, mdata.ctime) == (time, time), "brick \(brick), turn \(turn)")
            }
        }
        #expect(try #require(bench.wire).callCount(of: .writev) == 0)
        try await bench.close(fd)
        await bench.end()
    }

    @Test func `telling the brick when a file was written leaves its set-ID bits alone`() async throws {
        // Goal: a genuine brick answers a setattr of nothing with chown(-1, -1), by which the kernel takes them off.
        let bench = try await WireBench(bypass: 0, direct: .own)
        let direct = try #require(bench.direct)
        let fd = try await create("file", bench)
        #expect(chmod(bench.path(0, "file"), 0o6755) == 0)
        let time = try await write("new", to: fd, bench)
        try await bench.flush(fd)
        #expect(direct.counters.timesTold.value > 0)
        var status = stat()
        #expect(lstat(bench.path(0, "file"), &status) == 0 && status.st_mode & 0o7777 == 0o6755)
        let mdata = try Mdata(xattr: #require(XattrReading.value(of: Mdata.key, at: bench.path(0, "file"))))
        #expect((mdata.mtime, mdata.ctime) == (time, time))
        try await bench.close(fd)
        await bench.end()
    }

    @Test func `a time that is set stays, whatever was written before`() async throws {
        let bench = try await WireBench(bypass: 0, direct: .own)
        let fd = try await create("file", bench)
        _ = try await write("new", to: fd, bench)
        var old = Iatt()
        old.mtime = Timestamp(seconds: 1_000_000_000, nanoseconds: 5)
        _ = try await bench.top.setattr(SetattrRequest(.fd(fd), iatt: old, valid: .mtime), in: now())
        try await bench.close(fd)
        let inode = FopTarget.inode(fd.inode)
        #expect(try await bench.top.stat(StatRequest(inode), in: now()).iatt.mtime == old.mtime)
        await bench.end()
    }

    @Test func `another brick's directory is not used, and one line says so`() async throws {
        // Goal: a directory with the right volume-id that is not this brick never gets a byte.
        let lines = LogLines()
        let bench = try await WireBench(bypass: 0, direct: .theOther, log: lines.log)
        let (direct, wire) = try (#require(bench.direct), #require(bench.wire))
        #expect(direct.localBrick == nil, "journals would be put there")
        let fd = try await create("file", bench)
        _ = try await write("by wire", to: fd, bench)
        #expect(wire.callCount(of: .writev) == 1)
        #expect(bench.content(0, "file") == Array("by wire".utf8))
        #expect(bench.content(1, "file").isEmpty)
        let warnings = lines.all.filter { $0.contains("is not the brick") }
        #expect(warnings.count == 1 && warnings[0].hasPrefix("warning v-client-0: \(bench.bricks[1]) "), "\(warnings)")
        try await bench.close(fd)
        await bench.end()
    }

    @Test func `a directory that is no brick is not used`() async throws {
        let lines = LogLines()
        let brick = try BrickProcess()
        let scratch = TemporaryDirectory("empty")
        let graph = try Graph.fromText(
            """
            volume wire
                type protocol/client
                \(brick.place)
            end-volume
            volume directory
                type storage/posix
                option directory \(scratch.path)
                option volume-id \(BrickProcess.volumeID)
                option visiting on
            end-volume
            volume direct
                type performance/direct
                subvolumes wire directory
            end-volume

            """, environment: GraphEnvironment(log: lines.log))
        try await graph.start()
        let direct = try #require(graph.top as? DirectTranslator)
        let isRefused = await eventually(within: .seconds(30)) {
            lines.all.contains { $0.contains("brick \(scratch.path): has no volume-id: it is no brick") }
        }
        #expect(isRefused, "\(lines.all)")
        #expect(!direct.isDirect)
        #expect(try LocalFile.names(in: scratch.path) == [], "something was made there")
        await graph.stop()
    }

    @Test func `while the brick's process is away nothing is written, and then it goes on in the directory`()
        async throws
    {
        // Goal: with the process its locks are gone, so its directory is nobody's to write. Method: under a replicate
        // whose other brick stays; the file is open all the time.
        let bench = try await WireBench(bypass: 0, direct: .own)
        let wire = try #require(bench.wire), direct = try #require(bench.direct)
        let fd = try await create("file", bench)
        _ = try await write("before", to: fd, bench)
        let own = Fd(inode: fd.inode, flags: .readWrite)
        _ = try await direct.open(OpenRequest(fd: own), in: now())
        try await bench.kill(0)
        let request = WriteRequest(fd: own, offset: 0, payload: bench.payload(Array("lost".utf8)))
        await #expect(throws: FopError.notConnected) { _ = try await direct.writev(request, in: now()) }
        await #expect(throws: FopError.self) { _ = try await write("never", to: fd, bench) }
        #expect(bench.content(0, "file") == Array("before".utf8))
        try await bench.restart(0)
        let before = wire.callCount(of: .writev)
        #expect(try await direct.writev(request, in: now()).bytes == 4)
        _ = try await write("after", to: fd, at: 6, bench)
        #expect(wire.callCount(of: .writev) == before)
        #expect(bench.content(0, "file") == Array("lostreafter".utf8))
        await direct.release(own)
        try await bench.close(fd)
        await bench.end()
    }

    /// As `features/bypass` does over the wire: nothing acknowledged is lost while both bricks die in turn.
    @Test func `target and sink die in turn under a writer in the directory, and nothing is lost`() async throws {
        let bench = try await WireBench(bypass: 0, direct: .own)
        let fd = try await create("file", bench)
        let gfid = fd.inode.gfid
        let writer = BlockWriter(bench, fd, seed: 4)
        try await writer.fill()
        bench.heal()
        let stop = StopFlag()
        let writing = writer.run(until: stop)
        for victim in [0, 1, 0] {
            let before = await writer.count
            #expect(await eventually(within: .seconds(30)) { await writer.count > before + 20 })
            try await bench.kill(victim)
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
        #expect(try #require(bench.wire).callCount(of: .writev) == 0)
        await bench.end()
    }
}
