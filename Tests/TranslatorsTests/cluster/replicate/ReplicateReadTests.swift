import CPosix
import Glibc
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting
import Translators

/// gluster-disk-format.md §3.1: who is read, and what readers are told when nobody may be.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct ReplicateReadTests {
    /// A file that says on each replica which one it is; nobody accuses anybody yet.
    private func scene(_ count: Int = 2, _ options: String = "") async throws -> (ReplicaStack, Fd) {
        let stack = try await ReplicaStack(count, options)
        let fd = try await stack.create("f")
        try await stack.write("copy ?", to: fd)
        try await stack.flush(fd)
        for replica in 0..<count {
            let file = Glibc.open(stack.path(replica, "f"), O_WRONLY)
            Glibc.pwrite(file, "\(replica)", 1, 5)
            Glibc.close(file)
        }
        stack.clearRecords()
        return (stack, fd)
    }

    /// What other clients did is believed after a second at most.
    private func forget(_ stack: ReplicaStack) { stack.clock.advance(by: .milliseconds(1001)) }

    @Test func `a replica that another accuses is not read`() async throws {
        let (stack, fd) = try await scene()
        #expect(try await stack.read(fd) == "copy 0")
        stack.accuse(1, 0, PendingCounts(data: 1), "f")
        forget(stack)
        #expect(try await stack.read(fd) == "copy 1")
        await stack.stop()
    }

    @Test(arguments: PendingKind.allCases) func `only what was missed makes a replica unreadable for it`(
        kind: PendingKind
    ) async throws {
        let (stack, fd) = try await scene()
        stack.accuse(1, 0, PendingCounts(kind, 1), "f")
        forget(stack)
        #expect(try await stack.read(fd) == (kind == .data ? "copy 1" : "copy 0"))
        await stack.stop()
    }

    @Test func `a read that fails on one replica is answered by another`() async throws {
        let (stack, fd) = try await scene(3)
        stack.faulty[0].fail(.readv, with: .io)
        #expect(try await stack.read(fd) == "copy 1")
        stack.faulty[1].fail(.readv, with: .stale)
        #expect(try await stack.read(fd) == "copy 2")
        stack.faulty[2].fail(.readv, with: .notConnected)
        await #expect(throws: FopError.io) { try await stack.read(fd) }
        await stack.stop()
    }

    @Test func `an answer about the file is not asked for twice`() async throws {
        let (stack, fd) = try await scene()
        await #expect(throws: FopError.noData) {
            try await stack.replicate.getxattr(GetxattrRequest(.fd(fd), name: "user.none"), in: stack.frame)
        }
        #expect(stack.fops(0).count { $0.byInode == .getxattr } + stack.fops(1).count { $0.byInode == .getxattr } == 1)
        await stack.stop()
    }

    @Test func `an accused replica does not step in when the good one fails`() async throws {
        let (stack, fd) = try await scene()
        stack.accuse(0, 1, PendingCounts(data: 1), "f")
        forget(stack)
        stack.faulty[0].fail(.readv, with: .io)
        await #expect(throws: FopError.io) { try await stack.read(fd) }
        #expect(!stack.fops(1).contains(.readv))
        await stack.stop()
    }

    @Test func `split-brain is EIO for content, and attributes still come`() async throws {
        let (stack, fd) = try await scene()
        stack.accuse(0, 1, PendingCounts(data: 1), "f")
        stack.accuse(1, 0, PendingCounts(data: 1), "f")
        forget(stack)
        await #expect(throws: FopError.io) { try await stack.read(fd) }
        #expect(try await stack.lookup("f").iatt.gfid == fd.inode.gfid)
        await stack.stop()
    }

    @Test func `with the accuser gone the accused one is read again, as nobody knows better`() async throws {
        let (stack, fd) = try await scene()
        stack.accuse(0, 1, PendingCounts(data: 1), "f")
        forget(stack)
        #expect(try await stack.read(fd) == "copy 0")
        stack.faulty[0].goDown()
        #expect(try await stack.read(fd) == "copy 1")
        stack.faulty[0].comeUp()
        #expect(try await stack.read(fd) == "copy 0", "what was believed before a replica came or went is asked anew")
        await stack.stop()
    }

    @Test func `with all replicas down reads and look-ups say so`() async throws {
        let (stack, fd) = try await scene()
        stack.faulty.forEach { $0.goDown() }
        await #expect(throws: FopError.notConnected) { try await stack.read(fd) }
        await #expect(throws: FopError.notConnected) { try await stack.lookup("f") }
        await stack.stop()
    }

    @Test func `quorum-reads refuses reads without quorum, its default does not`() async throws {
        let (strict, fd) = try await scene(3, "    option quorum-reads on")
        for down in 1...2 { strict.faulty[down].goDown() }
        await #expect(throws: FopError.readOnly) { try await strict.read(fd) }
        await strict.stop()
        let (lax, other) = try await scene(3)
        for down in 1...2 { lax.faulty[down].goDown() }
        #expect(try await lax.read(other) == "copy 0")
        await lax.stop()
    }

    @Test func `options choose the replica: by name, by position, by hash`() async throws {
        let (byName, fd) = try await scene(3, "    option read-subvolume v-client-2")
        #expect(try await byName.read(fd) == "copy 2")
        await byName.stop()
        let (byIndex, other) = try await scene(3, "    option read-subvolume-index 1")
        #expect(try await byIndex.read(other) == "copy 1")
        await byIndex.stop()
        let (hashed, third) = try await scene(3, "    option choose-local off")
        #expect(try await hashed.read(third) == "copy \(third.inode.gfid.low % 3)")
        await hashed.stop()
        let (first, fourth) = try await scene(3, "    option choose-local off\n    option read-hash-mode 0")
        #expect(try await first.read(fourth) == "copy 0")
        await first.stop()
    }

    @Test func `a shorter copy that nobody accuses is not read`() async throws {
        let (stack, fd) = try await scene()
        #expect(Glibc.truncate(stack.path(0, "f"), 3) == 0)
        forget(stack)
        #expect(try await stack.read(fd) == "copy 1")
        #expect(try await stack.lookup("f").iatt.size == 6)
        await stack.stop()
    }

    @Test func `while a client holds the data lock sizes may differ`() async throws {
        // Held for longer than what is known of replicas is believed: else the lock is let go while the read asks.
        let (stack, fd) = try await scene(2, "option post-op-delay-secs 60")
        #expect(Glibc.truncate(stack.path(0, "f"), 3) == 0)
        try await stack.write("C", to: fd)
        forget(stack)
        #expect(stack.replicate.openLeaseCount == 1)
        #expect(try await stack.read(fd) == "Cop")
        await stack.stop()
    }

    @Test func `attributes come from who missed no metadata, the size from who missed no data`() async throws {
        let (stack, fd) = try await scene()
        stack.accuse(0, 1, PendingCounts(data: 1), "f")
        stack.accuse(1, 0, PendingCounts(metadata: 1), "f")
        #expect(Glibc.chmod(stack.path(1, "f"), 0o600) == 0)
        #expect(Glibc.truncate(stack.path(1, "f"), 100) == 0)
        forget(stack)
        for iatt in [
            try await stack.lookup("f").iatt,
            try await stack.replicate.stat(StatRequest(.fd(fd)), in: stack.frame).iatt,
        ] {
            #expect(iatt.permissions == 0o600)
            #expect(iatt.size == 6)
        }
        await stack.stop()
    }

    @Test func `no fop that reads changes a mark, even where a heal is due`() async throws {
        let (stack, fd) = try await scene()
        stack.accuse(0, 1, PendingCounts(data: 1, metadata: 1), "f")
        stack.accuse(0, 1, PendingCounts(entry: 1), "/")
        forget(stack)
        stack.clearRecords()
        let (replicate, frame) = (stack.replicate, stack.frame)
        _ = try await stack.lookup("f")
        _ = try await stack.lookup(fd.inode)
        _ = try await replicate.stat(StatRequest(.fd(fd)), in: frame)
        _ = try await replicate.access(AccessRequest(inode: fd.inode, mask: 4), in: frame)
        _ = try await replicate.getxattr(GetxattrRequest(.inode(fd.inode)), in: frame)
        _ = try await replicate.seek(SeekRequest(fd: fd, offset: 0, what: .data), in: frame)
        _ = try await replicate.rchecksum(RchecksumRequest(fd: fd, offset: 0, bytes: 6), in: frame)
        _ = try await replicate.statfs(StatfsRequest(inode: stack.root), in: frame)
        _ = try await stack.read(fd)
        let directory = Fd(inode: stack.root, flags: .directory)
        _ = try await replicate.opendir(OpendirRequest(fd: directory), in: frame)
        _ = try await replicate.readdirp(ReaddirRequest(fd: directory, offset: 0, bytes: 4096), in: frame)
        await replicate.releasedir(directory)
        let again = try await stack.open(fd.inode, [])
        await replicate.release(again)
        let changing: Set<Fop> = [.inodelk, .entrylk, .xattrop, .setattr, .setxattr, .writev, .create, .mknod]
        for replica in 0..<2 { #expect(changing.isDisjoint(with: stack.fops(replica).map(\.byInode))) }
        await stack.stop()
    }

    @Test func `a file without a name is read by its fd`() async throws {
        let (stack, fd) = try await scene()
        try await stack.unlink("f")
        forget(stack)
        #expect(try await stack.read(fd) == "copy 0")
        #expect(try await stack.replicate.stat(StatRequest(.fd(fd)), in: stack.frame).iatt.size == 6)
        await stack.stop()
    }

    @Test func `a replica that was down at open is opened before its first use`() async throws {
        let (stack, fd) = try await scene()
        stack.faulty[1].goDown()
        let late = try await stack.open(fd.inode)
        stack.faulty[1].comeUp()
        stack.faulty[0].goDown()
        #expect(try await stack.read(late) == "copy 1")
        try await stack.write("X", to: late)
        #expect(stack.text(1, "f") == "Xopy 1")
        #expect(stack.fops(1).count { $0 == .open } == 1)
        try await stack.close(late)
        await stack.stop()
    }

    @Test func `an fd that was never opened here serves all the same`() async throws {
        // As features/bypass hands one over that it opened on its target only.
        let (stack, fd) = try await scene()
        let handed = Fd(inode: fd.inode, flags: .readWrite)
        try await stack.write("Z", to: handed)
        #expect(stack.text(0, "f") == "Zopy 0" && stack.text(1, "f") == "Zopy 1")
        let anonymous = Fd.anonymous(fd.inode)
        #expect(try await stack.read(anonymous) == "Zopy 0")
        try await stack.close(handed)
        #expect(stack.isClean("f"))
        await stack.stop()
    }

    /// Until the replicas can say that nothing has changed: a change just before would look the same.
    private func settled(_ stack: ReplicaStack, _ inode: Inode) async throws -> Bool {
        try await eventually {
            _ = try await stack.lookup("f")
            let fd = Fd(inode: inode, flags: [])
            let reply = try await stack.replicate.open(OpenRequest(fd: fd), in: stack.frame)
            await stack.replicate.release(fd)
            return reply.xdata[XdataKey.changeStamp] != nil
        }
    }

    @Test func `who opens a file that nobody has changed asks no replica what it holds against others`() async throws {
        let (stack, fd) = try await scene()
        #expect(try await settled(stack, fd.inode))
        stack.clearRecords()
        let again = try await stack.open(fd.inode, [])
        #expect(try await stack.read(again) == "copy 0")
        #expect(stack.fops(0) == [.open, .readv] && stack.fops(1) == [.open])
        await stack.replicate.release(again)
        await stack.stop()
    }

    @Test(arguments: [0, 1], [true, false])
    func `who opens a file whose mark has changed on a replica asks them all, long after it and at once`(
        changed: Int, isSettled: Bool
    ) async throws {
        let (stack, fd) = try await scene()
        #expect(try await settled(stack, fd.inode))
        stack.accuse(changed, 1 - changed, PendingCounts(data: 1), "f")
        if isSettled {
            let question = LookupRequest(.inode(fd.inode), xdata: [XdataKey.changeStamp: .uint(1)])
            #expect(
                try await eventually {
                    try await stack.recording[changed].lookup(question, in: stack.frame)
                        .xdata[XdataKey.changeStamp] != nil
                })
        }
        let again = Fd(inode: fd.inode, flags: [])
        let reply = try await stack.replicate.open(OpenRequest(fd: again), in: stack.frame)
        #expect(reply.xdata[XdataKey.changeStamp] == nil)
        #expect(try await stack.read(again) == "copy \(changed)")
        await stack.replicate.release(again)
        await stack.stop()
    }
}
