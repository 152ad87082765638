import CPosix
import Glibc
import Testing
import TranslatorCore
import TranslatorTesting
import Translators

/// The stack of "Translator 101": a directory under rot-13.
@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and a file system with trusted xattrs"))
struct Rot13TranslatorTests {
    private let scratch = TemporaryDirectory("rot13")
    private let frame = Frame(caller: .root)

    private func mounted(_ options: String...) async throws -> (graph: Graph, file: Fd) {
        let graph = try Graph.fromText(
            """
            volume my-posix
                type storage/posix
                option directory \(scratch.subdirectory("brick"))
            end-volume
            volume my-rot13
                type encryption/my-rot-13
                \(options.map { "option \($0)" }.joined(separator: "\n    "))
                subvolumes my-posix
            end-volume
            """)
        try await graph.start()
        let root = graph.environment.inodes.inode(.root, type: .directory)
        let file = Fd(inode: graph.environment.inodes.inode(.random(), type: .regular), flags: .readWrite)
        let entry = NewEntry(parent: root, name: "greeting", inode: file.inode)
        _ = try await graph.top.create(CreateRequest(entry: entry, fd: file, mode: 0o644), in: frame)
        return (graph, file)
    }

    private func write(_ parts: [String], _ graph: Graph, _ file: Fd) async throws -> Payload {
        let slices = parts.map { text in
            let draft = graph.environment.pool.draft(bytes: max(1, text.utf8.count))
            draft.bytes.copyBytes(from: text.utf8)
            return IobufSlice(draft.freeze(count: text.utf8.count))
        }
        let payload = Payload(slices)
        let reply = try await graph.top.writev(WriteRequest(fd: file, offset: 0, payload: payload), in: frame)
        #expect(reply.bytes == payload.count)
        return payload
    }
    private func read(_ graph: Graph, _ file: Fd) async throws -> String {
        let reply = try await graph.top.readv(ReadRequest(fd: file, offset: 0, bytes: 4096), in: frame)
        return String(decoding: reply.payload.copiedBytes(), as: UTF8.self)
    }
    private func onBrick() -> String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let descriptor = cposix_open(scratch.appending("brick/greeting"), O_RDONLY, 0)
        defer { close(descriptor) }
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
    private func end(_ graph: Graph, _ file: Fd) async {
        await graph.top.release(file)
        await graph.stop()
    }

    @Test func `hello is uryyb on the brick and hello to the reader`() async throws {
        let (graph, file) = try await mounted()
        _ = try await write(["hello"], graph, file)
        #expect(onBrick() == "uryyb")
        #expect(try await read(graph, file) == "hello")
        await end(graph, file)
    }

    @Test func `either direction can be left alone`() async throws {
        let (graph, file) = try await mounted("decrypt-read off")
        _ = try await write(["hello"], graph, file)
        #expect(try await read(graph, file) == "uryyb")
        await end(graph, file)
        scratch.removeContents()
        let (other, again) = try await mounted("encrypt-write off")
        _ = try await write(["hello"], other, again)
        #expect(onBrick() == "hello")
        #expect(try await read(other, again) == "uryyb")
        await end(other, again)
    }

    @Test func `every letter turns, nothing else does, over the seams of a vector too`() async throws {
        let (graph, file) = try await mounted()
        let text = "ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz 0123456789 @[`{ é\u{0}"
        let payload = try await write([String(text.prefix(20)), "", String(text.dropFirst(20))], graph, file)
        #expect(onBrick() == "NOPQRSTUVWXYZABCDEFGHIJKLM nopqrstuvwxyzabcdefghijklm 0123456789 @[`{ é\u{0}")
        #expect(try await read(graph, file) == text)
        // The caller's own pages stay as they were: other replicas may be waiting for them.
        #expect(String(decoding: payload.copiedBytes(), as: UTF8.self) == text)
        await end(graph, file)
    }
}
