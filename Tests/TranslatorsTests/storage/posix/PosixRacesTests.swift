import CPosix
import Glibc
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// What another process does between two system calls of ours.
@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs trusted xattrs: run as root"))
struct PosixRacesTests {
    private final class Counter: Sendable { let count = Atomic<Int>(0) }

    private func hasHandle(_ brick: ScratchBrick, _ gfid: Gfid) -> Bool {
        let folders = GfidHandle.folders(of: gfid)
        var status = Glibc.stat()
        return lstat("\(brick.directory)/\(folders.inner)/\(gfid)", &status) == 0
    }

    /// A file "f" that is open, and what holds it on the brick.
    private func openFile() async throws -> (ScratchBrick, Fd, PosixBrick, BrickObject) {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("f")
        let own = try brick.posix.brick
        return (brick, fd, own, try own.object(named: "f", in: own.root))
    }

    @Test func `a directory that is removed while it is looked up keeps no handle`() async throws {
        let brick = try await ScratchBrick()
        let inode = try await brick.mkdir("d")
        let own = try brick.posix.brick
        let object = try own.object(named: "d", in: own.root)
        let status = try object.status()
        _ = try await brick.posix.rmdir(RmdirRequest(parent: brick.root, name: "d"), in: brick.frame)
        #expect(!hasHandle(brick, inode.gfid))
        #expect(throws: FopError.tryAgain) {
            try own.mendHandle(inode.gfid, object, status, parent: .root, name: "d")
        }
        #expect(!hasHandle(brick, inode.gfid))
        await brick.stop()
    }

    @Test func `a directory that was moved while it was looked up keeps the handle of where it is`() async throws {
        let brick = try await ScratchBrick()
        let inode = try await brick.mkdir("d")
        let own = try brick.posix.brick
        let object = try own.object(named: "d", in: own.root)
        let status = try object.status()
        let request = RenameRequest(oldParent: brick.root, oldName: "d", newParent: brick.root, newName: "e")
        _ = try await brick.posix.rename(request, in: brick.frame)
        #expect(try !own.mendHandle(inode.gfid, object, status, parent: .root, name: "d"))
        #expect(try #require(try own.directoryHandle(inode.gfid)).name == "e")
        await brick.stop()
    }

    @Test func `an open file that loses its name while it is looked up keeps no handle of a name`() async throws {
        let (brick, fd, own, object) = try await openFile()
        _ = try await brick.posix.unlink(UnlinkRequest(parent: brick.root, name: "f"), in: brick.frame)
        let status = try object.status()
        #expect(status.st_nlink == 1, "its handle waits for the last close")
        #expect(throws: FopError.tryAgain) {
            try own.mendHandle(fd.inode.gfid, object, status, parent: .root, name: "f")
        }
        #expect(!hasHandle(brick, fd.inode.gfid))
        await brick.posix.release(fd)
        #expect(try object.status().st_nlink == 0)
        await brick.stop()
    }

    @Test func `a file that loses its name while it is looked up, and its handle after, is sought anew`() async throws {
        let (brick, fd, own, object) = try await openFile()
        #expect(unlink("\(brick.directory)/f") == 0)
        #expect(throws: FopError.tryAgain) {
            try own.mendHandle(fd.inode.gfid, object, try object.status(), parent: .root, name: "f")
        }
        #expect(hasHandle(brick, fd.inode.gfid), "it is taken away by who took the name")
        await brick.posix.release(fd)
        await brick.stop()
    }

    @Test(arguments: [false, true])
    func `a file that gets a name while it loses its last one has a handle again`(isOpen: Bool) async throws {
        // Method: the two steps of taking a name away, and between them another process's link by the handle.
        let brick = try await ScratchBrick()
        let fd = try await brick.create("f")
        let gfid = fd.inode.gfid
        if !isOpen { await brick.posix.release(fd) }
        let own = try brick.posix.brick
        let object = try own.object(named: "f", in: own.root)
        #expect(link("\(brick.directory)/f", "\(brick.directory)/g") == 0 && unlink("\(brick.directory)/f") == 0)
        try own.retireHandle(gfid, of: object, in: brick.posix.openFiles)
        #expect(hasHandle(brick, gfid))
        if isOpen { await brick.posix.release(fd) }
        #expect(try object.status().st_nlink == 2)
        let found = try await brick.posix.lookup(LookupRequest(.inode(fd.inode)), in: brick.frame)
        #expect(found.iatt.nlink == 1)
        await brick.stop()
    }

    @Test func `a file whose last names two processes take away at once keeps no handle of a name`() async throws {
        let (brick, fd, own, object) = try await openFile()
        #expect(unlink("\(brick.directory)/f") == 0)
        // Ours has it open, the other has not.
        try own.retireHandle(fd.inode.gfid, of: object, in: brick.posix.openFiles)
        try own.retireHandle(fd.inode.gfid, of: object, in: OpenFileTable())
        #expect(!hasHandle(brick, fd.inode.gfid))
        await brick.posix.release(fd)
        #expect(try object.status().st_nlink == 0)
        await brick.stop()
    }

    @Test func `who gives a file a name makes its handle where that went meanwhile`() async throws {
        let (brick, fd, own, object) = try await openFile()
        try own.removeHandle(fd.inode.gfid)
        try own.keepHandle(fd.inode.gfid, of: object)
        #expect(hasHandle(brick, fd.inode.gfid))
        await brick.posix.release(fd)
        await brick.stop()
    }

    @Test func `a directory that cannot have its name leaves no handle`() async throws {
        let brick = try await ScratchBrick()
        await brick.posix.release(try await brick.create("f"))
        let entry = brick.entry("f", .directory)
        await #expect(throws: FopError.exists) {
            try await brick.posix.mkdir(MkdirRequest(entry: entry, mode: 0o755), in: brick.frame)
        }
        #expect(!hasHandle(brick, entry.inode.gfid))
        await brick.stop()
    }

    @Test func `a call that finds no descriptor is made once more, when kept ones are closed`() throws {
        let relieved = Counter()
        let registration = DescriptorPressure.shared.register { relieved.count.add(1, ordering: .relaxed) }
        var calls = 0
        let result = try PosixCall.run { () -> Int32 in
            calls += 1
            errno = EMFILE
            return calls == 1 ? -1 : 7
        }
        #expect(result == 7 && relieved.count.load(ordering: .relaxed) >= 1)
        #expect(throws: FopError.tooManyOpenFiles) {
            try PosixCall.run { () -> Int32 in
                errno = EMFILE
                return -1
            }
        }
        withExtendedLifetime(registration) {}
    }
}
