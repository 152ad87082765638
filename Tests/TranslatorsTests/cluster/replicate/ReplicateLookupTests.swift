import CPosix
import Glibc
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting
import Translators

/// Names that replicas do not agree on.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct ReplicateLookupTests {
    private func forget(_ stack: ReplicaStack) { stack.clock.advance(by: .milliseconds(1001)) }

    @Test func `a name that a replica missed is there, one that only that replica still has is not`() async throws {
        let stack = try await ReplicaStack()
        try await stack.close(try await stack.create("old"))
        stack.faulty[1].goDown()
        let made = try await stack.create("new")
        try await stack.unlink("old")
        stack.faulty[1].comeUp()
        #expect(try await stack.lookup("new").iatt.gfid == made.inode.gfid)
        await #expect(throws: FopError.noEntry) { try await stack.lookup("old") }
        #expect(stack.exists(1, "old") && !stack.exists(1, "new"))
        await stack.stop()
    }

    @Test func `without the good replica what the other has is shown`() async throws {
        let stack = try await ReplicaStack()
        try await stack.close(try await stack.create("old"))
        stack.faulty[1].goDown()
        try await stack.unlink("old")
        stack.faulty[1].comeUp()
        stack.faulty[0].goDown()
        #expect(try await stack.lookup("old").iatt.isRegular)
        await stack.stop()
    }

    @Test func `a name that nobody has, or that the only replica up has not, is not there`() async throws {
        let stack = try await ReplicaStack()
        await #expect(throws: FopError.noEntry) { try await stack.lookup("none") }
        stack.faulty[0].goDown()
        await #expect(throws: FopError.noEntry) { try await stack.lookup("none") }
        await stack.stop()
    }

    @Test func `another gfid under the same name cannot be opened, unless its directory is behind`() async throws {
        let stack = try await ReplicaStack()
        stack.faulty[1].goDown()
        let first = try await stack.create("f")
        stack.faulty[1].comeUp()
        stack.faulty[0].goDown()
        let second = try await stack.create("f")
        stack.faulty[0].comeUp()
        #expect(first.inode.gfid != second.inode.gfid)
        forget(stack)
        let shown = try #require(try await stack.lookup("f").inode)
        #expect(![first.inode.gfid, second.inode.gfid].contains(shown.gfid))
        await #expect(throws: FopError.io) { try await stack.open(shown) }
        // Healed by hand to one direction: the directory of replica 1 is behind.
        XattrReading.set(stack.keys[0], to: PendingCounts.zero.xattr, at: stack.path(1, "/"))
        forget(stack)
        #expect(try await stack.lookup("f").iatt.gfid == first.inode.gfid)
        await stack.stop()
    }

    @Test func `another type under the same name cannot be opened`() async throws {
        let stack = try await ReplicaStack()
        stack.faulty[1].goDown()
        _ = try await stack.mkdir("f")
        stack.faulty[1].comeUp()
        stack.faulty[0].goDown()
        _ = try await stack.create("f")
        stack.faulty[0].comeUp()
        forget(stack)
        let shown = try #require(try await stack.lookup("f").inode)
        await #expect(throws: FopError.io) { try await stack.open(shown) }
        await stack.stop()
    }

    @Test func `an error of one replica does not hide what another has`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        stack.faulty[0].fail(.lookup, with: .io)
        #expect(try await stack.lookup("f").iatt.gfid == fd.inode.gfid)
        await stack.stop()
    }

    @Test func `answers keep what was asked, and leave out what replicas hold against each other`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        _ = try await stack.replicate.setxattr(SetxattrRequest(.fd(fd), xattrs: ["user.a": [1]]), in: stack.frame)
        stack.accuse(0, 1, PendingCounts(data: 1), "f")
        let request = LookupRequest(.name("f", parent: stack.root), xdata: ["user.a": .int(1)])
        let reply = try await stack.replicate.lookup(request, in: stack.frame)
        #expect(reply.xdata["user.a"]?.bytes == [1])
        #expect(!reply.xdata.keys.contains { $0.hasPrefix("trusted.afr.") })
        #expect(reply.inode === fd.inode)
        await stack.stop()
    }

    @Test func `a listing comes from one replica to its end, and from one that misses no names`() async throws {
        let stack = try await ReplicaStack()
        let directory = try await stack.mkdir("d")
        for number in 0..<50 { try await stack.close(try await stack.create(EntryName("f\(number)"), in: directory)) }
        stack.faulty[0].goDown()
        try await stack.close(try await stack.create("last", in: directory))
        stack.faulty[0].comeUp()
        forget(stack)
        let fd = Fd(inode: directory, flags: .directory)
        _ = try await stack.replicate.opendir(OpendirRequest(fd: fd), in: stack.frame)
        stack.clearRecords()
        var names: Set<EntryName> = [], offset: UInt64 = 0
        while true {
            let reply = try await stack.replicate.readdir(
                ReaddirRequest(fd: fd, offset: offset, bytes: 400), in: stack.frame)
            names.formUnion(reply.entries.map(\.name))
            guard !reply.isEnd, let last = reply.entries.last else { break }
            offset = last.nextOffset
        }
        #expect(names.count == 53 && names.contains("last"))
        #expect(!stack.fops(0).contains(.readdir))
        #expect(stack.fops(1).count { $0 == .readdir } > 3)
        // In the middle nobody else can go on with its cookies.
        stack.faulty[1].fail(.readdir, with: .io)
        await #expect(throws: FopError.io) {
            try await stack.replicate.readdir(ReaddirRequest(fd: fd, offset: offset, bytes: 400), in: stack.frame)
        }
        await stack.replicate.releasedir(fd)
        await stack.stop()
    }

    @Test func `a listing's attributes are left out where the listed replica is not known to be good`() async throws {
        let stack = try await ReplicaStack()
        let good = try await stack.create("good"), behind = try await stack.create("behind")
        let unknown = try await stack.create("unknown")
        let values = [stack.keys[0]: PendingCounts(data: 1).xattr, stack.keys[1]: PendingCounts.zero.xattr]
        _ = try await stack.replicate.replicas[1].xattrop(
            XattropRequest(.inode(behind.inode), values: values), in: stack.frame)
        forget(stack)
        for name in ["good", "behind"] as [EntryName] { _ = try await stack.lookup(name) }
        let fd = Fd(inode: stack.root, flags: .directory)
        _ = try await stack.replicate.opendir(OpendirRequest(fd: fd), in: stack.frame)
        let entries = try await stack.replicate.readdirp(
            ReaddirRequest(fd: fd, offset: 0, bytes: 8192), in: stack.frame
        ).entries
        func iatt(_ name: EntryName) -> Iatt? { entries.first { $0.name == name }?.iatt }
        #expect(iatt("good")?.gfid == good.inode.gfid)
        #expect(iatt("behind") == nil)
        #expect(iatt("unknown") == nil)
        await stack.replicate.releasedir(fd)
        withExtendedLifetime((good, behind, unknown)) {}
        await stack.stop()
    }

    @Test func `where no replica accuses anybody a listing has all attributes, without asking for each`() async throws {
        let stack = try await ReplicaStack()
        for name in ["a", "b", "c"] { try await stack.close(try await stack.create(EntryName(name))) }
        forget(stack)
        let fd = Fd(inode: stack.root, flags: .directory)
        _ = try await stack.replicate.opendir(OpendirRequest(fd: fd), in: stack.frame)
        func list() async throws -> [DirectoryEntry] {
            try await stack.replicate.readdirp(ReaddirRequest(fd: fd, offset: 0, bytes: 8192), in: stack.frame).entries
                .filter { $0.type == .regular }
        }
        _ = try await list()
        stack.clearRecords()
        #expect(try await list().allSatisfy { $0.iatt != nil })
        #expect(stack.fops(0).count { $0 == .lookup } + stack.fops(1).count { $0 == .lookup } <= 4)
        stack.faulty[1].goDown()
        stack.faulty[1].comeUp()
        stack.faulty[1].goDown()
        try await stack.unlink("c")
        stack.faulty[1].comeUp()
        forget(stack)
        #expect(try await list().allSatisfy { $0.iatt == nil })
        await stack.replicate.releasedir(fd)
        await stack.stop()
    }

    // MARK: - Without a gfid

    private func lookup(_ stack: ReplicaStack, _ name: EntryName, asking wanted: Gfid) async throws -> Iatt {
        let request = LookupRequest(.name(name, parent: stack.root), xdata: [XdataKey.gfidRequest: .gfid(wanted)])
        return try await stack.replicate.lookup(request, in: stack.frame).iatt
    }

    @Test func `what was put into all bricks from outside gets one gfid on all of them`() async throws {
        let stack = try await ReplicaStack(3)
        for brick in stack.bricks { close(creat("\(brick)/f", 0o644)) }
        await #expect(throws: FopError.noData) { try await stack.lookup("f") }
        let wanted = Gfid.random()
        #expect(try await lookup(stack, "f", asking: wanted).gfid == wanted)
        for replica in 0..<3 { #expect(XattrReading.gfid(at: stack.path(replica, "f")) == wanted) }
        #expect(try await lookup(stack, "f", asking: .random()).gfid == wanted)
        #expect(stack.isClean("/"))
        await stack.stop()
    }

    @Test func `what has no gfid because it is being made is found with its own once that is done`() async throws {
        // Method: bricks of GlusterFS show a directory a moment before they give it the gfid that its maker sent.
        let stack = try await ReplicaStack()
        let made = try await stack.mkdir("d")
        for faulty in stack.faulty { faulty.fail(.lookup, with: .noData, times: 1) }
        #expect(try await lookup(stack, "d", asking: .random()).gfid == made.gfid)
        await stack.stop()
    }

    @Test func `where one brick cannot say so, or is down, nobody gets a gfid that the others might not get`()
        async throws
    {
        let stack = try await ReplicaStack(3)
        for brick in stack.bricks { close(creat("\(brick)/f", 0o644)) }
        for brick in stack.bricks.dropLast() { close(creat("\(brick)/other", 0o644)) }
        #expect(Glibc.mkdir("\(stack.bricks[2])/other", 0o755) == 0)
        await #expect(throws: FopError.noData) { try await lookup(stack, "other", asking: .random()) }
        stack.faulty[2].goDown()
        await #expect(throws: FopError.noData) { try await lookup(stack, "f", asking: .random()) }
        for name in ["f", "other"] {
            for replica in 0..<3 { #expect(XattrReading.gfid(at: stack.path(replica, name)) == nil) }
        }
        await stack.stop()
    }

    @Test func `a copy without a gfid gets no other one than the copies that have theirs`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        #expect(removexattr(stack.path(1, "f"), "trusted.gfid") == 0)
        #expect(try await lookup(stack, "f", asking: .random()).gfid == fd.inode.gfid)
        #expect(XattrReading.gfid(at: stack.path(1, "f")) == nil)
        await stack.stop()
    }
}
