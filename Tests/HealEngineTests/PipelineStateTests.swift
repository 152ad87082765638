import HealProtocol
import Testing
import TranslatorCore

@testable import HealEngine

@Suite struct PipelineStateTests {
    @Test func `of a file that is gone everywhere no journal is needed any more`() {
        let file = Gfid.random()
        var state = PipelineState(HealSettings())
        _ = state.want(file, .recorded)
        #expect(state.nextFile(at: MonotonicTime(nanoseconds: 0)) == file)
        let aftermath = state.finished(
            HealReport(file, .gone), names: ["a", "b"], settings: HealSettings(), at: MonotonicTime(nanoseconds: 0),
            wall: Timestamp(seconds: 0, nanoseconds: 0))
        #expect(aftermath.settled == [0: .max, 1: .max])
    }
}
