import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs trusted xattrs: run as root"))
struct PosixDirectoryReadTests {
    @Test func `every entry comes once, however little fits at a time`() async throws {
        let brick = try await ScratchBrick()
        let directory = try await brick.mkdir("d")
        // More than one buffer of the kernel's.
        let names = Set((0..<1200).map { EntryName("a-rather-long-name-for-an-entry-\($0)") })
        for name in names { await brick.posix.release(try await brick.create(name, in: directory)) }
        for bytes in [1, 500, 4096, 1 << 20] {
            let entries = try await brick.list(directory, bytes: bytes, withAttributes: bytes > 1)
            let found = entries.map(\.name).filter { !$0.isDotOrDotDot }
            #expect(found.count == names.count)
            #expect(Set(found) == names)
            #expect(entries.count == names.count + 2)
        }
        await brick.stop()
    }

    @Test func `a reply keeps to the room that it was given`() async throws {
        let brick = try await ScratchBrick()
        for number in 0..<40 { _ = try await brick.create(EntryName("\(number)-file")) }
        let fd = Fd(inode: brick.root, flags: .directory)
        _ = try await brick.posix.opendir(OpendirRequest(fd: fd), in: brick.frame)
        for bytes in [200, 400, 1000] {
            let reply = try await brick.posix.readdirp(ReaddirRequest(fd: fd, offset: 0, bytes: bytes), in: brick.frame)
            let size = reply.entries.reduce(0) { $0 + 24 + 152 + $1.name.bytes.count }
            #expect(size <= bytes)
            #expect(!reply.entries.isEmpty && !reply.isEnd)
        }
        await brick.stop()
    }

    @Test func `entries have attributes, numbers made from gfids, and their types`() async throws {
        let brick = try await ScratchBrick()
        let directory = try await brick.mkdir("d")
        let inner = try await brick.mkdir("inner", in: directory)
        let file = try await brick.create("file", in: directory)
        try await brick.write([1, 2, 3], to: file)
        _ = try await brick.xattrop(.fd(file), ["trusted.afr.dirty": [0, 0, 0, 1]])
        for withAttributes in [true, false] {
            let entries = try await brick.list(directory, withAttributes: withAttributes)
            let byName = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0) })
            #expect(byName["file"]?.inodeNumber == file.inode.gfid.low)
            #expect(byName["file"]?.type == .regular)
            #expect(byName["inner"]?.inodeNumber == inner.gfid.low)
            #expect(byName["inner"]?.type == .directory)
            #expect(byName["."]?.inodeNumber == directory.gfid.low)
            #expect(byName[".."]?.inodeNumber == 1)
            #expect(byName["file"]?.iatt == (withAttributes ? try await brick.lookup("file", in: directory).iatt : nil))
        }
        let fd = Fd(inode: directory, flags: .directory)
        _ = try await brick.posix.opendir(OpendirRequest(fd: fd), in: brick.frame)
        let asked = ReaddirRequest(fd: fd, offset: 0, bytes: 4096, xdata: ["trusted.afr.dirty": .uint(12)])
        let entries = try await brick.posix.readdirp(asked, in: brick.frame).entries
        #expect(entries.first { $0.name == "file" }?.xdata == ["trusted.afr.dirty": .bytes([0, 0, 0, 1])])
        #expect(entries.first { $0.name == "inner" }?.xdata == [:])
        await brick.stop()
    }

    @Test func `the brick's folder is hidden at the root, and only there`() async throws {
        let brick = try await ScratchBrick()
        let directory = try await brick.mkdir("d")
        _ = try await brick.mkdir(".glusterfs", in: directory)
        _ = try await brick.mkdir(".glusterfs-anonymous-inode-1")
        #expect(Set(try await brick.list(brick.root).map(\.name)) == [".", "..", "d", ".glusterfs-anonymous-inode-1"])
        #expect(Set(try await brick.list(directory).map(\.name)) == [".", "..", ".glusterfs"])
        await brick.stop()
    }

    @Test func `a cookie goes on behind its entry while names come and go`() async throws {
        let brick = try await ScratchBrick()
        let names = (0..<200).map { EntryName("name-\($0)") }
        for name in names { await brick.posix.release(try await brick.create(name)) }
        let fd = Fd(inode: brick.root, flags: .directory)
        _ = try await brick.posix.opendir(OpendirRequest(fd: fd), in: brick.frame)
        let first = try await brick.posix.readdir(ReaddirRequest(fd: fd, offset: 0, bytes: 3000), in: brick.frame)
            .entries
        let seen = Set(first.map(\.name)).intersection(names)
        #expect(seen.count > 20 && seen.count < 180)
        // What was seen goes, as "rm -r" does it; something new comes.
        for name in seen { try await brick.unlink(name) }
        _ = try await brick.create("new")
        var offset = first.last!.nextOffset
        var rest: [EntryName] = []
        while true {
            let reply = try await brick.posix.readdir(
                ReaddirRequest(fd: fd, offset: offset, bytes: 700), in: brick.frame)
            rest += reply.entries.map(\.name)
            guard !reply.isEnd else { break }
            offset = reply.entries.last!.nextOffset
        }
        #expect(Set(rest).intersection(names) == Set(names).subtracting(seen))
        #expect(Set(rest).isDisjoint(with: seen))
        // And back to the start.
        let again = try await brick.posix.readdir(ReaddirRequest(fd: fd, offset: 0, bytes: 1 << 20), in: brick.frame)
        #expect(Set(again.entries.map(\.name)).contains("new"))
        #expect(again.isEnd)
        await brick.stop()
    }

    @Test func `an empty directory has its two entries, and the end is the end`() async throws {
        let brick = try await ScratchBrick()
        let directory = try await brick.mkdir("d")
        let fd = Fd(inode: directory, flags: .directory)
        _ = try await brick.posix.opendir(OpendirRequest(fd: fd), in: brick.frame)
        let reply = try await brick.posix.readdir(ReaddirRequest(fd: fd, offset: 0, bytes: 4096), in: brick.frame)
        #expect(Set(reply.entries.map(\.name)) == [".", ".."])
        let end = try await brick.posix.readdir(
            ReaddirRequest(fd: fd, offset: reply.entries.last!.nextOffset, bytes: 4096), in: brick.frame)
        #expect(end.entries.isEmpty && end.isEnd)
        let anonymous = ReaddirRequest(fd: .anonymous(directory), offset: 0, bytes: 4096)
        #expect(try await brick.posix.readdir(anonymous, in: brick.frame).entries.count == 2)
        let file = try await brick.create("file")
        #expect(
            await failure {
                _ = try await brick.posix.readdir(ReaddirRequest(fd: file, offset: 0, bytes: 10), in: brick.frame)
            } == .notDirectory)
        #expect(
            await failure {
                _ = try await brick.posix.opendir(
                    OpendirRequest(fd: Fd(inode: file.inode, flags: .directory)), in: brick.frame)
            } == .notDirectory)
        await brick.stop()
    }
}
