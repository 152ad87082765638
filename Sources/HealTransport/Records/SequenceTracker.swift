/// Which sequences of one writer and first gfid byte a healer has seen. They arrive out of order where writes overlap,
/// so a hole is a loss only when a heartbeat says that all before it was published. Pure.
struct SequenceTracker {
    /// Seen ahead of a hole: beyond that many the hole is taken for lost at once.
    static let aheadMax = 65_536

    struct Loss: Equatable {
        /// The first sequence that is missing, and how many are.
        var from: UInt64, count: UInt64
    }
    /// All up to here is seen, or known to be lost.
    private(set) var through: UInt64
    private var ahead: Set<UInt64> = []

    /// Begins after `through`: what was before one listened is no loss.
    init(after through: UInt64) { self.through = through }

    /// False for a sequence that was seen or given up before. `loss` is set when the hole before it has grown too old.
    mutating func receive(_ sequence: UInt64, loss: inout Loss?) -> Bool {
        if sequence == through + 1 && ahead.isEmpty {
            through = sequence
            return true
        }
        guard sequence > through, ahead.insert(sequence).inserted else { return false }
        absorb()
        if ahead.count > Self.aheadMax { loss = settle(through: ahead.min()! - 1) }
        return true
    }

    /// Everything up to `sequence` has been published: what is missing is lost.
    mutating func settle(through sequence: UInt64) -> Loss? {
        guard sequence > through else { return nil }
        let seen = ahead.filter { $0 <= sequence }
        let loss = Loss(from: through + 1, count: sequence - through - UInt64(seen.count))
        ahead.subtract(seen)
        through = sequence
        absorb()
        return loss.count > 0 ? loss : nil
    }

    private mutating func absorb() {
        while !ahead.isEmpty, ahead.remove(through + 1) != nil { through += 1 }
    }
}
