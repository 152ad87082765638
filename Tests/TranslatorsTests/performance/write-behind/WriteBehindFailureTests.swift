import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// Who is told of a write that failed after it was answered.
@Suite struct WriteBehindFailureTests {
    enum Teller: CaseIterable {
        case write, fsync, flush
        func run(_ stack: WriteBehindStack, _ fd: Fd) async throws {
            switch self {
            case .write: try await stack.write("next", to: fd)
            case .fsync: try await stack.fsync(fd)
            case .flush: try await stack.flush(fd)
            }
        }
    }

    @Test(arguments: Teller.allCases)
    func `a failure is told once, to the next write, fsync or flush of the fd`(_ teller: Teller) async throws {
        let stack = try await WriteBehindStack()
        let fd = try await stack.create("file"), other = try await stack.open(fd.inode)
        stack.faulty.fail(.writev, with: .noSpace, times: 1)
        try await stack.write("lost", to: fd)
        _ = try await stack.size(fd)
        #expect(await stack.error { try await teller.run(stack, other) } == nil, "it is another fd's")
        #expect(await stack.error { try await teller.run(stack, fd) } == .noSpace)
        #expect(await stack.error { try await teller.run(stack, fd) } == nil)
        #expect(await stack.error { try await stack.fsync(fd) } == nil)
        await stack.stop()
    }

    @Test func `fsync tells of a write that fails while it waits for it, whoever wrote`() async throws {
        let stack = try await WriteBehindStack()
        let fd = try await stack.create("file"), other = try await stack.open(fd.inode)
        let gate = stack.faulty.hold(.writev)
        stack.faulty.fail(.writev, with: .io, times: 1)
        try await stack.write("lost", to: fd)
        let syncing = Task.immediate { await stack.error { try await stack.fsync(other) } }
        gate.open()
        #expect(await syncing.value == .io)
        #expect(await stack.error { try await stack.fsync(fd) } == .io)
        #expect(await stack.error { try await stack.fsync(fd) } == nil)
        await stack.stop()
    }

    @Test func `what a closed fd was not told the next one of the file is, and a line says so`() async throws {
        let lines = LogLines()
        let stack = try await WriteBehindStack(log: lines.log)
        let fd = try await stack.create("file"), other = try await stack.open(fd.inode)
        let gate = stack.faulty.hold(.writev)
        stack.faulty.fail(.writev, with: .quotaExceeded, times: 1)
        try await stack.write("lost", to: fd)
        try await stack.flush(fd)
        gate.open()
        await stack.top.release(fd)
        #expect(lines.all.contains { $0.hasPrefix("error behind: ") && $0.contains("closed before anybody was told") })
        #expect(await stack.error { try await stack.write("more", to: other) } == .quotaExceeded)
        #expect(await stack.error { try await stack.write("more", to: other) } == nil)
        await stack.stop()
    }

    @Test func `with resync who waits for what is behind a failed write is told`() async throws {
        let stack = try await WriteBehindStack(["resync-failed-syncs-after-fsync on"])
        let fd = try await stack.create("file")
        try await stack.write("0123456789", to: fd)
        try await stack.fsync(fd)
        stack.faulty.fail(.writev, with: .noSpace)
        let gate = stack.faulty.hold(.writev)
        try await stack.write("aaaa", to: fd)
        try await stack.write("bbbbbbbb", to: fd)
        let reading = Task.immediate { await stack.error { _ = try await stack.read(fd, at: 6, bytes: 2) } }
        gate.open()
        #expect(await reading.value == .noSpace)
        stack.faulty.mend()
        try await stack.fsync(fd)
        #expect(try stack.content() == "bbbbbbbb89")
        await stack.stop()
    }

    @Test func `by default what failed is not tried again`() async throws {
        let stack = try await WriteBehindStack()
        let fd = try await stack.create("file")
        stack.faulty.fail(.writev, with: .noSpace, times: 1)
        try await stack.write("lost", to: fd)
        #expect(await stack.error { try await stack.fsync(fd) } == .noSpace)
        try await stack.fsync(fd)
        #expect(try stack.bytes().isEmpty)
        await stack.stop()
    }

    @Test func `with resync what failed is kept, before what overlaps it, and tried again`() async throws {
        let stack = try await WriteBehindStack(["resync-failed-syncs-after-fsync on"])
        let fd = try await stack.create("file")
        stack.faulty.fail(.writev, with: .noSpace)
        try await stack.write("aaaa", to: fd)
        #expect(await stack.error { try await stack.fsync(fd) } == .noSpace)
        try await stack.write("bb", to: fd, at: 1)
        #expect(await stack.error { _ = try await stack.read(fd) } == .noSpace, "what it would read is not there")
        stack.faulty.mend()
        try await stack.fsync(fd)
        #expect(try stack.content() == "abba")
        #expect(stack.sent == ["0+4", "1+2"])
        await stack.stop()
    }

    @Test func `with resync a flush is the last that tries`() async throws {
        let stack = try await WriteBehindStack(["resync-failed-syncs-after-fsync on"])
        let fd = try await stack.create("file")
        stack.faulty.fail(.writev, with: .noSpace)
        try await stack.write("lost", to: fd)
        #expect(await stack.error { try await stack.fsync(fd) } == .noSpace)
        #expect(await stack.error { try await stack.flush(fd) } == .noSpace)
        stack.faulty.mend()
        try await stack.fsync(fd)
        #expect(try stack.bytes().isEmpty)
        #expect(stack.behind.charged.load(ordering: .relaxed) == 0)
        await stack.stop()
    }

    @Test func `with resync a window full of failed writes makes writers write themselves`() async throws {
        let stack = try await WriteBehindStack(["resync-failed-syncs-after-fsync on", "cache-size 512KB"])
        let fd = try await stack.create("file")
        let block = [UInt8](repeating: 1, count: 512 << 10)
        stack.faulty.fail(.writev, with: .noSpace)
        try await stack.write(block, to: fd)
        #expect(await stack.error { try await stack.fsync(fd) } == .noSpace)
        stack.faulty.mend()
        try await stack.write("far", to: fd, at: 1 << 20)
        #expect(stack.behind.counters.writtenThrough.value == 1)
        #expect(try stack.bytes().count == 1 << 20 + 3)
        try await stack.fsync(fd)
        #expect(try stack.bytes().prefix(block.count).allSatisfy { $0 == 1 })
        await stack.stop()
    }

    @Test func `with nobody below the next report fails`() async throws {
        let stack = try await WriteBehindStack()
        let fd = try await stack.create("file")
        stack.faulty.goDown()
        try await stack.write("lost", to: fd)
        #expect(await stack.error { try await stack.fsync(fd) } == .notConnected)
        stack.faulty.comeUp()
        try await stack.write("kept", to: fd)
        try await stack.fsync(fd)
        #expect(try stack.content() == "kept")
        await stack.stop()
    }

    @Test func `what is written in part goes on where it stopped`() async throws {
        let stack = try await WriteBehindStack(below: [("short", ["type test/short"])])
        let fd = try await stack.create("file")
        try await stack.write("abcdefgh", to: fd)
        try await stack.fsync(fd)
        #expect(try stack.content() == "abcdefgh")
        #expect(stack.sent.count == 3)
        await stack.stop()
    }
}
