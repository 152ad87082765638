import Testing
import TranslatorCore
import TranslatorTesting

@Suite struct DelayGenTranslatorTests {
    private let clock = ManualClock()
    private func stack(_ options: String...) throws -> DebugStack {
        try DebugStack("debug/delay-gen", options, environment: GraphEnvironment(time: clock, log: .silent))
    }

    @Test func `a delayed fop goes on when its time has come and not before`() async throws {
        let stack = try stack("delay-percentage 100%", "delay-duration 5000", "enable writev")
        let write = Task { try await stack.write("x") }
        #expect(await eventually { clock.sleeperCount == 1 })
        clock.advance(by: .microseconds(4999))
        try await stack.fsync()
        #expect(stack.recorder.fops == [.fsync])
        clock.advance(by: .microseconds(1))
        _ = try await write.value
        #expect(stack.recorder.fops == [.fsync, .writev])
    }

    @Test func `an interrupted wait answers EINTR and the subvolume never hears of it`() async throws {
        let stack = try stack("delay-percentage 100%")
        let write = Task { try await stack.write("x") }
        #expect(await eventually { clock.sleeperCount == 1 })
        write.cancel()
        await #expect(throws: FopError.interrupted) { _ = try await write.value }
        #expect(stack.recorder.fops.isEmpty)
    }

    @Test func `a seed chooses which calls wait`() async throws {
        func delayed(seed: Int) async throws -> StateDump.Value? {
            let stack = try stack("delay-percentage 50%", "delay-duration 0", "seed \(seed)")
            for _ in 0..<200 { try await stack.write("x") }
            return stack.top.dump()?.entries.first?.1
        }
        let first = try await delayed(seed: 1)
        #expect(try await delayed(seed: 1) == first)
        guard case .integer(let count)? = first else { return #expect(Bool(false), "no count") }
        #expect((70...130).contains(count))
    }
}
