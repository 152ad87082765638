import CPosix
import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// `protocol/client` on GlusterFS's own brick process.
@Suite(.serialized, .enabled(if: BrickProcess.isAvailable, BrickProcess.needs))
struct ClientTranslatorTests {
    private static func xattr(_ name: String, at path: String) -> [UInt8]? {
        var value = [UInt8](repeating: 0, count: 256)
        let count = lgetxattr(path, name, &value, value.count)
        return count < 0 ? nil : Array(value.prefix(count))
    }

    @Test func `what fops do is on the brick's disk, and what they answer is what is there`() async throws {
        let brick = try BrickProcess()
        let scene = try await ClientScene(brick)
        let (client, frame, root) = (scene.client, scene.frame, scene.root)
        let path = brick.directory + "/file"
        let fd = try await scene.create("file")
        let target = FopTarget.inode(fd.inode)
        try await scene.write("hello, brick", to: fd, at: 0)
        #expect(try await scene.read(fd) == "hello, brick")

        let cut = try await client.truncate(TruncateRequest(.fd(fd), size: 5), in: frame)
        #expect((cut.attributes.pre.size, cut.attributes.post.size) == (12, 5))
        #expect(try await scene.read(fd) == "hello")
        _ = try await client.setxattr(SetxattrRequest(target, xattrs: ["user.x": [1, 2]]), in: frame)
        #expect(Self.xattr("user.x", at: path) == [1, 2])
        #expect(
            try await client.getxattr(GetxattrRequest(.fd(fd), name: "user.x"), in: frame).xattrs == ["user.x": [1, 2]])
        _ = try await client.removexattr(RemovexattrRequest(target, names: ["user.x"]), in: frame)
        await #expect(throws: FopError.noData) {
            _ = try await client.getxattr(GetxattrRequest(target, name: "user.x"), in: frame)
        }
        let key = "trusted.afr.vol-client-1"
        let delta: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]
        for _ in 1...2 {
            _ = try await client.xattrop(XattropRequest(.fd(fd), values: [key: delta]), in: frame)
        }
        #expect(Self.xattr(key, at: path) == [0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 4])
        let sum = try await client.rchecksum(RchecksumRequest(fd: fd, offset: 0, bytes: 100), in: frame)
        // Adler-32 of "hello" with both sums begun at 0.
        #expect(sum.weak == 0x0627_0214)
        #expect(try await client.fsync(FsyncRequest(fd: fd, dataOnly: false), in: frame).attributes.post.size == 5)
        var mode = Iatt()
        mode.mode = 0o100600
        _ = try await client.setattr(SetattrRequest(target, iatt: mode, valid: .mode), in: frame)
        #expect(try await client.stat(StatRequest(.fd(fd)), in: frame).iatt.mode & 0o7777 == 0o600)
        var status = Glibc.stat()
        #expect(lstat(path, &status) == 0)
        #expect((status.st_size, status.st_mode & 0o7777) == (5, 0o600))

        let directory = Fd(inode: root, flags: .directory)
        _ = try await client.opendir(OpendirRequest(fd: directory), in: frame)
        let listing = try await client.readdirp(ReaddirRequest(fd: directory, offset: 0, bytes: 4096), in: frame)
        let entry = listing.entries.first { $0.name == EntryName("file") }
        #expect(entry?.iatt?.gfid == fd.inode.gfid)
        await client.releasedir(directory)
        _ = try await client.rename(
            RenameRequest(oldParent: root, oldName: "file", newParent: root, newName: "moved"), in: frame)
        #expect(
            try await client.lookup(LookupRequest(.name("moved", parent: root)), in: frame).iatt.gfid == fd.inode.gfid)
        _ = try await client.unlink(UnlinkRequest(parent: root, name: "moved"), in: frame)
        await #expect(throws: FopError.noEntry) {
            _ = try await client.lookup(LookupRequest(.name("moved", parent: root)), in: frame)
        }
        // Open still.
        #expect(try await scene.read(fd) == "hello")
        await client.release(fd)
        await scene.graph.stop()
    }

    @Test func `locks exclude another client, and the holder's parents hear of who waits`() async throws {
        let brick = try BrickProcess()
        let holder = try await ClientScene(brick), waiter = try await ClientScene(brick)
        let fd = try await holder.create("file")
        let target = FopTarget.inode(fd.inode)
        try await holder.lock(.acquire, target, as: holder.frame)
        await #expect(throws: FopError.tryAgain) { try await waiter.lock(.tryAcquire, target, as: waiter.frame) }
        let wait = Task { try await waiter.lock(.acquire, target, as: waiter.frame) }
        #expect(await eventually { holder.listener.heard.contains { $0.hasPrefix("inodelkContention") } })
        try await holder.lock(.release, target, as: holder.frame)
        try await wait.value
        for scene in [holder, waiter] { await scene.graph.stop() }
    }

    @Test func `a removal waits for another client's lock, but not for one that is held on its own account`()
        async throws
    {
        let brick = try BrickProcess()
        let holder = try await ClientScene(brick), remover = try await ClientScene(brick)
        func unlink(_ name: EntryName) async throws {
            _ = try await remover.client.lookup(LookupRequest(.name(name, parent: remover.root)), in: remover.frame)
            _ = try await remover.client.unlink(UnlinkRequest(parent: remover.root, name: name), in: remover.frame)
        }
        let passed = try await holder.create("passed"), awaited = try await holder.create("awaited")
        try await holder.lock(.acquire, .fd(passed), as: Frame(caller: .onOwnAccount))
        try await unlink("passed")

        try await holder.lock(.acquire, .fd(awaited), as: holder.frame)
        let wait = Task { try await unlink("awaited") }
        #expect(await eventually { holder.listener.heard.contains { $0.hasPrefix("inodelkContention") } })
        #expect(access(brick.directory + "/awaited", F_OK) == 0)
        try await holder.lock(.release, .fd(awaited), as: holder.frame)
        try await wait.value
        for scene in [holder, remover] { await scene.graph.stop() }
    }

    @Test func `a brick that dies and comes back is gone on with, its files open again and its locks gone`()
        async throws
    {
        let brick = try BrickProcess()
        let scene = try await ClientScene(brick), other = try await ClientScene(brick)
        // Numbers begin at 0 again: two files, so that old ones would be wrong ones.
        let first = try await scene.create("first"), second = try await scene.create("second")
        try await scene.write("one", to: first, at: 0)
        try await scene.write("two", to: second, at: 0)
        await scene.client.release(first)
        let target = FopTarget.inode(second.inode)
        try await scene.lock(.acquire, target, as: scene.frame)
        let wait = Task { try await other.lock(.acquire, target, as: other.frame) }
        #expect(await eventually { !scene.listener.heard.filter { $0.hasPrefix("inodelkContention") }.isEmpty })
        brick.kill()
        await #expect(throws: FopError.notConnected) { try await wait.value }
        #expect(await eventually { !scene.client.isUp })
        await #expect(throws: FopError.notConnected) { _ = try await scene.read(second) }
        try brick.start()
        #expect(await eventually(within: .seconds(30)) { scene.client.isUp && other.client.isUp })
        let wanted = ["subvolumeUp", "subvolumeDown", "subvolumeUp"]
        #expect(await eventually { scene.listener.heard.filter { !$0.hasPrefix("inodelk") } == wanted })
        // By its number: rchecksum goes through an open file only.
        let sum = try await scene.client.rchecksum(RchecksumRequest(fd: second, offset: 0, bytes: 3), in: scene.frame)
        #expect(sum.strong.count == 32)
        try await scene.write("2", to: second, at: 0)
        #expect(try await scene.read(second) == "2wo")
        try await other.lock(.tryAcquire, target, as: other.frame)
        for scene in [scene, other] { await scene.graph.stop() }
    }

    @Test func `another brick takes the place of one while mounted, with none of its files`() async throws {
        let old = try BrickProcess(), new = try BrickProcess()
        let scene = try await ClientScene(old)
        let fd = try await scene.create("file")
        try await scene.write("on the old one", to: fd, at: 0)
        try scene.graph.reconfigure(with: Volfile(ClientScene.volfile(new), file: "test.vol"))
        try #require(await eventually { scene.listener.heard == ["subvolumeUp", "subvolumeDown", "subvolumeUp"] })
        #expect(scene.client.brickPlace.hasSuffix(":" + new.directory))
        await #expect(throws: FopError.self) { _ = try await scene.read(fd) }
        let other = try await scene.create("file")
        try await scene.write("on the new one", to: other, at: 0)
        #expect(try await scene.read(other) == "on the new one")
        await scene.graph.stop()
    }

    @Test func `a brick that is retired is down for good, though it answers`() async throws {
        let brick = try BrickProcess()
        let scene = try await ClientScene(brick), other = try await ClientScene(brick)
        let fd = try await scene.create("file")
        scene.client.retire(because: "another brick has taken its place")
        #expect(await eventually { scene.listener.heard == ["subvolumeUp", "subvolumeDown"] })
        await #expect(throws: FopError.notConnected) { try await scene.write("text", to: fd, at: 0) }
        // Longer than the pause before the first attempt to connect again.
        brick.kill()
        try brick.start()
        #expect(await eventually(within: .seconds(30)) { other.client.isUp })
        #expect(scene.listener.heard == ["subvolumeUp", "subvolumeDown"])
        for scene in [scene, other] { await scene.graph.stop() }
    }

    @Test func `what was open when a brick was replaced is opened there as soon as it has the file`() async throws {
        let old = try BrickProcess(), new = try BrickProcess()
        let scene = try await ClientScene(old)
        let fd = try await scene.create("file")
        try scene.graph.reconfigure(with: Volfile(ClientScene.volfile(new), file: "test.vol"))
        try #require(await eventually { scene.listener.heard == ["subvolumeUp", "subvolumeDown", "subvolumeUp"] })
        let truncated = TruncateRequest(.fd(fd), size: 3)
        await #expect(throws: FopError.badFileState) { _ = try await scene.client.truncate(truncated, in: scene.frame) }
        // As a heal makes it: the same gfid.
        let healed = try await scene.create("file", fd.inode.gfid)
        try await scene.write("healed", to: healed, at: 0)
        await scene.client.release(healed)
        _ = try await scene.client.truncate(truncated, in: scene.frame)
        #expect(try await scene.read(fd) == "hea")
        // By its number: rchecksum goes through an open file only.
        _ = try await scene.client.rchecksum(RchecksumRequest(fd: fd, offset: 0, bytes: 3), in: scene.frame)
        await scene.graph.stop()
    }

    @Test func `a file that cannot be opened again is no other one`() async throws {
        // Goal: no number of the dead process is used. Method: remove the first of two open files while the brick is
        // dead, so that the new process gives its number to the other.
        let brick = try BrickProcess()
        let scene = try await ClientScene(brick)
        let first = try await scene.create("first"), second = try await scene.create("second")
        try await scene.write("second", to: second, at: 0)
        brick.kill()
        #expect(await eventually { !scene.client.isUp })
        let gfid = "\(first.inode.gfid)"
        #expect(unlink("\(brick.directory)/.glusterfs/\(gfid.prefix(2))/\(gfid.dropFirst(2).prefix(2))/\(gfid)") == 0)
        #expect(unlink(brick.directory + "/first") == 0)
        try brick.start()
        #expect(await eventually(within: .seconds(30)) { scene.client.isUp })
        await #expect(throws: FopError.badFileState) {
            _ = try await scene.client.truncate(TruncateRequest(.fd(first), size: 0), in: scene.frame)
        }
        await #expect(throws: FopError.self) { try await scene.write("first", to: first, at: 0) }
        #expect(try await scene.read(second) == "second")
        await scene.graph.stop()
    }

    @Test func `a file that was never opened is read by its gfid, and cannot be flushed`() async throws {
        let brick = try BrickProcess()
        let scene = try await ClientScene(brick)
        let made = try await scene.create("file")
        try await scene.write("text", to: made, at: 0)
        let unopened = Fd(inode: made.inode, flags: .readWrite)
        #expect(try await scene.read(unopened) == "text")
        await #expect(throws: FopError.badFileState) {
            _ = try await scene.client.flush(FlushRequest(fd: unopened), in: scene.frame)
        }
        #expect(try await scene.read(.anonymous(made.inode)) == "text")
        await scene.graph.stop()
    }

    @Test func `without a brick the graph starts, and comes up with it`() async throws {
        let brick = try BrickProcess()
        brick.kill()
        let scene = try await ClientScene(brick, waits: false)
        let root = LookupRequest(.inode(scene.root))
        await #expect(throws: FopError.notConnected) { _ = try await scene.client.lookup(root, in: scene.frame) }
        #expect(scene.listener.heard == [])
        try brick.start()
        #expect(await eventually(within: .seconds(30)) { scene.client.isUp })
        #expect(try await scene.client.lookup(root, in: scene.frame).iatt.gfid == .root)
        #expect(await eventually { scene.listener.heard == ["subvolumeUp"] })
        await scene.graph.stop()
        #expect(!scene.client.isUp)
    }
}
