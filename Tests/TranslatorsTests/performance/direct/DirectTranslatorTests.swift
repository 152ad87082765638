import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// `performance/direct` over a brick that this very process serves: the way that would be a wire is counted and cut.
@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs trusted xattrs: run as root"))
struct DirectTranslatorTests {
    private final class Scene: Sendable {
        let scratch = TemporaryDirectory("direct")
        let graph: Graph
        let direct: DirectTranslator
        let wire: FaultyTranslator
        let root: Inode
        let clock = ManualClock()
        let lines = LogLines()

        init() async throws {
            let brick = scratch.subdirectory("brick"), id = Gfid.random()
            let place = "option directory \(brick)\n option volume-id \(id)"
            graph = try Graph.fromText(
                """
                volume served
                 type storage/posix
                 \(place)
                end-volume
                volume wire
                 type testing/faulty
                 subvolumes served
                end-volume
                volume directory
                 type storage/posix
                 \(place)
                 option visiting on
                end-volume
                volume direct
                 type performance/direct
                 subvolumes wire directory
                end-volume

                """, environment: GraphEnvironment(time: clock, log: lines.log))
            direct = try #require(graph.top as? DirectTranslator)
            wire = try #require(graph["wire"] as? FaultyTranslator)
            root = graph.environment.inodes.inode(.root, type: .directory)
            try await graph.start()
        }

        func frame(_ seconds: Int64) -> Frame {
            Frame(caller: .root, time: Timestamp(seconds: seconds, nanoseconds: 0))
        }
        func create(_ name: EntryName) async throws -> Fd {
            let inode = graph.environment.inodes.inode(.random(), type: .regular)
            let fd = Fd(inode: inode, flags: .readWrite)
            let entry = NewEntry(parent: root, name: name, inode: inode)
            _ = try await direct.create(CreateRequest(entry: entry, fd: fd, mode: 0o644), in: frame(1))
            return fd
        }
        func write(_ fd: Fd, at seconds: Int64) async throws {
            let draft = graph.environment.pool.draft(bytes: 1)
            draft.bytes.copyBytes(from: [7])
            let request = WriteRequest(fd: fd, offset: 0, payload: Payload(draft.freeze(count: 1)))
            _ = try await direct.writev(request, in: frame(seconds))
        }
        func mtimeOnWire(_ fd: Fd) async throws -> Int64 {
            try await wire.stat(StatRequest(.inode(fd.inode)), in: frame(0)).iatt.mtime.seconds
        }
        /// Makes the brick keep the times of this file itself, as `glusterfsd` does with all.
        func keepTimes(of fd: Fd, from seconds: Int64) {
            let time = Timestamp(seconds: seconds, nanoseconds: 0)
            let path = "\(scratch.path)/brick/file"
            XattrReading.set(Mdata.key, to: Mdata(ctime: time, mtime: time, atime: time).xattr, at: path)
        }
    }

    @Test func `data goes to the directory, everything else over the wire`() async throws {
        let scene = try await Scene()
        let (direct, wire, frame) = (scene.direct, scene.wire, scene.frame(2))
        let fd = try await scene.create("file")
        try await scene.write(fd, at: 2)
        _ = try await direct.readv(ReadRequest(fd: fd, offset: 0, bytes: 10), in: frame)
        _ = try await direct.seek(SeekRequest(fd: fd, offset: 0, what: .data), in: frame)
        _ = try await direct.fsync(FsyncRequest(fd: fd, dataOnly: true), in: frame)
        _ = try await direct.rchecksum(RchecksumRequest(fd: fd, offset: 0, bytes: 1), in: frame)
        _ = try await direct.fallocate(FallocateRequest(fd: fd, offset: 0, bytes: 9, keepsSize: false), in: frame)
        _ = try await direct.discard(DiscardRequest(fd: fd, offset: 0, bytes: 9), in: frame)
        _ = try await direct.zerofill(ZerofillRequest(fd: fd, offset: 0, bytes: 9), in: frame)
        let copy = CopyFileRangeRequest(source: fd, sourceOffset: 0, sink: fd, sinkOffset: 5000, bytes: 2)
        _ = try await direct.copyFileRange(copy, in: frame)
        for fop: Fop in [
            .writev, .readv, .seek, .fsync, .rchecksum, .fallocate, .discard, .zerofill, .copyFileRange,
        ] {
            #expect(wire.callCount(of: fop) == 0, "\(fop)")
        }
        _ = try await direct.truncate(TruncateRequest(.fd(fd), size: 3), in: frame)
        _ = try await direct.flush(FlushRequest(fd: fd), in: frame)
        _ = try await direct.lookup(LookupRequest(.name("file", parent: scene.root)), in: frame)
        #expect((wire.callCount(of: .ftruncate), wire.callCount(of: .flush)) == (1, 1))
        #expect(wire.callCount(of: .lookup) == 1)
        await direct.release(fd)
        await scene.graph.stop()
    }

