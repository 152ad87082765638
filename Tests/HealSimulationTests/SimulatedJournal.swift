import HealProtocol
import Synchronization
import TranslatorCore
import Translators

/// What one bypass writer journals, in memory, and what it publishes. The journal outlives its writer as a mapped file
/// does; what is published may get lost, come late, in any order, or twice.
final class SimulatedJournal: WriteObserver {
    private struct State {
        var segments: [[WriteRecord]] = [[]]
        var sequence: UInt64 = 0
        /// The newest segment is full, there is no other, and it says from which generation on.
        var blindFrom: Int32?
        var hasRoom = true
        var isAlive = true
        var hasOpenedEpoch = false
        var isLost = false
        /// Of what was numbered up to here no replay tells any more.
        var forgottenThrough: UInt64 = 0
    }
    let writer: Gfid
    let target: Int
    /// Of the target's file system: journals of another one explain nothing.
    let instance: Int
    private let publish: @Sendable (WriteRecord) -> Void
    private let state = Mutex(State())

    init(writer: Gfid, target: Int, instance: Int, publish: @escaping @Sendable (WriteRecord) -> Void) {
        (self.writer, self.target, self.instance, self.publish) = (writer, target, instance, publish)
    }

    var isAlive: Bool { state.withLock { $0.isAlive } }
    /// Whether its writer knows that only the target is up to date.
    var hasOpenedEpoch: Bool { state.withLock { $0.hasOpenedEpoch } }
    /// From now on it stays as it is.
    func die() { state.withLock { $0.isAlive = false } }
    /// Its files are gone, or cannot be read.
    func lose() { state.withLock { $0.isLost = true } }
    /// Its file system came up again after a crash: how much of the end is gone nobody can say, a few records mostly.
    func loseTail(using random: inout some RandomNumberGenerator) {
        state.withLock { state in
            let count = state.segments.reduce(0) { $0 + $1.count }
            var lost = Int.random(in: 0...(Bool.random(using: &random) ? count : min(count, 3)), using: &random)
            for position in state.segments.indices.reversed() {
                let count = min(lost, state.segments[position].count)
                state.segments[position].removeLast(count)
                lost -= count
            }
        }
    }
    /// Whether there is room for what is journalled from now on.
    func setRoom(_ hasRoom: Bool) { state.withLock { $0.hasRoom = hasRoom } }

    /// What it tells of a file; nil when it tells nothing. As `JournalReader` does: first who lives, then the records.
    func explanation(of gfid: Gfid, instance now: Int) -> JournalExplanation? {
        let (segments, isAlive) = state.withLock { ($0.isLost || instance != now ? [] : $0.segments, $0.isAlive) }
        var digest = JournalDigest(of: gfid)
        for (number, segment) in segments.enumerated() {
            for record in segment { digest.add(record, segment: UInt64(number)) }
        }
        let epochs = digest.epochs(isWriterDead: !isAlive)
        guard !epochs.isEmpty else { return nil }
        return JournalExplanation(
            gfid: gfid, writer: writer, replicaSet: 0, target: UInt16(target), isWriterAlive: isAlive, epochs: epochs)
    }

    /// Nobody needs what it holds of epochs up to this one.
    func trim(_ gfid: Gfid, through generation: Int32) {
        state.withLock { state in
            for position in state.segments.indices {
                state.segments[position].removeAll { $0.gfid == gfid && $0.generation <= generation }
            }
        }
    }

    private func record(_ kind: WriteRecord.Kind, _ gfid: Gfid, _ generation: Int32, _ sequence: UInt64) -> WriteRecord
    {
        WriteRecord(
            volume: .none, replicaSet: 0, target: UInt16(target), writer: writer, boot: .none, gfid: gfid,
            generation: generation, sequence: sequence, kind: kind)
    }

    /// Nil after the writer's death.
    private func append(
        _ kind: WriteRecord.Kind, _ gfid: Gfid, _ generation: Int32, isPublished: Bool
    ) -> WriteRecord? {
        state.withLock { state in
            guard state.isAlive else { return nil }
            if isPublished { state.sequence += 1 }
            let record = record(kind, gfid, generation, isPublished ? state.sequence : 0)
            if !state.hasRoom {
                if state.blindFrom ?? .max > generation {
                    state.blindFrom = generation
                    state.segments[state.segments.count - 1].append(self.record(.blind, .none, generation, 0))
                }
                return record
            }
            if state.blindFrom != nil { state.segments.append([]) }
            state.blindFrom = nil
            state.segments[state.segments.count - 1].append(record)
            return record
        }
    }

    var canJournal: Bool { true }
    func epochOpening(_ gfid: Gfid) throws(FopError) { _ = append(.opening, gfid, 0, isPublished: false) }
    func epochOpened(_ gfid: Gfid, generation: Int32) {
        state.withLock { $0.hasOpenedEpoch = true }
        _ = append(.opened, gfid, generation, isPublished: false)
    }
    func writeBegins(_ gfid: Gfid, generation: Int32, offset: UInt64, bytes: UInt64) -> RecordedWrite {
        let record = append(.range(offset: offset, bytes: bytes), gfid, generation, isPublished: true)
        return RecordedWrite(
            gfid: gfid, generation: generation, sequence: record?.sequence ?? 0, offset: offset, bytes: bytes)
    }
    func writeEnded(_ write: RecordedWrite) {
        guard isAlive else { return }
        publish(
            record(.range(offset: write.offset, bytes: write.bytes), write.gfid, write.generation, write.sequence))
    }
    func epochClosed(_ gfid: Gfid, generation: Int32, records: UInt64, isExact: Bool) {
        let close = append(.close(records: records, isExact: isExact), gfid, generation, isPublished: true)
        if let close { publish(close) }
    }
    func healWanted(_ gfid: Gfid, generation: Int32) { if isAlive { publish(record(.wanted, gfid, generation, 0)) } }
    func epochsHealed(_ gfid: Gfid, through generation: Int32) { if isAlive { trim(gfid, through: generation) } }
    func targetLost() { state.withLock { $0.forgottenThrough = $0.sequence } }
    func replays(_ record: WriteRecord) -> Bool {
        state.withLock { $0.isAlive && record.sequence > $0.forgottenThrough }
    }
}
