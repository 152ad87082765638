import CPosix
import Glibc
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// Fops that make, remove and reshape, and locks of names and of applications, against the brick's own disk.
@Suite(.serialized, .enabled(if: BrickProcess.isAvailable, BrickProcess.needs))
struct ClientFopTests {
    private static func status(_ path: String) -> Glibc.stat? {
        var status = Glibc.stat()
        return lstat(path, &status) == 0 ? status : nil
    }

    private func inode(_ type: FileType) -> Inode { Inode(gfid: .random(), type: type) }

    @Test func `directories, devices, links: made, named twice, removed`() async throws {
        let brick = try BrickProcess()
        let scene = try await ClientScene(brick)
        let (client, frame, root) = (scene.client, scene.frame, scene.root)
        let folder = inode(.directory)
        let made = try await client.mkdir(
            MkdirRequest(entry: NewEntry(parent: root, name: "d", inode: folder), mode: 0o750), in: frame)
        #expect((made.iatt.gfid, made.iatt.type) == (folder.gfid, .directory))
        #expect(Self.status(brick.directory + "/d")?.st_mode == 0o040750)

        let device = inode(.characterDevice)
        // 1:3 as Linux packs it; the wire has it so, and answers another way (gluster-wire.md §2.2).
        let answer = try await client.mknod(
            MknodRequest(entry: NewEntry(parent: folder, name: "null", inode: device), mode: 0o020600, device: 0x103),
            in: frame)
        let node = try #require(Self.status(brick.directory + "/d/null"))
        #expect((node.st_mode, node.st_rdev) == (0o020600, 0x103))
        #expect(answer.iatt.gfid == device.gfid)
        let looked = try await client.lookup(LookupRequest(.name("null", parent: folder)), in: frame).iatt
        #expect((looked.type, looked.rdev) == (.characterDevice, answer.iatt.rdev))

        let symbolic = inode(.symlink)
        let target = Array("d/nul\u{e4}".utf8) + [0xFF]
        _ = try await client.symlink(
            SymlinkRequest(entry: NewEntry(parent: root, name: "s", inode: symbolic), target: target), in: frame)
        #expect(try await client.readlink(ReadlinkRequest(inode: symbolic), in: frame).target == target)

        let file = try await scene.create("file")
        let linked = try await client.link(
            LinkRequest(inode: file.inode, parent: folder, name: "again"), in: frame)
        #expect(linked.iatt.nlink == Self.status(brick.directory + "/file").map { UInt32($0.st_nlink) - 1 })
        #expect(Self.status(brick.directory + "/d/again")?.st_ino == Self.status(brick.directory + "/file")?.st_ino)

        await #expect(throws: FopError.notEmpty) {
            _ = try await client.rmdir(RmdirRequest(parent: root, name: "d"), in: frame)
        }
        for name: EntryName in ["null", "again"] {
            _ = try await client.unlink(UnlinkRequest(parent: folder, name: name), in: frame)
        }
        _ = try await client.rmdir(RmdirRequest(parent: root, name: "d"), in: frame)
        #expect(Self.status(brick.directory + "/d") == nil)
        await #expect(throws: FopError.exists) {
            _ = try await client.mkdir(
                MkdirRequest(entry: NewEntry(parent: root, name: "s", inode: inode(.directory)), mode: 0o755),
                in: frame)
        }
        await scene.graph.stop()
    }

    @Test func `holes and preallocation are on the brick's disk`() async throws {
        let brick = try BrickProcess()
        let scene = try await ClientScene(brick)
        let (client, frame) = (scene.client, scene.frame)
        let path = brick.directory + "/file"
        let fd = try await scene.create("file")
        try await scene.write(String(repeating: "x", count: 16 * 4096), to: fd, at: 0)
        _ = try await client.fsync(FsyncRequest(fd: fd, dataOnly: false), in: frame)
        let before = try #require(Self.status(path))

        let kept = try await client.fallocate(
            FallocateRequest(fd: fd, offset: 1 << 20, bytes: 1 << 20, keepsSize: true), in: frame)
        #expect(kept.attributes.post.size == 65_536)
        #expect(try #require(Self.status(path)).st_blocks >= before.st_blocks + 2048)
        let grown = try await client.fallocate(
            FallocateRequest(fd: fd, offset: 0, bytes: 100_000, keepsSize: false), in: frame)
        #expect(grown.attributes.post.size == 100_000)

        _ = try await client.discard(DiscardRequest(fd: fd, offset: 4096, bytes: 8192), in: frame)
        func seek(_ what: SeekWhat, _ offset: UInt64) async throws -> UInt64 {
            try await client.seek(SeekRequest(fd: fd, offset: offset, what: what), in: frame)
        }
        #expect(try await seek(.hole, 0) == 4096)
        #expect(try await seek(.data, 4096) == 12_288)
        await #expect(throws: FopError.noSuchAddress) { _ = try await seek(.data, 200_000) }

        _ = try await client.zerofill(ZerofillRequest(fd: fd, offset: 12_288, bytes: 10), in: frame)
        var wanted = [UInt8](repeating: UInt8(ascii: "x"), count: 65_536) + [UInt8](repeating: 0, count: 34_464)
        wanted.replaceSubrange(4096..<12_298, with: [UInt8](repeating: 0, count: 8202))
        #expect(try TextFile.bytes(path) == wanted)
        // Past the end it would grow on the wire: the part behind it is left out.
        let clipped = try await client.zerofill(
            ZerofillRequest(fd: fd, offset: 60_000, bytes: 1 << 30, keepsSize: true), in: frame)
        #expect(clipped.attributes.post.size == 100_000)
        let behind = try await client.zerofill(
            ZerofillRequest(fd: fd, offset: 100_000, bytes: 5, keepsSize: true), in: frame)
        #expect(behind.attributes.post.size == 100_000)
        wanted.replaceSubrange(60_000..<65_536, with: [UInt8](repeating: 0, count: 5536))
        #expect(try TextFile.bytes(path) == wanted)
        await scene.graph.stop()
    }

    @Test func `a copy between files is not sent, as no client of GlusterFS sends it`() async throws {
        let brick = try BrickProcess()
        let scene = try await ClientScene(brick)
        let from = try await scene.create("from"), to = try await scene.create("to")
        try await scene.write("0123456789", to: from, at: 0)
        try await scene.write("abcdefghij", to: to, at: 0)
        let copy = CopyFileRangeRequest(source: from, sourceOffset: 2, sink: to, sinkOffset: 5, bytes: 4)
        await #expect(throws: FopError.notSupported) {
            _ = try await scene.client.copyFileRange(copy, in: scene.frame)
        }
        #expect(try await scene.read(to) == "abcdefghij")
        await scene.graph.stop()
    }

    @Test func `names are locked one by one, and all at once`() async throws {
        let brick = try BrickProcess()
        let holder = try await ClientScene(brick), other = try await ClientScene(brick)
        func lock(_ scene: ClientScene, _ command: LockCommand, _ name: EntryName?) async throws {
            let request = EntrylkRequest(.inode(scene.root), domain: "d", name: name, command: command)
            _ = try await scene.client.entrylk(request, in: scene.frame)
        }
        try await lock(holder, .tryAcquire, "a")
        await #expect(throws: FopError.tryAgain) { try await lock(other, .tryAcquire, "a") }
        await #expect(throws: FopError.tryAgain) { try await lock(other, .tryAcquire, nil) }
        try await lock(other, .tryAcquire, "b")
        let wait = Task { try await lock(holder, .acquire, "b") }
        // No notice to the holder, as there is for INODELK: bricks of 10.3 send none for names.
        #expect(await eventually { holder.client.state.withLock { $0.connection }?.callCount == 1 })
        try await lock(other, .release, "b")
        try await wait.value
        for name: EntryName in ["a", "b"] { try await lock(holder, .release, name) }
        try await lock(other, .tryAcquire, nil)
        for scene in [holder, other] { await scene.graph.stop() }
    }

    @Test func `applications' locks exclude others', tell who is in the way, and end with a flush`() async throws {
        let brick = try BrickProcess()
        let holder = try await ClientScene(brick), other = try await ClientScene(brick)
        let made = try await holder.create("file")
        let fd = Fd(inode: Inode(gfid: made.inode.gfid, type: .regular), flags: .readWrite)
        _ = try await other.client.open(OpenRequest(fd: fd), in: other.frame)
        func lk(
            _ scene: ClientScene, _ fd: Fd, _ command: LkRequest.Command, _ kind: PosixLock.Kind, _ range: Range<UInt64>
        ) async throws -> PosixLock {
            let range = LockRange(start: range.lowerBound, length: UInt64(range.count))
            let lock = PosixLock(kind: kind, range: range, pid: 42)
            return try await scene.client.lk(LkRequest(fd: fd, command: command, lock: lock), in: scene.frame).lock
        }
        _ = try await lk(holder, made, .set, .write, 0..<100)
        await #expect(throws: FopError.tryAgain) { _ = try await lk(other, fd, .set, .read, 50..<60) }
        let conflict = try await lk(other, fd, .get, .read, 50..<60)
        #expect((conflict.kind, conflict.range) == (.write, LockRange(start: 0, length: 100)))
        _ = try await lk(other, fd, .set, .write, 100..<200)
        // The middle of it given back.
        _ = try await lk(holder, made, .set, .unlock, 50..<60)
        #expect(try await lk(other, fd, .get, .write, 50..<60).kind == .unlock)
        let wait = Task { _ = try await lk(other, fd, .setWait, .write, 0..<10) }
        #expect(await eventually { other.client.state.withLock { $0.connection }?.callCount == 1 })
        _ = try await holder.client.flush(FlushRequest(fd: made), in: holder.frame)
        try await wait.value
        #expect(try await lk(holder, made, .get, .write, 0..<1).kind == .write)
        for scene in [holder, other] { await scene.graph.stop() }
    }

    /// Goal: who stops waiting is not held up, and what the brick grants later nobody keeps. Method: cancel a wait,
    /// release the lock, and try it from a third side.
    @Test func `a wait that is cancelled ends with EINTR, and leaves no lock behind`() async throws {
        let brick = try BrickProcess()
        let holder = try await ClientScene(brick), waiter = try await ClientScene(brick)
        let fd = try await holder.create("file")
        let again = Fd(inode: Inode(gfid: fd.inode.gfid, type: .regular), flags: .readWrite)
        _ = try await waiter.client.open(OpenRequest(fd: again), in: waiter.frame)
        let target = FopTarget.inode(fd.inode)
        func entry(_ scene: ClientScene, _ command: LockCommand) async throws {
            let request = EntrylkRequest(.inode(scene.root), domain: "d", name: "n", command: command)
            _ = try await scene.client.entrylk(request, in: scene.frame)
        }
        func posix(_ scene: ClientScene, _ fd: Fd, _ command: LkRequest.Command, _ kind: PosixLock.Kind) async throws {
            let lock = PosixLock(kind: kind, range: .whole, pid: 1)
            _ = try await scene.client.lk(LkRequest(fd: fd, command: command, lock: lock), in: scene.frame)
        }
        try await holder.lock(.acquire, target, as: holder.frame)
        try await entry(holder, .acquire)
        try await posix(holder, fd, .set, .write)
        let waits = [
            Task { try await waiter.lock(.acquire, target, as: waiter.frame) },
            Task { try await entry(waiter, .acquire) },
            Task { try await posix(waiter, again, .setWait, .write) },
        ]
        let calls = { waiter.client.state.withLock { $0.connection }?.callCount }
        #expect(await eventually { calls() == 3 })
        for wait in waits {
            wait.cancel()
            await #expect(throws: FopError.interrupted) { try await wait.value }
        }
        try await holder.lock(.release, target, as: holder.frame)
        try await entry(holder, .release)
        try await posix(holder, fd, .set, .unlock)
        #expect(await eventually { calls() == 0 })
        let third = try await ClientScene(brick)
        let mine = Fd(inode: Inode(gfid: fd.inode.gfid, type: .regular), flags: .readWrite)
        _ = try await third.client.open(OpenRequest(fd: mine), in: third.frame)
        try await third.lock(.tryAcquire, target, as: third.frame)
        try await entry(third, .tryAcquire)
        try await posix(third, mine, .set, .write)
        for scene in [holder, waiter, third] { await scene.graph.stop() }
    }
}
