import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs trusted xattrs: run as root"))
struct PosixInodeWriteTests {
    @Test func `what was written is read back, from this fd, another, and by gfid`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        let bytes = Array("hello".utf8)
        #expect(try await brick.write(bytes, to: fd).bytes == 5)
        #expect(try await brick.read(fd) == bytes)
        #expect(try await brick.read(brick.open(fd.inode, [])) == bytes)
        #expect(try await brick.read(.anonymous(fd.inode)) == bytes)
        #expect(try await brick.lookup("file").iatt.size == 5)
        await brick.posix.release(fd)
        await brick.stop()
    }

    @Test func `an append lands at the end, whatever its offset says`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file", flags: [.readWrite, .append])
        try await brick.write([1, 2, 3], to: fd, at: 0)
        try await brick.write([4, 5], to: fd, at: 0)
        try await brick.write([9], to: fd, at: 1, flags: .readWrite)
        #expect(try await brick.read(fd) == [1, 9, 3, 4, 5])
        await brick.stop()
    }
}
