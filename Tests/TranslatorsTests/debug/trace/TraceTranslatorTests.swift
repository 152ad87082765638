import Testing
import TranslatorCore
import TranslatorTesting

@Suite struct TraceTranslatorTests {
    private let lines = LogLines()
    private let clock = ManualClock()
    private func stack(_ options: String...) throws -> DebugStack {
        try DebugStack("debug/trace", options, environment: GraphEnvironment(time: clock, log: lines.log))
    }
    private let gfid = "00000000-0000-0001-0000-000000000002"

    @Test func `a fop is logged with its arguments, its answer and the time it took`() async throws {
        let stack = try stack()
        try await stack.write("hello", at: 4096)
        try await stack.stat(.fd(stack.file))
        #expect(
            lines.all.prefix(3) == [
                "info tested: 17 writev \(gfid) offset=4096 bytes=5 flags=0x2 pid=4711",
                "info tested: 17 writev = bytes=5 in 0us",
                "info tested: 17 fstat \(gfid) pid=4711",
            ])
    }

    @Test func `a failure is logged with its errno and still thrown`() async throws {
        let environment = GraphEnvironment(time: clock, log: lines.log)
        let graph = try Graph.fromText(
            """
            volume disk
                type testing/inert
            end-volume
            volume faulty
                type testing/faulty
                subvolumes disk
            end-volume
            volume trace
                type debug/trace
                subvolumes faulty
            end-volume
            """, environment: environment)
        (graph["faulty"] as? FaultyTranslator)?.fail(.flush, with: .noSpace)
        let file = Fd(inode: Inode(gfid: .root, type: .directory), flags: [])
        await #expect(throws: FopError.noSpace) {
            try await graph.top.flush(FlushRequest(fd: file), in: Frame(caller: .root, unique: 3))
        }
        #expect(lines.all.last == "info trace: 3 flush = ENOSPC: No space left on device (errno 28) in 0us")
    }

    @Test func `only the fops that were asked for are logged, and that can change while mounted`() async throws {
        let stack = try stack("include-ops fsync,stat")
        try await stack.write("x")
        try await stack.stat(.fd(stack.file))
        #expect(lines.all.isEmpty)
        try await stack.stat()
        try await stack.fsync()
        #expect(lines.all.count == 4)
        try stack.reconfigure(["exclude-ops stat, fsync"])
        try await stack.stat()
        #expect(lines.all.count == 4)
        try await stack.write("x")
        #expect(lines.all.count == 6)
    }

    @Test func `a fop that does not exist is refused with the nearest name`() throws {
        let error = #expect(throws: VolfileError.self) { try stack("include-ops writeev") }
        #expect(
            error?.message
                == "volume \"tested\": option \"include-ops\": no fop is called \"writeev\"; did you mean \"writev\"?")
        #expect(throws: VolfileError.self) { try stack("include-ops stat", "exclude-ops stat") }
    }
}
