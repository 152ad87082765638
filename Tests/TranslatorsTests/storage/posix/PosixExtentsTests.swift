import CPosix
import Glibc
import RangeMapping
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs trusted xattrs: run as root"))
struct PosixExtentsTests {
    private func all(_ brick: ScratchBrick, _ fd: Fd) throws -> [Mapping] {
        try brick.posix.extents(of: fd, in: ByteRange(start: 0, end: UInt64(Int64.max)))
    }

    @Test func `extents are told with what was written apart from what was not, behind the end too`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        #expect(try all(brick, fd).isEmpty)
        _ = try await brick.posix.fallocate(
            FallocateRequest(fd: fd, offset: 0, bytes: 4 << 20, keepsSize: true), in: brick.frame)
        try await brick.write([UInt8](repeating: 7, count: 1 << 20), to: fd, at: 0)
        _ = try await brick.posix.fsync(FsyncRequest(fd: fd, dataOnly: false), in: brick.frame)
        let found = try all(brick, fd)
        #expect(
            ByteRanges(found.filter { $0.kind == .mapped }.map(\.range))
                == ByteRanges(ByteRange(start: 0, end: 1 << 20)))
        #expect(
            ByteRanges(found.filter { $0.kind == .unwritten }.map(\.range))
                == ByteRanges(ByteRange(start: 1 << 20, end: 4 << 20)))
        #expect(found.last?.flags.contains(.last) == true)
        await brick.stop()
    }

    @Test func `extents of a part are those that touch it`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        for block in [UInt64(0), 8, 16] {
            try await brick.write([UInt8](repeating: 1, count: 4096), to: fd, at: block << 12)
        }
        _ = try await brick.posix.fsync(FsyncRequest(fd: fd, dataOnly: false), in: brick.frame)
        let found = try brick.posix.extents(of: fd, in: ByteRange(start: 8 << 12, end: 16 << 12))
        #expect(found.map(\.offset) == [8 << 12])
        #expect(throws: FopError.badDescriptor) { try all(brick, Fd(inode: fd.inode, flags: .readWrite)) }
        await brick.stop()
    }
}
