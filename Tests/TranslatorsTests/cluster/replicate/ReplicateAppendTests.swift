import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting
import Translators

/// Appends go where the good replicas end.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct ReplicateAppendTests {
    @Test func `appends follow each other, whatever offset they come with`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f", flags: [.readWrite, .append])
        for (position, word) in ["one", "two", "three"].enumerated() {
            try await stack.write(word, to: fd, at: UInt64(position * 1000))
        }
        #expect(stack.text(0, "f") == "onetwothree" && stack.text(1, "f") == "onetwothree")
        await stack.stop()
    }

    @Test func `a replica that lags gets the bytes at the offset of the others, not at its own end`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f", flags: [.readWrite, .append])
        stack.faulty[1].goDown()
        try await stack.write("missed", to: fd)
        try await stack.flush(fd)
        stack.faulty[1].comeUp()
        try await stack.write("seen", to: fd)
        try await stack.flush(fd)
        #expect(stack.text(0, "f") == "missedseen")
        #expect(stack.content(1, "f") == [0, 0, 0, 0, 0, 0] + Array("seen".utf8))
        await stack.stop()
    }

    @Test func `an accused replica's longer copy does not say where the file ends`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f", flags: [.readWrite, .append])
        try await stack.write("long tail", to: fd)
        try await stack.flush(fd)
        stack.faulty[0].goDown()
        _ = try await stack.replicate.truncate(TruncateRequest(.fd(fd), size: 4), in: stack.frame)
        try await stack.flush(fd)
        stack.faulty[0].comeUp()
        try await stack.write("+", to: fd)
        #expect(stack.text(1, "f") == "long+")
        await stack.stop()
    }

    @Test func `appends from many tasks at once lose nothing and are the same on all replicas`() async throws {
        let stack = try await ReplicaStack(3)
        let fd = try await stack.create("f", flags: [.readWrite, .append])
        let lines = (0..<60).map { "line \($0)\n" }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for line in lines { group.addTask { [stack] in try await stack.write(line, to: fd) } }
            try await group.waitForAll()
        }
        let text = try #require(stack.text(0, "f"))
        #expect(text.split(separator: "\n").sorted() == lines.map { $0.dropLast() }.sorted())
        #expect(stack.text(1, "f") == text && stack.text(2, "f") == text)
        await stack.stop()
    }

    @Test func `between appends other changes of the size are seen`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f", flags: [.readWrite, .append])
        try await stack.write("abcdef", to: fd)
        _ = try await stack.replicate.truncate(TruncateRequest(.fd(fd), size: 2), in: stack.frame)
        try await stack.write("X", to: fd)
        let plain = try await stack.open(fd.inode)
        try await stack.write("Z", to: plain, at: 5)
        try await stack.write("Y", to: fd)
        #expect(stack.content(1, "f") == Array("abX".utf8) + [0, 0] + Array("ZY".utf8))
        await stack.stop()
    }
}
