import HealProtocol

/// Numbers a writer's records, for each first gfid byte from 1, and knows up to where every number has been used. A
/// number is given when a write begins and used when it has ended, and writes end in any order. Pure.
struct SequenceLedger {
    private(set) var assigned = [UInt64](repeating: 0, count: WriteRecord.sequenceCount)
    /// All numbers up to `mark` were given before the last settling; `before` and `since` of them are not used yet.
    private var mark = [UInt64](repeating: 0, count: WriteRecord.sequenceCount)
    private var before = [UInt32](repeating: 0, count: WriteRecord.sequenceCount)
    private var since = [UInt32](repeating: 0, count: WriteRecord.sequenceCount)
    /// Every number up to here has been used.
    private(set) var settled = [UInt64](repeating: 0, count: WriteRecord.sequenceCount)

    mutating func begin(_ byte: UInt8) -> UInt64 {
        let byte = Int(byte)
        assigned[byte] += 1
        since[byte] += 1
        return assigned[byte]
    }

    mutating func end(_ byte: UInt8, sequence: UInt64) {
        let byte = Int(byte)
        if sequence <= mark[byte] {
            precondition(before[byte] > 0)
            before[byte] -= 1
        } else {
            precondition(since[byte] > 0)
            since[byte] -= 1
        }
    }

    /// Looks again how far every number was used. With writes under way all the time it lags by one look, never for
    /// ever.
    mutating func settle() {
        for byte in 0..<WriteRecord.sequenceCount where settled[byte] < assigned[byte] {
            guard before[byte] == 0 else { continue }
            settled[byte] = mark[byte]
            (mark[byte], before[byte], since[byte]) = (assigned[byte], since[byte], 0)
            if before[byte] == 0 { settled[byte] = mark[byte] }
        }
    }
}