    @Test func `the brick is told of times at flush, fsync, xattrop, setattr and release, and within a second`()
        async throws
    {
        let scene = try await Scene()
        let (direct, frame) = (scene.direct, scene.frame(0))
        let fd = try await scene.create("file")
        scene.keepTimes(of: fd, from: 1)
        let owner = SetattrRequest(.fd(fd), iatt: Iatt(), valid: .uid)
        let nothing = ["trusted.afr.x": [UInt8](repeating: 0, count: 12)]
        let ways: [(String, () async throws -> Void)] = [
            ("flush", { _ = try await direct.flush(FlushRequest(fd: fd), in: frame) }),
            ("fsync", { _ = try await direct.fsync(FsyncRequest(fd: fd, dataOnly: false), in: frame) }),
            ("xattrop", { _ = try await direct.xattrop(XattropRequest(.fd(fd), values: nothing), in: frame) }),
            ("setattr", { _ = try await direct.setattr(owner, in: frame) }),
            ("hook", { await direct.tellTimes(of: fd.inode) }),
            ("release", { await direct.release(fd) }),
        ]
        for (turn, way) in ways.enumerated() {
            let time = Int64(10 + turn)
            try await scene.write(fd, at: time)
            #expect(direct.areTimesLate(of: fd.inode))
            #expect(try await scene.mtimeOnWire(fd) < time, "before \(way.0)")
            #expect(try await direct.stat(StatRequest(.fd(fd)), in: frame).iatt.mtime.seconds == time)
            try await way.1()
            #expect(try await scene.mtimeOnWire(fd) == time, "after \(way.0)")
            #expect(!direct.areTimesLate(of: fd.inode))
        }
        // Never by a descriptor, which may be closed there by now: a setattr of ctime alone, by the inode.
        #expect(scene.wire.callCount(of: .fsetattr) == 1, "the one that was asked for")
        #expect(scene.wire.callCount(of: .setattr) == ways.count + 1, "that one is among them")
        let again = Fd(inode: fd.inode, flags: .readWrite)
        _ = try await direct.open(OpenRequest(fd: again), in: frame)
        try await scene.write(again, at: 30)
        scene.clock.advance(by: DirectTranslator.timesLateMax)
        #expect(await eventually { (try? await scene.mtimeOnWire(again)) == 30 })
        await direct.release(again)
        await scene.graph.stop()
    }

    @Test func `while something has to see every write, all goes to the brick's process`() async throws {
        let scene = try await Scene()
        let fd = try await scene.create("file")
        func reconfigure(_ watchers: [String: String]) throws {
            try scene.direct.reconfigure(
                try OptionValues(watchers, declarations: DirectTranslator.options))
        }
        try reconfigure(["watchers": "quota"])
        try await scene.write(fd, at: 2)
        #expect(scene.wire.callCount(of: .writev) == 1)
        #expect(scene.lines.all.contains { $0.contains("which has to see it: quota") })
        scene.wire.goDown()
        scene.wire.comeUp()
        #expect(await eventually { scene.direct.localBrick != nil })
        #expect(!scene.direct.isDirect)
        try reconfigure([:])
        #expect(await eventually { scene.direct.isDirect })
        await scene.direct.release(fd)
        await scene.graph.stop()
    }

