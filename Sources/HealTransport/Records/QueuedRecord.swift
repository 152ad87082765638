import HealProtocol
import TranslatorCore

/// A record on its way from a thread that writes to the one that publishes: without what is the same for all, and
/// without anything to retain.
struct QueuedRecord {
    enum Kind: UInt8 { case range, exactClose, inexactClose, wanted }

    var gfid: Gfid
    var sequence: UInt64
    /// As in the record's bytes: offset and length, or the number of records.
    var first: UInt64, second: UInt64
    var generation: Int32
    var kind: Kind

    func record(from identity: JournalIdentity) -> WriteRecord {
        let kind: WriteRecord.Kind =
            switch kind {
            case .range: .range(offset: first, bytes: second)
            case .exactClose: .close(records: first, isExact: true)
            case .inexactClose: .close(records: first, isExact: false)
            case .wanted: .wanted
            }
        return WriteRecord(
            volume: identity.volume, replicaSet: identity.replicaSet, target: identity.target, writer: identity.writer,
            boot: identity.boot, gfid: gfid, generation: generation, sequence: sequence, kind: kind)
    }
}

/// The last records that were published, kept for healers that missed some: a ring. Pure.
struct ReplayWindow {
    private let countMax: Int
    private var ring: [QueuedRecord] = []
    private var next = 0
    /// For each first gfid byte, the highest sequence that is not kept any more.
    private var goneThrough = [UInt64](repeating: 0, count: WriteRecord.sequenceCount)
    /// The same for what must not be told any more, also if it comes late.
    private var forgottenThrough = [UInt64](repeating: 0, count: WriteRecord.sequenceCount)

    init(countMax: Int) {
        precondition(countMax > 0)
        self.countMax = countMax
    }

    /// What was numbered up to here for each byte explains nothing any more.
    mutating func forget(through sequences: [UInt64]) {
        (ring, next, forgottenThrough) = ([], 0, sequences)
        for byte in sequences.indices { goneThrough[byte] = max(goneThrough[byte], sequences[byte]) }
    }

    mutating func append(_ record: QueuedRecord) {
        guard record.sequence > forgottenThrough[Int(record.gfid.firstByte)] else { return }
        if ring.count < countMax {
            ring.append(record)
            return
        }
        let byte = Int(ring[next].gfid.firstByte)
        goneThrough[byte] = max(goneThrough[byte], ring[next].sequence)
        ring[next] = record
        next = (next + 1) % countMax
    }

    /// What is kept for `byte` from sequence `from` on, by ascending sequence; at most `max` records.
    func records(_ byte: UInt8, from: UInt64, max: Int) -> (records: [QueuedRecord], goneThrough: UInt64, hasMore: Bool)
    {
        let all = ring.filter { $0.gfid.firstByte == byte && $0.sequence >= from }.sorted { $0.sequence < $1.sequence }
        let gone = goneThrough[Int(byte)]
        return (Array(all.prefix(max)), gone >= from ? gone : 0, all.count > max)
    }
}
