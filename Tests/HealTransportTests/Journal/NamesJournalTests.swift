import CPosix
import Glibc
import HealProtocol
import HealTransport
import Testing
import TranslatorCore
import TranslatorTesting

@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct NamesJournalTests {
    /// A brick with a file, a directory and a file in it, all with gfids.
    final class Scene {
        let scratch = TemporaryDirectory("names")
        let boot: Gfid
        let mount = Gfid.random(), file = Gfid.random(), other = Gfid.random(), folder = Gfid.random()
        var brick: String { scratch.path }

        init() throws {
            boot = try BootID.current()
            Glibc.mkdir("\(brick)/.glusterfs", 0o700)
            try make("f", file)
            Glibc.mkdir("\(brick)/d", 0o755)
            let text = folder.description, handles = "\(brick)/.glusterfs/\(text.prefix(2))"
            Glibc.mkdir(handles, 0o700)
            Glibc.mkdir("\(handles)/\(text.dropFirst(2).prefix(2))", 0o700)
            symlink("../../../d", "\(handles)/\(text.dropFirst(2).prefix(2))/\(text)")
            try make("d/g", other)
        }
        private func make(_ name: String, _ gfid: Gfid) throws {
            close(cposix_open("\(brick)/\(name)", O_CREAT | O_RDWR, 0o600))
            XattrReading.set("trusted.gfid", to: gfid.bytes, at: "\(brick)/\(name)")
        }

        func journal() throws -> NamesJournal {
            try NamesJournal(brick: brick, mount: mount, volume: JournalScene.volume, boot: boot)
        }
        func left(boot: Gfid? = nil) throws -> [LeftNames.Journal] {
            try LeftNames(brick: brick, volume: JournalScene.volume, boot: boot ?? self.boot).journals()
        }
    }

    @Test func `what a dead mount had under way is there, with the gfids that stood under its names`() throws {
        let scene = try Scene()
        var journal: NamesJournal? = try scene.journal()
        let move = NameChange(.rename, .init(.root, "f"), to: .init(scene.folder, "g"))
        #expect(journal!.begin(move) != nil)
        let made = try #require(journal!.begin(NameChange(.make, .init(.root, "new"), of: .random())))
        journal!.end(made)
        #expect(try scene.left().isEmpty, "it lives")
        journal = nil
        var expected = NameChange(.rename, .init(.root, "f"), to: .init(scene.folder, "g"), of: scene.file)
        expected.replaced = scene.other
        let left = try scene.left()
        #expect(left.map(\.changes) == [[expected]])
        #expect(left.map(\.mount) == [scene.mount] && left.map(\.isBelieved) == [true])
        #expect(try scene.left(boot: .random()).map(\.isBelieved) == [false], "another boot's")
    }

    @Test func `what was said before the file system of the journal died is not believed, in the same boot either`()
        throws
    {
        let scene = try Scene()
        var journal: NamesJournal? = try scene.journal()
        #expect(journal!.begin(NameChange(.unlink, .init(.root, "f"))) != nil)
        journal = nil
        // The header as a mount would have written it that saw another instance: byte layout in `NamesJournalHeader`.
        let path = "\(scene.brick)/.glusterfs/bypass/names/\(scene.mount)"
        let file = cposix_open(path, O_RDWR, 0)
        var bytes = [UInt8](repeating: 0, count: NamesJournalHeader.encodedBytes)
        #expect(pread(file, &bytes, bytes.count, 0) == bytes.count)
        var header = try NamesJournalHeader(decoding: bytes)
        header.instance = FileSystemInstance(
            superblock: header.instance.superblock &+ 1, mount: header.instance.mount &+ 1)
        #expect(pwrite(file, header.encoded, bytes.count, 0) == bytes.count)
        close(file)
        let left = try scene.left()
        #expect(left.map(\.changes.count) == [1] && left.map(\.isBelieved) == [false])
    }

    @Test func `a mount that ends in peace leaves nothing`() throws {
        let scene = try Scene()
        let journal = try scene.journal()
        journal.end(try #require(journal.begin(NameChange(.unlink, .init(.root, "f")))))
        journal.close()
        #expect(access("\(scene.brick)/.glusterfs/bypass/names/\(scene.mount)", F_OK) != 0)
    }

    @Test func `more changes than have room are not noted, and a slot is used again`() throws {
        let scene = try Scene()
        let journal = try scene.journal()
        let change = NameChange(.link, .init(.root, "new"), of: scene.file)
        let numbers = (0..<300).compactMap { _ in journal.begin(change) }
        #expect(numbers.count == 256 && Set(numbers).count == 256)
        journal.end(numbers[7])
        #expect(journal.begin(change) == numbers[7])
    }
}
