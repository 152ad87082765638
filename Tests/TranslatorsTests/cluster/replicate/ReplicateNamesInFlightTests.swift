import Glibc
import ReplicaState
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting
import Translators

/// Names that another client is changing at this moment: it has come to one replica and not to the other.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct ReplicateNamesInFlightTests {
    private static let readsFirst = "    option read-subvolume-index 0"

    /// Lets `change` of `one` come to replica 0 and stop before replica 1, waits there until `look` waits for the
    /// name's lock, lets the change go on, and answers what the look came to.
    private func meanwhile<Found: Sendable>(
        _ fop: Fop, _ one: ReplicaStack, _ other: ReplicaStack, name: String,
        change: @escaping @Sendable () async throws -> Void, look: @escaping @Sendable () async throws -> Found
    ) async throws -> Found {
        let gate = one.faulty[1].hold(fop)
        let changing = Task { try await change() }
        #expect(await gate.holds())
        other.clearRecords()
        let looking = Task { try await look() }
        #expect(await eventually { other.trace(0).contains("entrylk acquire \(name)") }, "it does not wait")
        gate.open()
        try await changing.value
        return try await looking.value
    }

    @Test func `a file that is being replaced is looked up again under its lock, and is no split-brain`() async throws {
        let one = try await ReplicaStack(), other = try await ReplicaStack(at: one)
        try await one.close(try await one.create("f"))
        let new = try await one.create("f.new")
        let request = RenameRequest(oldParent: one.root, oldName: "f.new", newParent: one.root, newName: "f")
        let found = try await meanwhile(.rename, one, other, name: "f") {
            _ = try await one.replicate.rename(request, in: one.frame)
        } look: {
            try await other.lookup("f").iatt.gfid
        }
        #expect(found == new.inode.gfid)
        #expect(other.trace(1).contains("entrylk release f"))
        await other.stop()
        await one.stop()
    }

    @Test func `who asks for a settled name waits for its lock, though one replica alone knows the directory well`()
        async throws
    {
        // That one comes last, and what it has under the name until then is gone from the others.
        let one = try await ReplicaStack(), other = try await ReplicaStack(at: one)
        let folder = try await one.mkdir("d")
        let old = try await one.create("f", in: folder)
        try await one.close(old)
        let new = try await one.create("f.new", in: folder)
        one.accuse(1, 0, PendingCounts(entry: 1), "d")
        let theirs = other.graph.environment.inodes.inode(folder.gfid, type: .directory)
        let request = RenameRequest(oldParent: folder, oldName: "f.new", newParent: folder, newName: "f")
        let found = try await meanwhile(.rename, one, other, name: "f") {
            _ = try await one.replicate.rename(request, in: one.frame)
        } look: {
            let unsettled = try await other.lookup("f", in: theirs).iatt.gfid
            #expect(unsettled == old.inode.gfid)
            let look = LookupRequest(.name("f", parent: theirs), xdata: [XdataKey.settledName: .int(1)])
            return try await other.replicate.lookup(look, in: other.frame).iatt.gfid
        }
        #expect(found == new.inode.gfid)
        await other.stop()
        await one.stop()
    }

    @Test func `a name that is being made is there once it is made everywhere`() async throws {
        let one = try await ReplicaStack(), other = try await ReplicaStack(at: one)
        let isMade = try await meanwhile(.mkdir, one, other, name: "d") {
            _ = try await one.mkdir("d")
        } look: {
            _ = try await other.lookup("d")
            return one.exists(1, "d")
        }
        #expect(isMade)
        await other.stop()
        await one.stop()
    }

    @Test func `a directory that is removed as it is being made goes from all replicas`() async throws {
        // Goal: a replica that has not got the directory yet is not left out. Method: the parent's gfid is the highest,
        // so that the directory itself is locked first.
        let one = try await ReplicaStack(2, Self.readsFirst)
        let other = try await ReplicaStack(2, Self.readsFirst, at: one)
        let high = one.graph.environment.inodes.inode(Gfid(high: .max, low: .max), type: .directory)
        let entry = NewEntry(parent: one.root, name: "p", inode: high)
        _ = try await one.replicate.mkdir(MkdirRequest(entry: entry, mode: 0o755), in: one.frame)
        let same = try #require(try await other.lookup("p").inode)
        try await meanwhile(.mkdir, one, other, name: "d") {
            _ = try await one.mkdir("d", in: high)
        } look: {
            _ = try await other.replicate.rmdir(RmdirRequest(parent: same, name: "d"), in: other.frame)
        }
        for replica in 0..<2 { #expect(!one.exists(replica, "p/d")) }
        #expect(one.isClean("p"))
        await other.stop()
        await one.stop()
    }

    @Test func `names that agree, and names whose directory is known to be behind, are looked up without a lock`()
        async throws
    {
        let stack = try await ReplicaStack()
        try await stack.close(try await stack.create("f"))
        stack.faulty[1].goDown()
        try await stack.close(try await stack.create("new"))
        stack.faulty[1].comeUp()
        stack.clearRecords()
        for name in ["f", "new"] as [EntryName] { _ = try await stack.lookup(name) }
        await #expect(throws: FopError.noEntry) { try await stack.lookup("none") }
        #expect(!stack.fops(0).contains(.entrylk))
        await stack.stop()
    }

    // MARK: - Changes that one replica does not take

    private static let makes: [(ReplicateEntryTests.Change, Fop)] = [
        (.create, .create), (.mknod, .mknod), (.mkdir, .mkdir), (.symlink, .symlink), (.link, .link),
    ]

    @Test(arguments: makes.map(\.0))
    func `what was made beside a name that another replica has is taken back`(
        change: ReplicateEntryTests.Change
    ) async throws {
        let scene = try await ReplicateEntryTests.Scene()
        let stack = scene.stack
        close(creat(stack.path(0, "d/new"), 0o644))
        await #expect(throws: FopError.exists) { try await scene.perform(change) }
        #expect(!stack.exists(1, "d/new"), "nobody made it, and nobody can make it now")
        #expect(stack.dirty(1, "d").entry == 1, "a heal brings the other's")
        await stack.stop()
    }

    @Test(arguments: makes)
    func `what one replica had no descriptor for is done nowhere, and nothing is marked`(
        change: ReplicateEntryTests.Change, fop: Fop
    ) async throws {
        let scene = try await ReplicateEntryTests.Scene()
        scene.stack.faulty[1].fail(fop, with: .tooManyOpenFiles, times: 1)
        await #expect(throws: FopError.tooManyOpenFiles) { try await scene.perform(change) }
        for replica in 0..<2 { #expect(!scene.stack.exists(replica, "d/new")) }
        #expect(scene.stack.isClean("d"))
        await scene.stack.stop()
    }

    @Test(arguments: makes.dropLast())
    func `a replica that says "exists" of what it has just made has made it`(
        change: ReplicateEntryTests.Change, fop: Fop
    ) async throws {
        // As a brick of GlusterFS does when somebody looks the name up before its handle is there.
        let scene = try await ReplicateEntryTests.Scene()
        scene.stack.faulty[1].fail(fop, with: .exists, times: 1, at: .after)
        try await scene.perform(change)
        for replica in 0..<2 { #expect(scene.stack.exists(replica, "d/new")) }
        #expect(scene.stack.isClean("d"))
        await scene.stack.stop()
    }

    @Test func `a file that one replica did not have for a moment is linked on all, one that it has lost is counted`()
        async throws
    {
        let scene = try await ReplicateEntryTests.Scene()
        scene.stack.faulty[1].fail(.link, with: .stale, times: 1)
        try await scene.perform(.link)
        for replica in 0..<2 { #expect(scene.stack.exists(replica, "d/new")) }
        #expect(scene.stack.isClean("d"))
        try await scene.stack.unlink("new", in: scene.directory)
        scene.stack.faulty[1].fail(.link, with: .stale)
        await #expect(throws: FopError.stale, "it may be losing its last name") { try await scene.perform(.link) }
        #expect(!scene.stack.exists(0, "d/new"))
        #expect(scene.stack.isClean("d"))
        scene.stack.faulty[1].fail(.lookup, with: .noEntry)
        _ = try await scene.stack.lookup("old", in: scene.directory)
        scene.stack.faulty[1].mend()
        scene.stack.faulty[1].fail(.link, with: .stale)
        try await scene.perform(.link)
        #expect(scene.stack.counts(0, about: 1, "d") == PendingCounts(entry: 1))
        await scene.stack.stop()
    }

    @Test(arguments: ReplicateEntryTests.Change.allCases)
    func `a lock that this process has no descriptor for fails the change on all`(
        change: ReplicateEntryTests.Change
    ) async throws {
        let scene = try await ReplicateEntryTests.Scene()
        scene.stack.faulty[1].fail(.entrylk, with: .tooManyOpenFiles)
        await #expect(throws: FopError.tooManyOpenFiles) { try await scene.perform(change) }
        for replica in 0..<2 { #expect(!scene.isDone(change, on: replica)) }
        #expect(scene.stack.isClean("d"))
        scene.stack.faulty[1].mend()
        try await scene.perform(change)
        await scene.stack.stop()
    }

    // MARK: - A file that another client has replaced

    @Test func `what a brick took away again because somebody looked while it was made is made once more`() async throws
    {
        // Method: a brick of GlusterFS says EEXIST when a look-up has made the gfid's handle before it, and removes the
        // directory. Undone where it worked, the directory would be gone from under those who have seen it on both.
        let stack = try await ReplicaStack()
        stack.faulty[1].fail(.mkdir, with: .exists, times: 2)
        _ = try await stack.mkdir("d")
        for replica in 0..<2 { #expect(stack.exists(replica, "d")) }
        #expect(stack.isClean("/") && stack.isClean("d"))
        await stack.stop()
    }

    @Test func `a directory that is just being made, and shown without a gfid, can be removed`() async throws {
        let stack = try await ReplicaStack()
        _ = try await stack.mkdir("d")
        for faulty in stack.faulty { faulty.fail(.lookup, with: .noData, times: 1) }
        _ = try await stack.replicate.rmdir(RmdirRequest(parent: stack.root, name: "d"), in: stack.frame)
        for replica in 0..<2 { #expect(!stack.exists(replica, "d")) }
        await stack.stop()
    }

    @Test func `a directory that one replica has not yet is waited for, and nothing is missed there`() async throws {
        let stack = try await ReplicaStack()
        let directory = try await stack.mkdir("d")
        stack.faulty[1].fail(.entrylk, with: .stale, times: 2)
        try await stack.waiting { _ = try await stack.mkdir("inner", in: directory) }
        for replica in 0..<2 { #expect(stack.exists(replica, "d/inner")) }
        #expect(stack.isClean("d"))
        await stack.stop()
    }

    @Test func `a directory that one replica lacks for good is waited for once, and changed on the other`() async throws
    {
        let stack = try await ReplicaStack()
        let directory = try await stack.mkdir("d")
        stack.faulty[1].fail(.entrylk, with: .stale)
        var asked: [Int] = []
        for name in ["x", "y"] as [EntryName] {
            stack.clearRecords()
            try await stack.waiting { _ = try await stack.mkdir(name, in: directory) }
            #expect(stack.exists(0, "d/\(name)") && !stack.exists(1, "d/\(name)"))
            asked.append(stack.fops(0).count { $0 == .entrylk })
        }
        // Each time a lock and its release.
        #expect(asked == [8, 2])
        #expect(!stack.isClean("d"))
        await stack.stop()
    }

    private func truncate(_ stack: ReplicaStack, _ inode: Inode) async throws {
        _ = try await stack.replicate.truncate(TruncateRequest(.inode(inode), size: 1), in: stack.frame)
    }

    @Test func `a change that no replica takes is ESTALE where the file is gone meanwhile, and else what it is`()
        async throws
    {
        let one = try await ReplicaStack(), other = try await ReplicaStack(at: one)
        let made = try await one.create("f")
        try await one.close(made)
        try await truncate(one, made.inode)
        for replica in one.faulty { replica.fail(.truncate, with: .notConnected) }
        await #expect(throws: FopError.notConnected) { try await truncate(one, made.inode) }
        try await other.unlink("f")
        await #expect(throws: FopError.stale) { try await truncate(one, made.inode) }
        await other.stop()
        await one.stop()
    }

    @Test func `a change of a file that the good replica has lost already, and the other not yet, is ESTALE`()
        async throws
    {
        let stack = try await ReplicaStack()
        let made = try await stack.create("f")
        try await stack.close(made)
        #expect(await stack.passPostOpDelay())
        stack.faulty[1].fail(.truncate, with: .io, times: 1)
        try await truncate(stack, made.inode)
        _ = try await stack.lookup("f")
        for fop in [Fop.inodelk, .xattrop, .lookup] { stack.faulty[0].fail(fop, with: .stale) }
        await #expect(throws: FopError.stale) { try await truncate(stack, made.inode) }
        await stack.stop()
    }

    @Test(arguments: [FopError.stale, .io])
    func `a change of a file that is gone before what it owes can be marked is ESTALE`(error: FopError) async throws {
        let stack = try await ReplicaStack()
        let made = try await stack.create("f")
        try await stack.close(made)
        _ = try await stack.lookup("f")
        stack.faulty[1].fail(.truncate, with: .stale)
        // The first says that it begins.
        stack.faulty[0].fail(.xattrop, with: error, from: 2)
        if error == .io { stack.faulty.forEach { $0.fail(.lookup, with: .stale) } }
        await #expect(throws: FopError.stale) { try await truncate(stack, made.inode) }
        await stack.stop()
    }

    @Test(arguments: [FopError.stale, .noEntry])
    func `what was changed in a file that is gone is no failure of its close`(error: FopError) async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        try await truncate(stack, fd.inode)
        for replica in stack.faulty {
            replica.fail(.fsync, with: error)
            replica.fail(.xattrop, with: .stale)
        }
        _ = try await stack.replicate.flush(FlushRequest(fd: fd), in: stack.frame)
        for replica in stack.faulty { replica.mend() }
        await stack.replicate.release(fd)
        await stack.stop()
    }

    @Test func `a file that one replica cannot open is open on none`() async throws {
        let stack = try await ReplicaStack()
        let made = try await stack.create("f")
        try await stack.close(made)
        stack.faulty[1].fail(.open, with: .tooManyOpenFiles, times: 1)
        await #expect(throws: FopError.tooManyOpenFiles) { try await stack.open(made.inode) }
        let asked: Xdata = [XdataKey.openFdCount: .uint(1)]
        let look = LookupRequest(.name("f", parent: stack.root), xdata: asked)
        let left = try await stack.replicate.replicas[0].lookup(look, in: stack.frame)
        #expect(left.xdata[XdataKey.openFdCount]?.integer == 0)
        try await stack.close(try await stack.open(made.inode))
        await stack.stop()
    }

    /// A closed file that the first replica has better than the second, as this client knows.
    private func behind() async throws -> (ReplicaStack, Inode) {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        try await stack.close(fd)
        stack.accuse(0, 1, PendingCounts(data: 1), "f")
        _ = try await stack.lookup("f")
        return (stack, fd.inode)
    }

    @Test func `an open that finds the name on a stale copy alone is ESTALE, so that the kernel looks again`()
        async throws
    {
        let (stack, inode) = try await behind()
        stack.faulty[0].fail(.open, with: .noEntry, times: 1)
        await #expect(throws: FopError.stale) { try await stack.open(inode, .readWrite) }
        try await stack.close(try await stack.open(inode, .readWrite))
        await stack.stop()
    }

    @Test func `what the good copy held against the others holds on when it loses its last name before them`()
        async throws
    {
        // Else the others' old content is read for a moment, or called a split-brain.
        let (stack, inode) = try await behind()
        let held = try await stack.open(inode)
        for fop in [Fop.lookup, .open, .xattrop, .inodelk] { stack.faulty[0].fail(fop, with: .stale) }
        stack.clock.advance(by: .seconds(2))
        stack.faulty[0].fail(.stat, with: .stale, times: 2)
        for _ in 0..<2 {
            await #expect(throws: FopError.stale) {
                try await stack.replicate.stat(StatRequest(.inode(inode)), in: stack.frame)
            }
        }
        await #expect(throws: FopError.stale) { try await stack.open(inode) }
        await #expect(throws: FopError.stale) { try await truncate(stack, inode) }
        stack.clearRecords()
        #expect(try await stack.read(held) == "")
        #expect(stack.fops(0).contains(.readv) && !stack.fops(1).contains(.readv))
        try await stack.close(held)
        await stack.stop()
    }

    @Test(arguments: [FopError.noEntry, .stale])
    func `a file that is looked up while the copy that is relied on loses its name is read on where it is open`(
        error: FopError
    ) async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        try await stack.write("content", to: fd)
        stack.replicate.rely(on: 0, for: fd.inode)
        for inode in [stack.root, fd.inode] { _ = try await stack.lookup(inode) }
        stack.faulty[0].fail(.lookup, with: error, times: 2)
        _ = try await stack.lookup("f")
        let status = try await stack.replicate.stat(StatRequest(.fd(fd)), in: stack.frame)
        #expect(status.iatt.size == 7)
        #expect(try await stack.read(fd) == "content")
        try await stack.close(fd)
        await stack.stop()
    }
}
