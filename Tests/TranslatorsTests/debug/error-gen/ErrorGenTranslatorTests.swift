import Testing
import TranslatorCore
import TranslatorTesting

@Suite struct ErrorGenTranslatorTests {
    private func outcomes(_ stack: DebugStack, calls: Int) async -> [FopError?] {
        var outcomes: [FopError?] = []
        for _ in 0..<calls {
            do throws(FopError) {
                try await stack.write("x")
                outcomes.append(nil)
            } catch {
                outcomes.append(error)
            }
        }
        return outcomes
    }

    @Test func `every tenth call fails with the errno that was asked for`() async throws {
        let stack = try DebugStack("debug/error-gen", ["failure 10%", "error-no ENOSPC"])
        let outcomes = await outcomes(stack, calls: 1000)
        #expect(outcomes.indices.filter { outcomes[$0] != nil } == (1...100).map { $0 * 10 - 1 })
        #expect(outcomes.compactMap { $0 }.allSatisfy { $0 == .noSpace })
        #expect(stack.recorder.fops.count == 900)
        #expect(stack.top.dump()?.entries.map(\.1) == [.integer(1000), .integer(100)])
    }

    @Test func `the same seed fails the same calls in the same way, another seed others`() async throws {
        func run(_ seed: Int) async throws -> [FopError?] {
            await outcomes(
                try DebugStack("debug/error-gen", ["failure 25", "random-failure on", "seed \(seed)"]), calls: 400)
        }
        let first = try await run(7)
        #expect(try await run(7) == first)
        #expect(try await run(8) != first)
        #expect((60...140).contains(first.count { $0 != nil }))
        #expect(Set(first.compactMap { $0 }).count > 1)
    }

    @Test func `other fops than those enabled never fail, and all or none is what it says`() async throws {
        let stack = try DebugStack("debug/error-gen", ["failure 100%", "enable fsync,fstat", "error-no 5"])
        try await stack.write("x")
        try await stack.stat()
        await #expect(throws: FopError.io) { try await stack.fsync() }
        await #expect(throws: FopError.io) { try await stack.stat(.fd(stack.file)) }
        try stack.reconfigure(["failure 0%", "enable fsync,fstat", "error-no 5"])
        try await stack.fsync()
    }

    @Test func `an errno that does not exist is refused`() throws {
        let error = #expect(throws: VolfileError.self) { try DebugStack("debug/error-gen", ["error-no ENOSPACE"]) }
        #expect(
            error?.message == "volume \"tested\": option \"error-no\": \"ENOSPACE\" is no errno; write ENOSPC or 28")
    }
}
