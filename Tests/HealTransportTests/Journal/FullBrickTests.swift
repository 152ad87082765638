import CPosix
import Glibc
import HealProtocol
import HealTransport
import Testing
import TranslatorCore
import TranslatorTesting

/// A brick of 512 KiB that can be filled: a tmpfs of its own. Needs root.
@Suite(.enabled(if: geteuid() == 0, "mounting a small file system needs root"))
struct FullBrickTests {
    let a = Gfid.file(0xA1), b = Gfid.file(0xB2)

    final class SmallBrick {
        let scratch = TemporaryDirectory()
        var path: String { scratch.appending("brick") }
        init() throws {
            _ = scratch.subdirectory("brick")
            try #require(mount("tmpfs", path, "tmpfs", 0, "size=512k") == 0)
        }
        /// Leaves nothing free.
        func fill() {
            let descriptor = open(path + "/filler", O_CREAT | O_WRONLY | O_APPEND, 0o600)
            let page = [UInt8](repeating: 1, count: 4096)
            while write(descriptor, page, page.count) > 0 {}
            close(descriptor)
        }
        func makeRoom() { unlink(path + "/filler") }
        deinit { umount2(path, Int32(MNT_DETACH)) }
    }

    @Test func `on a full brick a journal says from where on it is blind, and sees again when there is room`()
        async throws
    {
        let small = try SmallBrick()
        let scene = try JournalScene(brick: small.path)
        let journal = try scene.makeWriter()
        let hasSpare = await eventually { scene.segments().count == 2 }
        #expect(hasSpare)
        small.fill()
        _ = journal.append(scene.record(.opened, a, 3))
        var sequence: UInt64 = 0, isBlind = false
        while !isBlind, sequence < 5_000 {
            sequence += 1
            if case .blind = journal.append(scene.range(a, 3, sequence: sequence)) { isBlind = true }
        }
        #expect(isBlind)
        #expect(!journal.canJournal)
        small.makeRoom()
        let sees = await eventually { journal.canJournal }
        #expect(sees)
        _ = journal.append(scene.range(a, 3, sequence: sequence + 1))
        _ = journal.append(scene.record(.opened, b, 3))
        _ = journal.append(scene.range(b, 3, sequence: 1))
        journal.close()
        let reader = scene.makeReader()
        #expect(try reader.explain(a).first?.epochs.first?.isComplete == false)
        #expect(try reader.explain(b).first?.epochs.first?.isComplete == true)
    }

    @Test func `a brick too full for one segment is refused, and nothing stays behind`() throws {
        let small = try SmallBrick()
        let scene = try JournalScene(brick: small.path)
        small.fill()
        do {
            _ = try scene.makeWriter()
            Issue.record("accepted")
        } catch let error as JournalError {
            #expect(error.cause == .noSpace)
            #expect(error.description.contains("free space on the brick"))
        }
        #expect(scene.names(in: "\(small.path)/.glusterfs/bypass").filter { $0 != "." && $0 != ".." } == [])
    }
}
