import Synchronization
import Testing

@testable import TranslatorCore

@Suite struct InterruptibleWaitsTests {
    private final class Ended: Sendable {
        let count = Atomic<Int>(0)
        var isEnded: Bool { count.load(ordering: .relaxed) == 1 }
    }

    @Test func `a wait is ended once, by its own number, and not after it was over`() {
        let waits = InterruptibleWaits(), ended = Ended()
        func begin(_ unique: UInt64) -> Bool {
            waits.begin(unique) { ended.count.add(1, ordering: .relaxed) }
        }
        #expect(begin(2))
        waits.interrupt(4)
        #expect(!ended.isEnded)
        waits.interrupt(2)
        waits.interrupt(2)
        #expect(ended.isEnded)
        waits.end(2)
        #expect(begin(6))
        waits.end(6)
        waits.interrupt(6)
        #expect(ended.isEnded)
    }

    @Test func `an interrupt that comes before the wait ends it, and an old one is forgotten`() {
        let waits = InterruptibleWaits()
        for unique in 1...300 { waits.interrupt(UInt64(unique)) }
        #expect(!waits.begin(300) {})
        #expect(waits.begin(300) {}, "it is said once")
        #expect(waits.begin(1) {}, "256 later ones have come since")
    }

    @Test func `at the end nobody waits any more`() {
        let waits = InterruptibleWaits(), ended = Ended()
        #expect(waits.begin(2) { ended.count.add(1, ordering: .relaxed) })
        waits.interruptAll()
        #expect(ended.isEnded && !waits.begin(4) {})
    }

    @Test func `frames that no program stands behind have numbers that the kernel gives to none`() {
        #expect(Frame(caller: .root).unique & 1 == 1)
    }
}
