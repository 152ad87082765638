import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting
import WireProtocol

@testable import Translators

@Suite struct UtimeTranslatorTests {
    /// Remembers which times a fop would set as a call to a brick.
    private final class Flags: EveryFop {
        static let type: TranslatorType = "test/flags"
        static let needs: SubvolumeNeed = .exactly(1)
        let volume: Volume
        let seen = Mutex<[Fop: TimeFlags]>([:])
        init(_ volume: Volume) { self.volume = volume }
        func around<Request: FopRequest, Reply: FopReply>(
            _ fop: Fop, _ request: Request, in frame: Frame, _ next: () async throws(FopError) -> Reply
        ) async throws(FopError) -> Reply {
            seen.withLock { $0[fop] = TimeFlags(fop, in: frame) }
            return try await next()
        }
    }

    private static func text(_ options: String) -> String {
        """
        volume disk
            type testing/inert
        end-volume
        volume flags
            type test/flags
            subvolumes disk
        end-volume
        volume utime
            type features/utime
            \(options)
            subvolumes flags
        end-volume
        """
    }

    private func seen(_ graph: Graph) async throws -> [Fop: TimeFlags] {
        let flags = try #require(graph["flags"] as? Flags)
        let frame = Frame(caller: .root, time: Timestamp(seconds: 1, nanoseconds: 2))
        let file = Fd(inode: Inode(gfid: .random(), type: .regular), flags: .readWrite)
        let directory = Fd(inode: Inode(gfid: .random(), type: .directory), flags: [])
        _ = try await graph.top.open(OpenRequest(fd: file), in: frame)
        _ = try await graph.top.opendir(OpendirRequest(fd: directory), in: frame)
        _ = try await graph.top.readv(ReadRequest(fd: file, offset: 0, bytes: 1), in: frame)
        _ = try await graph.top.stat(StatRequest(.fd(file)), in: frame)
        _ = try await graph.top.fsync(FsyncRequest(fd: file, dataOnly: false), in: frame)
        return flags.seen.withLock { $0 }
    }

    @Test func `the access time is set by opening and reading, and by default by nothing`() async throws {
        for options in ["", "option noatime on"] {
            let graph = try Graph.fromText(Self.text(options), extra: [Flags.self])
            #expect(try await seen(graph).values.allSatisfy { $0 == [] }, "\(options)")
        }
        let graph = try Graph.fromText(Self.text("option noatime off"), extra: [Flags.self])
        let reading: [Fop: TimeFlags] = [.open: .atime, .opendir: .atime, .readv: .atime, .fstat: [], .fsync: []]
        #expect(try await seen(graph) == reading)
    }

    @Test func `noatime changes while mounted`() async throws {
        let graph = try Graph.fromText(Self.text(""), extra: [Flags.self])
        try graph.reconfigure(with: Volfile(Self.text("option noatime off"), file: "new.vol"))
        #expect(try await seen(graph)[.readv] == .atime)
    }
}
