import Testing
import TranslatorCore
import TranslatorTesting

@Suite struct IoStatsTranslatorTests {
    private func entry(_ value: StateDump.Value?, _ name: String) -> StateDump.Value? {
        guard case .table(let rows)? = value else { return nil }
        return rows.first { $0.0 == name }?.1
    }
    private func fop(_ stack: DebugStack, _ name: String) -> StateDump.Value? {
        stack.top.dump()?.entries.first { $0.0 == name }?.1
    }

    @Test func `nothing is counted while both options are off, and counting begins while mounted`() async throws {
        let stack = try DebugStack("debug/io-stats")
        try await stack.write("hello")
        try await stack.fsync()
        #expect(stack.top.dump()?.entries.isEmpty == true)
        #expect(stack.recorder.fops == [.writev, .fsync])
        try stack.reconfigure(["count-fop-hits on"])
        try await stack.write("hello")
        #expect(entry(fop(stack, "writev"), "calls") == .integer(1))
    }

    @Test func `calls, failures and bytes are counted by fop, sizes in powers of two`() async throws {
        let stack = try DebugStack("debug/io-stats", ["count-fop-hits on"])
        for text in ["a", "abc", "abcd", "abcdefg"] { try await stack.write(text) }
        try await stack.stat()
        try await stack.stat(.fd(stack.file))
        let writes = fop(stack, "writev")
        #expect(entry(writes, "calls") == .integer(4))
        #expect(entry(writes, "failures") == .integer(0))
        #expect(entry(writes, "bytes") == .integer(15))
        #expect(entry(writes, "sizes-bytes") == .table([("0", .integer(1)), ("2", .integer(1)), ("4", .integer(2))]))
        #expect(entry(writes, "latencies-ns") == nil)
        #expect(entry(fop(stack, "stat"), "calls") == .integer(1))
        #expect(entry(fop(stack, "fstat"), "calls") == .integer(1))
    }

    @Test func `latencies go into the bucket that holds them`() async throws {
        let clock = ManualClock()
        let graph = try Graph.fromText(
            """
            volume disk
                type testing/inert
            end-volume
            volume slow
                type debug/delay-gen
                option delay-percentage 100%
                option delay-duration 10
                subvolumes disk
            end-volume
            volume stats
                type debug/io-stats
                option latency-measurement on
                subvolumes slow
            end-volume
            """, environment: GraphEnvironment(time: clock, log: .silent))
        let file = Fd(inode: Inode(gfid: .root, type: .directory), flags: [])
        let flush = Task { try await graph.top.flush(FlushRequest(fd: file), in: Frame(caller: .root)) }
        #expect(await eventually { clock.sleeperCount == 1 })
        clock.advance(by: .microseconds(10))
        _ = try await flush.value
        let counted = graph.top.dump()?.entries.first { $0.0 == "flush" }?.1
        #expect(entry(counted, "latencies-ns") == .table([("8192", .integer(1))]))
        #expect(entry(counted, "latency-average-ns") == .integer(10_000))
        #expect(entry(counted, "latency-max-ns") == .integer(10_000))
        #expect(entry(counted, "latency-p99-ns") == .integer(16_384))
    }
}
