import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// `option visiting`: a brick that is another's to serve is read and written, and stays as it is.
@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs trusted xattrs: run as root"))
struct PosixVisitTests {
    private static let id = Gfid("25312cdb-1111-4000-8000-000000000070")!

    /// The one that serves.
    private func host() async throws -> ScratchBrick {
        try await ScratchBrick(options: "    option volume-id \(Self.id)")
    }

    private func visitor(_ directory: String, id: Gfid = id) throws -> PosixTranslator {
        let graph = try Graph.fromText(
            """
            volume visitor
                type storage/posix
                option directory \(directory)
                option volume-id \(id)
                option visiting on
            end-volume

            """)
        return try #require(graph.top as? PosixTranslator)
    }

    private func refusal(_ directory: String, id: Gfid = id) throws -> String? {
        let visitor = try visitor(directory, id: id)
        do throws(VolfileError) {
            _ = try visitor.visit()
            return nil
        } catch { return error.description }
    }

    @Test func `data of open files is read and written, and nothing else of the brick changes`() async throws {
        // Goal: no layout, no lock, no stamp, no times: a brick of another process looks as if nobody had been there.
        let host = try await host()
        let fd = try await host.create("file")
        let mdata = Mdata(ctime: Timestamp(seconds: 5, nanoseconds: 0), mtime: .zero, atime: .zero)
        XattrReading.set(Mdata.key, to: mdata.xattr, at: host.path("file"))
        TemporaryDirectory.removeTree(host.path(".glusterfs/bypass"))
        unlink(host.path(".glusterfs/health_check"))
        let before = (try LocalFile.names(in: host.path(".glusterfs")).sorted(), XattrReading.all(at: host.directory))

        let visitor = try visitor(host.directory)
        try await visitor.start()
        #expect(try visitor.visit() == 1)
        #expect(visitor.volumeID == Self.id && !visitor.isServedHere)
        let frame = Frame(caller: .root, time: Timestamp(seconds: 9, nanoseconds: 0))
        let own = Fd(inode: fd.inode, flags: .readWrite)
        _ = try await visitor.open(OpenRequest(fd: own), in: frame)
        _ = try await visitor.writev(WriteRequest(fd: own, offset: 0, payload: host.payload([1, 2, 3])), in: frame)
        _ = try await visitor.fallocate(
            FallocateRequest(fd: own, offset: 0, bytes: 8192, keepsSize: true), in: frame)
        _ = try await visitor.fsync(FsyncRequest(fd: own, dataOnly: false), in: frame)
        #expect(try await host.read(fd) == [1, 2, 3])
        await visitor.release(own)
        await visitor.stop()
        #expect(XattrReading.value(of: Mdata.key, at: host.path("file")) == mdata.xattr)
        #expect(try LocalFile.names(in: host.path(".glusterfs")).sorted() == before.0)
        #expect(XattrReading.all(at: host.directory) == before.1)
        await host.stop()
    }

    @Test func `opening truncates nothing, and the last close leaves the handle of an unlinked file`() async throws {
        let host = try await host()
        let fd = try await host.create("file")
        try await host.write([1, 2, 3], to: fd)
        let visitor = try visitor(host.directory)
        _ = try visitor.visit()
        let own = Fd(inode: fd.inode, flags: [.readWrite, .truncate])
        _ = try await visitor.open(OpenRequest(fd: own), in: host.frame)
        #expect(try await host.read(fd) == [1, 2, 3])
        try await host.unlink("file")
        let late = Fd(inode: fd.inode, flags: .readWrite)
        _ = try await visitor.open(OpenRequest(fd: late), in: host.frame)
        for open in [own, late] { await visitor.release(open) }
        #expect(ScratchBrick.status(host.path(".glusterfs/unlink/\(fd.inode.gfid)")) != nil)
        #expect(try await host.read(fd) == [1, 2, 3])
        await host.posix.release(fd)
        await host.stop()
    }

    @Test func `a handle that leads to another file is not believed`() async throws {
        let host = try await host()
        let fd = try await host.create("file")
        let handle = host.handle(fd.inode.gfid)
        close(creat(handle + ".other", 0o644))
        #expect(rename(handle + ".other", handle) == 0)
        let visitor = try visitor(host.directory)
        _ = try visitor.visit()
        let own = Fd(inode: fd.inode, flags: .readWrite)
        #expect(await failure { _ = try await visitor.open(OpenRequest(fd: own), in: host.frame) } == .stale)
        #expect(own.contexts[visitor.slot] == nil)
        await host.stop()
    }

    @Test func `a directory in the brick's place is another visit, the same one is not`() async throws {
        let host = try await host()
        let visitor = try visitor(host.directory)
        #expect(try (visitor.visit(), visitor.visit()) == (1, 1))
        await host.stop()
        #expect(rename(host.directory, host.directory + ".old") == 0)
        #expect(throws: VolfileError.self) { try visitor.visit() }
        let other = try await ScratchBrick(
            options: "    option volume-id \(Self.id)", directory: host.scratch.subdirectory("brick"))
        #expect(try visitor.visit() == 2)
        await other.stop()
    }

    @Test func `only a brick of the volume is visited, and the option needs to know which volume`() async throws {
        let host = try await host()
        let scratch = TemporaryDirectory("visit")
        #expect(try refusal(host.directory) == nil)
        #expect(try refusal(scratch.path)?.hasSuffix("has no volume-id: it is no brick") == true)
        #expect(try refusal(scratch.appending("gone"))?.contains("no such directory") == true)
        let other = try refusal(host.directory, id: .random())
        #expect(other?.contains("belongs to volume-id \(Self.id), not to ") == true)
        #expect {
            try Graph.fromText(
                "volume v\n type storage/posix\n option directory /b\n option visiting on\nend-volume\n")
        } throws: { "\($0)".hasSuffix("option visiting needs option volume-id: by it the brick is known") }
        #expect(try LocalFile.names(in: scratch.path) == [])
        await host.stop()
    }
}
