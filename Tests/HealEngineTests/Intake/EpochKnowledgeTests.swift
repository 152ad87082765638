import HealProtocol
import RangeMapping
import Testing
import TranslatorCore

@testable import HealEngine

@Suite struct EpochKnowledgeTests {
    static let file = EpochKnowledge.File(gfid: Gfid(high: 7, low: 7), target: 0)
    static let writer = Gfid(high: 1, low: 1)
    static let now = MonotonicTime(nanoseconds: 10)

    static func record(
        _ kind: WriteRecord.Kind, _ generation: Int32, _ sequence: UInt64, writer: Gfid = writer,
        gfid: Gfid = file.gfid,
        target: UInt16 = 0
    ) -> WriteRecord {
        WriteRecord(
            volume: .none, replicaSet: 0, target: target, writer: writer, boot: .none, gfid: gfid,
            generation: generation,
            sequence: sequence, kind: kind)
    }
    static func range(_ offset: UInt64, _ bytes: UInt64) -> WriteRecord.Kind { .range(offset: offset, bytes: bytes) }

    @Test func `an epoch is complete when as many distinct records came as its close says, in any order`() {
        let records = [
            Self.record(Self.range(0, 10), 4, 1), Self.record(Self.range(5, 10), 4, 2),
            Self.record(Self.range(90, 1), 4, 3),
            Self.record(.close(records: 3, isExact: true), 4, 4),
        ]
        var numbers = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            // Loss of any one record must show; repetition must not.
            for lost in 0...records.count {
                var knowledge = EpochKnowledge()
                var sent = records.enumerated().filter { $0.offset != lost }.map(\.element)
                sent += sent.filter { _ in Bool.random(using: &numbers) }
                sent.shuffle(using: &numbers)
                for record in sent { _ = knowledge.learn(record, at: Self.now) }
                #expect(knowledge.isComplete(Self.file, 4) == (lost == records.count), "sent \(sent.map(\.sequence))")
                if lost == records.count {
                    let run = knowledge.run(Self.file, from: 4, through: 4)
                    #expect(run.length == 1)
                    #expect(run.ranges.ranges == [ByteRange(start: 0, end: 15), ByteRange(start: 90, end: 91)])
                }
            }
        }
    }

    @Test func `a record that arrives twice does not stand in for a lost one`() {
        var knowledge = EpochKnowledge()
        #expect(knowledge.learn(Self.record(Self.range(0, 1), 1, 1), at: Self.now) == .range(isNew: true))
        #expect(knowledge.learn(Self.record(Self.range(0, 1), 1, 1), at: Self.now) == .range(isNew: false))
        #expect(
            knowledge.learn(Self.record(.close(records: 2, isExact: true), 1, 3), at: Self.now)
                == .closed(isComplete: false))
    }

    @Test func `more records than the close says make an epoch doubtful, not complete`() {
        var knowledge = EpochKnowledge()
        for sequence in 1...3 as ClosedRange<UInt64> {
            _ = knowledge.learn(Self.record(Self.range(sequence, 1), 1, sequence), at: Self.now)
        }
        _ = knowledge.learn(Self.record(.close(records: 2, isExact: true), 1, 9), at: Self.now)
        #expect(!knowledge.isComplete(Self.file, 1))
    }

    @Test func `a close that is not exact leaves in doubt what has landed, and explains nothing`() {
        var knowledge = EpochKnowledge()
        _ = knowledge.learn(Self.record(.close(records: 0, isExact: false), 1, 1), at: Self.now)
        #expect(knowledge.ending(of: Self.file, 1) == .doubtful && !knowledge.isComplete(Self.file, 1))
        _ = knowledge.learn(Self.record(.close(records: 0, isExact: true), 2, 2), at: Self.now)
        #expect(knowledge.ending(of: Self.file, 2) == .landed)
    }

    @Test func `a run ends at the first epoch that is not complete`() {
        var knowledge = EpochKnowledge()
        for generation in [3, 4, 6, 7] as [Int32] {
            _ = knowledge.learn(
                Self.record(.close(records: 0, isExact: true), generation, UInt64(generation)), at: Self.now)
        }
        #expect(knowledge.run(Self.file, from: 3, through: 9).length == 2)
        #expect(knowledge.run(Self.file, from: 3, through: 3).length == 1)
        #expect(knowledge.run(Self.file, from: 2, through: 9).length == 0)
        #expect(knowledge.run(Self.file, from: 6, through: 9).length == 2)
    }

    @Test func `two writers that claim one epoch are both disbelieved`() {
        var knowledge = EpochKnowledge()
        _ = knowledge.learn(Self.record(.close(records: 0, isExact: true), 1, 1), at: Self.now)
        _ = knowledge.learn(
            Self.record(.close(records: 0, isExact: true), 1, 1, writer: Gfid(high: 2, low: 2)), at: Self.now)
        #expect(!knowledge.isComplete(Self.file, 1))
        #expect(knowledge.writers(of: Self.file, 1).count == 2)
    }

    @Test func `a dead writer's journal completes an epoch whose close was lost`() {
        var knowledge = EpochKnowledge()
        let ranges = [Self.record(Self.range(10, 5), 2, 8)]
        var account = JournalExplanation(
            gfid: Self.file.gfid, writer: Self.writer, replicaSet: 0, target: 0, isWriterAlive: true,
            epochs: [EpochExplanation(generation: 2, ranges: ranges, close: nil, isComplete: false)])
        knowledge.learn(account, at: Self.now)
        #expect(!knowledge.isComplete(Self.file, 2))
        (account.isWriterAlive, account.epochs[0].isComplete) = (false, true)
        knowledge.learn(account, at: Self.now)
        #expect(knowledge.isComplete(Self.file, 2))
        #expect(knowledge.run(Self.file, from: 2, through: 2).ranges.ranges == [ByteRange(start: 10, end: 15)])
    }

    @Test func `a lost connection takes all that was told of its replica`() {
        var knowledge = EpochKnowledge()
        _ = knowledge.learn(Self.record(.close(records: 0, isExact: true), 1, 1), at: Self.now)
        _ = knowledge.learn(Self.record(.close(records: 0, isExact: true), 1, 1, target: 1), at: Self.now)
        knowledge.forget(target: 0)
        #expect(knowledge.ending(of: Self.file, 1) == .unknown)
        #expect(knowledge.isComplete(EpochKnowledge.File(gfid: Self.file.gfid, target: 1), 1))
    }

    @Test func `memory is bounded, and what is forgotten cannot look complete again by its rest`() {
        var knowledge = EpochKnowledge(costMax: 100)
        let first = Self.record(Self.range(0, 1), 1, 1)
        _ = knowledge.learn(first, at: Self.now)
        for number in 1...400 as ClosedRange<UInt64> {
            let gfid = Gfid(high: 8, low: number)
            _ = knowledge.learn(Self.record(Self.range(number, 1), 1, number * 2, gfid: gfid), at: Self.now)
            #expect(knowledge.cost <= 100)
        }
        #expect(knowledge.knownFiles.contains { $0.gfid == Gfid(high: 8, low: 400) }, "the newest stays")
        // The other record and the close of the forgotten epoch arrive late.
        _ = knowledge.learn(Self.record(Self.range(9, 1), 1, 2), at: Self.now)
        _ = knowledge.learn(Self.record(.close(records: 2, isExact: true), 1, 3), at: Self.now)
        #expect(!knowledge.isComplete(Self.file, 1))
        for file in knowledge.knownFiles { knowledge.forget(file) }
        #expect(knowledge.isEmpty && knowledge.cost == 0)
    }

    @Test func `healed epochs are forgotten, newer ones are not`() {
        var knowledge = EpochKnowledge()
        for generation in 1...5 as ClosedRange<Int32> {
            _ = knowledge.learn(
                Self.record(Self.range(0, 10), generation, UInt64(generation)),
                at: MonotonicTime(nanoseconds: Int64(generation)))
        }
        #expect(knowledge.backlog(Self.file)! == (MonotonicTime(nanoseconds: 1), 5, 50))
        knowledge.healed(Self.file, through: 3)
        #expect(knowledge.backlog(Self.file)! == (MonotonicTime(nanoseconds: 4), 2, 20))
        knowledge.healed(Self.file, through: 5)
        #expect(knowledge.isEmpty && knowledge.cost == 1)
        // A replay tells of them once more.
        #expect(knowledge.learn(Self.record(Self.range(0, 10), 4, 4), at: Self.now) == .ignored)
        #expect(knowledge.learn(Self.record(Self.range(0, 10), 6, 6), at: Self.now) == .range(isNew: true))
    }
}