    @Test func `whoever still has a file open whose last name went sees when it was written`() async throws {
        let scene = try await Scene()
        let fd = try await scene.create("file")
        _ = try await scene.direct.unlink(UnlinkRequest(parent: scene.root, name: "file"), in: scene.frame(2))
        try await scene.write(fd, at: 4_000_000_000)
        scene.wire.fail(.setattr, with: .noEntry)
        await scene.direct.tellTimes(of: fd.inode)
        let seen = try await scene.direct.stat(StatRequest(.fd(fd)), in: scene.frame(0)).iatt
        #expect(seen.mtime.seconds == 4_000_000_000)
        #expect(!scene.direct.areTimesLate(of: fd.inode), "nobody is told in vain")
        await scene.direct.release(fd)
        await scene.graph.stop()
    }

    @Test func `a file without its own handle in the directory goes over the wire, and is counted`() async throws {
        let scene = try await Scene()
        let fd = try await scene.create("file")
        let gfid = "\(fd.inode.gfid)"
        let handle = "\(scene.scratch.path)/brick/.glusterfs/\(gfid.prefix(2))/\(gfid.dropFirst(2).prefix(2))/\(gfid)"
        close(creat(handle + ".other", 0o644))
        #expect(rename(handle + ".other", handle) == 0)
        let own = Fd(inode: fd.inode, flags: .readWrite)
        _ = try await scene.direct.open(OpenRequest(fd: own), in: scene.frame(0))
        #expect(scene.direct.counters.openedByWire.value == 1)
        try await scene.write(own, at: 5)
        #expect(scene.wire.callCount(of: .writev) == 1)
        #expect(!scene.direct.areTimesLate(of: own.inode))
        for open in [own, fd] { await scene.direct.release(open) }
        await scene.graph.stop()
    }

    @Test func `while the wire is down nothing goes to the directory; times wait for it`() async throws {
        let scene = try await Scene()
        let fd = try await scene.create("file")
        scene.keepTimes(of: fd, from: 1)
        try await scene.write(fd, at: 8)
        scene.wire.goDown()
        #expect(await failure { try await scene.write(fd, at: 9) } == .notConnected)
        await scene.direct.tellTimes(of: fd.inode)
        #expect(scene.direct.areTimesLate(of: fd.inode))
        scene.wire.comeUp()
        #expect(await eventually { scene.direct.isDirect })
        await scene.direct.tellTimes(of: fd.inode)
        #expect(try await scene.mtimeOnWire(fd) == 8)
        try await scene.write(fd, at: 9)
        #expect(scene.wire.callCount(of: .writev) == 1, "the refused one")
        await scene.direct.release(fd)
        await scene.graph.stop()
    }

    @Test func `a brick that does not take the proof is served over the wire`() async throws {
        let scene = try await Scene()
        scene.wire.fail(.setxattr, with: .noSpace)
        scene.wire.goDown()
        scene.wire.comeUp()
        #expect(await eventually { scene.lines.all.contains { $0.contains("cannot be proved to be the brick") } })
        #expect(scene.direct.localBrick == nil)
        let fd = try await scene.create("file")
        try await scene.write(fd, at: 2)
        #expect(scene.wire.callCount(of: .writev) == 1)
        scene.wire.mend()
        scene.wire.goDown()
        scene.wire.comeUp()
        #expect(await eventually { scene.direct.localBrick != nil })
        await scene.direct.release(fd)
        await scene.graph.stop()
    }

    @Test func `a brick that this process serves is no directory to visit`() {
        #expect {
            try Graph.fromText(
                """
                volume a
                 type testing/inert
                end-volume
                volume b
                 type storage/posix
                 option directory /b
                end-volume
                volume direct
                 type performance/direct
                 subvolumes a b
                end-volume

                """)
        } throws: { "\($0)".contains("a storage/posix with option visiting on") }
    }
}
