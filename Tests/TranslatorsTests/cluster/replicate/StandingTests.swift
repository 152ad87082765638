import CPosix
import Glibc
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// A change counts only if a replica took it that nobody accuses: no fault of one replica makes a split-brain.
/// gluster-disk-format.md §3 and §6.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct StandingTests {
    typealias Metadata = ReplicateMetadataTests.Change
    typealias Names = ReplicateEntryTests.Change
    typealias Scene = ReplicateEntryTests.Scene
    static let metadata: [Metadata] = [.setattr, .setxattr, .removexattr]

    /// A file of which replica 0 says that all others miss metadata.
    private func file(_ count: Int = 2, _ options: String = "") async throws -> (ReplicaStack, Fd) {
        let stack = try await ReplicaStack(count, options)
        let fd = try await stack.create("f")
        _ = try await stack.replicate.setxattr(
            SetxattrRequest(.inode(fd.inode), xattrs: ["user.old": [1]]), in: stack.frame)
        for other in 1..<count { stack.accuse(0, other, PendingCounts(metadata: 1), "f") }
        return (stack, fd)
    }

    // MARK: - Metadata

    @Test(arguments: metadata, [2, 3])
    func `metadata that only stale copies took is not changed, and nobody accuses the good one`(
        change: Metadata, count: Int
    ) async throws {
        let (stack, fd) = try await file(count)
        stack.faulty[0].fail(change.fop, with: .noSpace, times: 1)
        await #expect(throws: FopError.noSpace) { try await change.perform(stack, .inode(fd.inode)) }
        for other in 1..<count {
            #expect(stack.counts(other, about: 0, "f").isZero, "a stale copy accuses the good one")
            #expect(stack.counts(0, about: other, "f") == PendingCounts(metadata: 1))
        }
        let seen = try await stack.lookup(fd.inode).iatt
        #expect(seen.permissions == 0o644)
        await stack.stop()
    }

    @Test(arguments: [Fop.inodelk, .xattrop])
    func `where the good copy cannot be locked or marked metadata stays as it is everywhere`(
        failing: Fop
    ) async throws {
        let (stack, fd) = try await file(3, "    option quorum-type none")
        stack.faulty[2].goDown()
        stack.faulty[0].fail(failing, with: .io, times: 1)
        await #expect(throws: FopError.io) { try await stack.chmod(fd.inode, 0o600) }
        #expect(stack.status(1, "f").st_mode & 0o777 == 0o644)
        #expect(stack.counts(1, about: 0, "f").isZero && stack.dirty(1, "f").isZero)
        await stack.stop()
    }

    @Test func `a good copy whose connection is lost in the middle is remembered to be the good one`() async throws {
        let (stack, fd) = try await file()
        _ = try await stack.lookup(fd.inode)
        let gate = stack.faulty[0].hold(.setattr)
        let changing = Task { await failure { try await stack.chmod(fd.inode, 0o600) } }
        #expect(await gate.holds())
        stack.faulty[0].goDown()
        gate.open()
        #expect(await changing.value == .notConnected)
        #expect(stack.counts(1, about: 0, "f").isZero)
        await stack.stop()
    }

    @Test func `a connection that was lost and is back holds no lock, and is not changed by it`() async throws {
        let stack = try await ReplicaStack(3)
        let fd = try await stack.create("f")
        let gate = stack.faulty[0].hold(.setattr)
        let changing = Task { try await stack.chmod(fd.inode, 0o600) }
        #expect(await gate.holds())
        stack.faulty[1].goDown()
        stack.faulty[1].comeUp()
        gate.open()
        try await changing.value
        #expect(stack.status(1, "f").st_mode & 0o777 == 0o644)
        #expect(stack.counts(0, about: 1, "f") == PendingCounts(metadata: 1))
        await stack.stop()
    }

    @Test(arguments: metadata)
    func `where all failed and one may have done it all are dirty`(change: Metadata) async throws {
        let stack = try await ReplicaStack(2)
        let fd = try await stack.create("f")
        _ = try await stack.replicate.setxattr(
            SetxattrRequest(.inode(fd.inode), xattrs: ["user.old": [1]]), in: stack.frame)
        stack.faulty[0].fail(change.fop, with: .io, times: 1, at: .after)
        stack.faulty[1].fail(change.fop, with: .noSpace, times: 1)
        #expect(await failure { try await change.perform(stack, .inode(fd.inode)) } != nil)
        #expect(change.isDone(stack, on: 0) && !change.isDone(stack, on: 1))
        for replica in 0..<2 { #expect(stack.dirty(replica, "f") == PendingCounts(metadata: 1)) }
        await stack.stop()
    }

    /// What a file has for `user.old`, and what is dirty or counted there.
    private func isAsBefore(_ stack: ReplicaStack, _ replica: Int) -> Bool {
        XattrReading.value(of: "user.old", at: stack.path(replica, "f")) == [1]
            && XattrReading.value(of: "user.new", at: stack.path(replica, "f")) == nil
    }

    @Test(arguments: [0, 1], [2, 3])
    func `an xattr for which one good copy has no room is on none, and nobody is blamed for it`(
        full: Int, count: Int
    ) async throws {
        let stack = try await ReplicaStack(count)
        let fd = try await stack.create("f")
        func set(_ xattrs: Xattrs) async -> FopError? {
            await failure {
                try await stack.replicate.setxattr(
                    SetxattrRequest(.inode(fd.inode), xattrs: xattrs), in: stack.frame)
            }
        }
        #expect(await set(["user.old": [1]]) == nil)
        stack.faulty[full].fail(.setxattr, with: .noSpace, times: 2)
        #expect(await set(["user.old": [2], "user.new": [3]]) == .noSpace)
        for replica in 0..<count { #expect(isAsBefore(stack, replica)) }
        #expect(stack.isClean("f"))
        // Where it cannot be taken back a heal has to look.
        stack.faulty[1 - full].fail(.removexattr, with: .io, times: 1)
        #expect(await set(["user.new": [3]]) == .noSpace)
        #expect(stack.dirty(1 - full, "f") == PendingCounts(metadata: 1))
        #expect(stack.counts(1 - full, about: full, "f").isZero)
        await stack.stop()
    }

    @Test func `an xattr for which only a stale copy has no room is on the others`() async throws {
        let (stack, fd) = try await file()
        stack.faulty[1].fail(.setxattr, with: .noSpace, times: 1)
        _ = try await stack.replicate.setxattr(
            SetxattrRequest(.inode(fd.inode), xattrs: ["user.old": [2]]), in: stack.frame)
        #expect(XattrReading.value(of: "user.old", at: stack.path(0, "f")) == [2])
        #expect(stack.counts(0, about: 1, "f") == PendingCounts(metadata: 2))
        await stack.stop()
    }

    // MARK: - Names

    private static let making: [Names] = [.create, .mknod, .fifo, .mkdir, .symlink, .link]

    @Test(arguments: Names.allCases)
    func `a change of names that only a stale copy took has failed, and its directory accuses no good one`(
        change: Names
    ) async throws {
        let scene = try await Scene(2, "    option granular-entry-heal on")
        let stack = scene.stack
        stack.accuse(0, 1, PendingCounts(entry: 1), "d")
        stack.faulty[0].fail(scene.fop[change]!, with: .noSpace, times: 1)
        await #expect(throws: FopError.noSpace) { try await scene.perform(change) }
        #expect(stack.counts(1, about: 0, "d").isZero, "the stale copy accuses the good one")
        #expect(stack.counts(0, about: 1, "d") == PendingCounts(entry: 1))
        #expect(stack.dirty(1, "d").isZero, "its names would be merged, those that were removed too")
        // What was made is taken back; a name that went cannot be, and is noted.
        for name in change.names {
            let isNoted = stack.exists(1, ".glusterfs/indices/entry-changes/\(scene.directory.gfid)/\(name)")
            if Self.making.contains(change) {
                #expect(!isNoted && !stack.exists(1, "d/\(name)"))
            } else {
                #expect(isNoted)
            }
        }
        await stack.stop()
    }

    @Test(arguments: Names.allCases)
    func `in a directory of which each copy misses names, whoever takes a change is believed`(
        change: Names
    ) async throws {
        let scene = try await Scene()
        let stack = scene.stack
        stack.accuse(0, 1, PendingCounts(entry: 1), "d")
        stack.accuse(1, 0, PendingCounts(entry: 1), "d")
        stack.faulty[0].fail(scene.fop[change]!, with: .noSpace, times: 1)
        try await scene.perform(change)
        #expect(stack.counts(1, about: 0, "d") == PendingCounts(entry: 2))
        await stack.stop()
    }

    @Test func `a create that failed leaves nothing open`() async throws {
        let scene = try await Scene()
        let stack = scene.stack
        stack.accuse(0, 1, PendingCounts(entry: 1), "d")
        stack.faulty[0].fail(.create, with: .noSpace, times: 1)
        // Else it would be taken back.
        stack.faulty[1].fail(.unlink, with: .io, times: 1)
        await #expect(throws: FopError.noSpace) { try await scene.perform(.create) }
        let left = try await stack.replicate.replicas[1].lookup(
            LookupRequest(.name("new", parent: scene.directory), xdata: [XdataKey.openFdCount: .uint(1)]),
            in: stack.frame)
        #expect(left.xdata[XdataKey.openFdCount]?.integer == 0)
        await stack.stop()
    }

    /// "d/dir", in which replica 1 misses the file "x".
    private func directoryWithMissingFile() async throws -> Scene {
        let scene = try await Scene()
        let stack = scene.stack
        let inner = try #require(try await stack.lookup("dir", in: scene.directory).inode)
        stack.faulty[1].goDown()
        try await stack.close(try await stack.create("x", in: inner))
        stack.faulty[1].comeUp()
        #expect(stack.exists(0, "d/dir/x") && !stack.exists(1, "d/dir/x"))
        return scene
    }

    private func rmdir(_ scene: Scene) async throws { try await scene.perform(.rmdir) }
    private func renameOnto(_ scene: Scene) async throws {
        let request = RenameRequest(
            oldParent: scene.directory, oldName: "dir2", newParent: scene.directory, newName: "dir")
        _ = try await scene.stack.replicate.rename(request, in: scene.stack.frame)
    }

    @Test(arguments: [false, true])
    func `a directory that only a stale copy finds empty is neither removed nor replaced`(renames: Bool) async throws {
        let scene = try await directoryWithMissingFile()
        let stack = scene.stack
        await #expect(throws: FopError.notEmpty) {
            if renames { try await renameOnto(scene) } else { try await rmdir(scene) }
        }
        #expect(stack.exists(0, "d/dir/x"))
        #expect(stack.counts(1, about: 0, "d").isZero, "a heal would remove what is only there")
        #expect(stack.dirty(1, "d").entry == 1, "a heal puts the directory back")
        await stack.stop()
    }

    @Test(arguments: [false, true])
    func `what a stale copy did not remove yet keeps no directory`(renames: Bool) async throws {
        let scene = try await Scene()
        let stack = scene.stack
        let inner = try #require(try await stack.lookup("dir", in: scene.directory).inode)
        try await stack.close(try await stack.create("x", in: inner))
        stack.faulty[0].goDown()
        try await stack.unlink("x", in: inner)
        stack.faulty[0].comeUp()
        if renames { try await renameOnto(scene) } else { try await rmdir(scene) }
        #expect(stack.counts(1, about: 0, "d") == PendingCounts(entry: 1))
        #expect(stack.dirty(1, "d").isZero)
        await stack.stop()
    }

    @Test func `a name that one good copy has is not made anew by another`() async throws {
        let scene = try await Scene()
        let stack = scene.stack
        let fd = try await stack.create("new", in: scene.directory)
        try await stack.write("precious", to: fd)
        try await stack.close(fd)
        // As a kill in the middle of its creation leaves it.
        #expect(Glibc.unlink(stack.path(1, "d/new")) == 0)
        await #expect(throws: FopError.exists) { try await scene.perform(.create) }
        #expect(stack.text(0, "d/new") == "precious")
        #expect(stack.counts(1, about: 0, "d").isZero, "a heal would take it away")
        #expect(stack.dirty(1, "d").entry == 1)
        await stack.stop()
    }

    // MARK: - Data

    @Test(arguments: [Fop.truncate, .fallocate, .discard, .zerofill])
    func `data that only a stale copy changed is not changed`(fop: Fop) async throws {
        let (stack, fd) = try await ReplicaStack.withStaleCopies()
        stack.faulty[0].fail(fop, with: .io, times: 1)
        let (replicate, frame) = (stack.replicate, stack.frame)
        await #expect(throws: FopError.io) {
            switch fop {
            case .truncate: _ = try await replicate.truncate(TruncateRequest(.fd(fd), size: 3), in: frame)
            case .fallocate:
                _ = try await replicate.fallocate(
                    FallocateRequest(fd: fd, offset: 0, bytes: 100, keepsSize: false), in: frame)
            case .discard: _ = try await replicate.discard(DiscardRequest(fd: fd, offset: 0, bytes: 3), in: frame)
            default:
                _ = try await replicate.zerofill(
                    ZerofillRequest(fd: fd, offset: 0, bytes: 3, keepsSize: true), in: frame)
            }
        }
        try await stack.flush(fd)
        #expect(stack.counts(1, about: 0, "f").isZero)
        #expect(try await stack.read(fd) == "content")
        await stack.stop()
    }

    @Test func `an fsync that only a stale copy did has failed`() async throws {
        let stack = try await ReplicaStack(2)
        let fd = try await stack.create("f")
        stack.accuse(0, 1, PendingCounts(data: 1), "f")
        try await stack.write("content", to: fd)
        stack.faulty[0].fail(.fsync, with: .io, times: 1)
        let request = FsyncRequest(fd: fd, dataOnly: false)
        await #expect(throws: FopError.io) { try await stack.replicate.fsync(request, in: stack.frame) }
        #expect(await stack.passPostOpDelay())
        #expect(stack.counts(1, about: 0, "f").isZero)
        #expect(stack.dirty(0, "f").data == 1 && stack.dirty(1, "f").data == 1)
        await stack.stop()
    }
}
