import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealEngine

@Suite struct HealInspectorTests {
    @Test func `a file of which one replica has kept the handle and no name is gone, one that has a name is missing`()
        async throws
    {
        let bench = try await HealBench(content: [FileHealTests.base, FileHealTests.base])
        bench.replicas.accuse(bench.file, on: 1, about: 0)
        bench.replicas.bricks[0].remove(bench.file)
        #expect(await bench.heal().outcome == .failed(.missing(bench.file, on: ["vol-client-0"])))
        bench.replicas.bricks[1].removeNames(bench.file)
        #expect(await bench.heal().outcome == .gone)
    }
}
