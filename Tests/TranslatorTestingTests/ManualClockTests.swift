import Testing
import TranslatorCore
import TranslatorTesting

@Suite struct ManualClockTests {
    @Test func `time stands still until it is advanced`() {
        let clock = ManualClock(now: 5)
        #expect(clock.now() == MonotonicTime(nanoseconds: 5))
        clock.advance(by: .nanoseconds(7))
        #expect(clock.now() == MonotonicTime(nanoseconds: 12))
        #expect(clock.wallClock() == Timestamp(seconds: 1_700_000_000, nanoseconds: 7))
    }

    @Test func `a sleeper wakes at its deadline and not a nanosecond before`() async throws {
        let clock = ManualClock()
        let sleeper = Task { try await clock.sleep(for: .seconds(1)) }
        #expect(await eventually { clock.sleeperCount == 1 })
        clock.advance(by: .seconds(1) - .nanoseconds(1))
        #expect(clock.sleeperCount == 1)
        clock.advance(by: .nanoseconds(1))
        try await sleeper.value
        #expect(clock.sleeperCount == 0)
    }

    @Test func `a cancelled sleeper throws, before and after it fell asleep`() async {
        let clock = ManualClock()
        let sleeper = Task { try await clock.sleep(for: .seconds(1)) }
        #expect(await eventually { clock.sleeperCount == 1 })
        sleeper.cancel()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
        let cancelledFirst = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await clock.sleep(for: .seconds(1))
        }
        await #expect(throws: CancellationError.self) { try await cancelledFirst.value }
        #expect(clock.sleeperCount == 0)
    }

    @Test func `the next deadline is the earliest one`() async throws {
        let clock = ManualClock(now: 0)
        let late = Task { try await clock.sleep(for: .seconds(9)) }
        let early = Task { try await clock.sleep(for: .seconds(2)) }
        #expect(await eventually { clock.sleeperCount == 2 })
        #expect(clock.advanceToNextDeadline())
        try await early.value
        #expect(clock.now() == MonotonicTime(nanoseconds: 2_000_000_000))
        #expect(clock.sleeperCount == 1)
        clock.advanceToNextDeadline()
        try await late.value
        #expect(!clock.advanceToNextDeadline())
    }
}
