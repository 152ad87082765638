import Testing
import TranslatorCore
import TranslatorTesting

@Suite(.enabled(if: AllocationCount.isCounting, "a sanitizer owns malloc"))
struct EveryFopCostTests {
    @Test func `a layer that treats every fop alike allocates nothing on the way`() async throws {
        let graph = try Graph.fromText(
            """
            volume disk
                type testing/inert
            end-volume
            volume delay
                type debug/delay-gen
                option delay-percentage 0%
                subvolumes disk
            end-volume
            volume errors
                type debug/error-gen
                option failure 0%
                subvolumes delay
            end-volume
            volume trace
                type debug/trace
                option include-ops ipc
                subvolumes errors
            end-volume
            volume stats
                type debug/io-stats
                option count-fop-hits on
                option latency-measurement on
                subvolumes trace
            end-volume
            """)
        let file = Fd(inode: Inode(gfid: .root, type: .regular), flags: .readWrite)
        let frame = Frame(caller: .root)
        let write = WriteRequest(
            fd: file, offset: 0, payload: Payload(graph.environment.pool.draft().freeze(count: 4096)))
        let top = graph.top
        #expect(try await AllocationCount.average { _ = try await top.writev(write, in: frame) } == 0)
        #expect(try await AllocationCount.average { _ = try await top.stat(StatRequest(.fd(file)), in: frame) } == 0)
    }
}
