import HealProtocol
import Testing
import TranslatorCore

@testable import HealTransport

@Suite struct SequenceTests {
    @Test func `a number counts as settled when it and all before it were used`() {
        var ledger = SequenceLedger()
        let first = ledger.begin(7), second = ledger.begin(7)
        ledger.end(7, sequence: second)
        ledger.settle()
        let early = ledger.settled[7]
        ledger.end(7, sequence: first)
        ledger.settle()
        #expect(early == 0)
        #expect(ledger.settled[7] == 2)
        #expect(ledger.settled[8] == 0)
    }

    @Test func `with writes under way at every look the settled number still advances`() {
        var ledger = SequenceLedger()
        var open = ledger.begin(1)
        for _ in 0..<10 {
            let next = ledger.begin(1)  // overlaps with the one before
            ledger.end(1, sequence: open)
            open = next
            ledger.settle()
        }
        #expect(ledger.settled[1] >= 8)
        #expect(ledger.settled[1] < open)
    }

    @Test func `settled never runs ahead of an open number, whatever the order`() {
        // Goal: a heartbeat never calls a record lost that is still to come. Method: a seeded random schedule.
        var random = SplitMix(state: 99), ledger = SequenceLedger(), open: Set<UInt64> = []
        for _ in 0..<20_000 {
            switch Int.random(in: 0...4, using: &random) {
            case 0, 1: open.insert(ledger.begin(3))
            case 2, 3:
                if let done = open.randomElement(using: &random) {
                    open.remove(done)
                    ledger.end(3, sequence: done)
                }
            default:
                ledger.settle()
                if let oldest = open.min() { #expect(ledger.settled[3] < oldest) }
            }
        }
    }

    @Test func `a hole is a loss only when a heartbeat says so`() {
        var tracker = SequenceTracker(after: 4), loss: SequenceTracker.Loss?
        let fresh = [5, 8, 7].map { tracker.receive($0, loss: &loss) }
        let again = tracker.receive(7, loss: &loss)
        #expect(fresh == [true, true, true])
        #expect(!again)
        #expect(loss == nil)
        let found = tracker.settle(through: 9)
        #expect(found == SequenceTracker.Loss(from: 6, count: 2))
        let late = tracker.receive(6, loss: &loss)
        #expect(!late, "given up already")
        let nothing = tracker.settle(through: 9)
        #expect(nothing == nil)
        #expect(tracker.through == 9)
    }

    @Test func `what comes in any order without a loss is no loss`() {
        var random = SplitMix(state: 5), tracker = SequenceTracker(after: 0), loss: SequenceTracker.Loss?
        let sequences = Array(UInt64(1)...2_000).shuffled(using: &random)
        for sequence in sequences { _ = tracker.receive(sequence, loss: &loss) }
        #expect(tracker.through == 2_000)
        let found = tracker.settle(through: 2_000)
        #expect(found == nil)
        #expect(loss == nil)
    }

    @Test func `memory for what is ahead of a hole is bounded`() {
        var tracker = SequenceTracker(after: 0), loss: SequenceTracker.Loss?
        for sequence in 2...UInt64(SequenceTracker.aheadMax + 2) where loss == nil {
            _ = tracker.receive(sequence, loss: &loss)
        }
        #expect(loss == SequenceTracker.Loss(from: 1, count: 1))
    }

    @Test func `after the target was lost no replay tells of what was numbered before, not even if it comes late`() {
        var ledger = SequenceLedger(), window = ReplayWindow(countMax: 4)
        func record(_ sequence: UInt64) -> QueuedRecord {
            QueuedRecord(
                gfid: .file(7), sequence: sequence, first: 0, second: 1, generation: 1, kind: .range)
        }
        let early = ledger.begin(7), late = ledger.begin(7)
        window.append(record(early))
        window.forget(through: ledger.assigned)
        window.append(record(late))
        let fresh = ledger.begin(7)
        window.append(record(fresh))
        let told = window.records(7, from: early, max: 10)
        #expect(told.records.map(\.sequence) == [fresh])
        #expect(told.goneThrough == late)
    }

    @Test func `a replay window tells what it keeps, in order, and what is gone`() {
        var window = ReplayWindow(countMax: 4)
        for sequence: UInt64 in [2, 1, 3, 4, 5] {
            window.append(
                QueuedRecord(gfid: .file(9), sequence: sequence, first: 0, second: 1, generation: 1, kind: .range))
        }
        let all = window.records(9, from: 1, max: 10)
        #expect(all.records.map(\.sequence) == [1, 3, 4, 5])
        #expect(all.goneThrough == 2)
        #expect(!all.hasMore)
        let some = window.records(9, from: 3, max: 2)
        #expect(some.records.map(\.sequence) == [3, 4])
        #expect(some.goneThrough == 0)
        #expect(some.hasMore)
        #expect(window.records(8, from: 1, max: 10).records.isEmpty)
    }
}

/// A seeded generator, so that a failure can be run again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
