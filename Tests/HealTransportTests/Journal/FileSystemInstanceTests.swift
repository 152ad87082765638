import CPosix
import Glibc
import HealProtocol
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealTransport

/// A journal is believed as long as its file system never went away: on a tmpfs that is unmounted and mounted again
/// within the boot. Needs root.
@Suite(.enabled(if: geteuid() == 0, "mounting a file system needs root"))
struct FileSystemInstanceTests {
    let a = Gfid.file(0xA1)

    /// A brick on a file system of its own.
    final class MountedBrick {
        let scratch = TemporaryDirectory()
        var path: String { scratch.appending("brick") }
        init() throws {
            _ = scratch.subdirectory("brick")
            try #require(mount("tmpfs", path, "tmpfs", 0, "size=4m") == 0)
        }
        func bind(_ name: String) throws -> String {
            let other = scratch.subdirectory(name)
            try #require(mount(path, other, "", UInt(MS_BIND), nil) == 0)
            return other
        }
        deinit {
            umount2(scratch.appending("bound"), Int32(MNT_DETACH))
            while umount2(path, Int32(MNT_DETACH)) == 0 {}
        }
    }

    /// A journal with one complete epoch that is closed and one that its writer left open.
    private func journal(in scene: JournalScene) throws -> JournalWriter {
        let journal = try scene.makeWriter()
        for record in [
            scene.record(.opened, a, 1), scene.range(a, 1, sequence: 1),
            scene.record(.close(records: 1, isExact: true), a, 1, sequence: 2), scene.record(.opened, a, 2),
            scene.range(a, 2, sequence: 3),
        ] { _ = journal.append(record) }
        return journal
    }

    /// What a file system has when it is mounted after a crash: the journal, as far as it got to the disk.
    private func mountAnew(_ brick: MountedBrick, with saved: [UInt8], of scene: JournalScene) throws {
        try #require(mount("tmpfs", brick.path, "tmpfs", 0, "size=4m") == 0)
        mkdir("\(brick.path)/.glusterfs", 0o700)
        mkdir("\(brick.path)/.glusterfs/bypass", 0o700)
        mkdir(scene.directory, 0o700)
        let segment = "\(scene.directory)/0000000001.segment"
        close(open(segment, O_CREAT | O_WRONLY, 0o600))
        try scene.damage(segment, at: 0, saved)
    }

    @Test func `after an unmount within the boot no epoch of a dead writer's journal is complete, closed ones neither`()
        throws
    {
        let brick = try MountedBrick()
        let scene = try JournalScene(brick: brick.path)
        try journal(in: scene).close()
        let told = Mutex<[String]>([])
        let reader = scene.makeReader(log: Log(threshold: .info) { _, _, text in told.withLock { $0.append(text) } })
        #expect(try reader.explain(a).first?.epochs.map(\.isComplete) == [true, true])
        let saved = try LocalFile.bytes(of: "\(scene.directory)/0000000001.segment")
        // The reader lives on, with all that it remembers of the segments.
        try mountAnew(brick, with: saved, of: scene)
        #expect(try reader.explain(a).isEmpty)
        #expect(told.withLock { $0 }.contains { $0.contains("is healed whole") })
        #expect(try scene.makeReader().explain(a).isEmpty)
    }

    @Test func `a living writer is believed through any mount, a dead one through the mount that it had`() throws {
        let brick = try MountedBrick()
        let scene = try JournalScene(brick: brick.path)
        let other = JournalReader(brick: try brick.bind("bound"), volume: JournalScene.volume, boot: scene.boot)
        let journal = try journal(in: scene)
        #expect(try other.explain(a).first?.epochs.map(\.isComplete) == [true, false])
        journal.close()
        // A tmpfs has nothing in sysfs that would show that it is the same one.
        #expect(try other.explain(a).isEmpty)
        #expect(try scene.makeReader().explain(a).first?.epochs.map(\.isComplete) == [true, true])
        #expect(try !other.deadJournals().isEmpty, "another healer may still believe it")
    }

    @Test func `a journal of an earlier life of the file system is removed, and that is told`() throws {
        let scene = try JournalScene()
        let journal = try journal(in: scene)
        journal.close()
        var header = try JournalSegmentHeader(
            decoding: Array(
                try LocalFile.bytes(of: "\(scene.directory)/0000000001.segment")
                    .prefix(JournalSegmentHeader.encodedBytes)))
        guard header.instance.superblock != 0 else { return }  // Temporary folders are not on ext4 or xfs here.
        header.instance.superblock -= 1
        try scene.damage("\(scene.directory)/0000000001.segment", at: 0, header.encoded)
        let told = Mutex<[String]>([])
        let reader = scene.makeReader(log: Log(threshold: .info) { _, _, text in told.withLock { $0.append(text) } })
        #expect(try reader.explain(a).isEmpty)
        #expect(try reader.deadJournals().isEmpty)
        #expect(try reader.journals().isEmpty)
        #expect(told.withLock { $0 }.contains { $0.contains("was unmounted after writer \(scene.writer) died") })
    }
}
