import HealProtocol
import RangeMapping
import ReplicaState
import TranslatorCore

/// What to copy to each sink, and exactly which counts go when that is done (DESIGN §3.3, step 3).
struct HealPlan: Equatable, Sendable {
    enum Work: Equatable, Sendable {
        /// These bytes and no others.
        case ranges(ByteRanges)
        case whole(byChecksum: Bool)

        var method: HealMethod {
            switch self {
            case .ranges: .range
            case .whole(let byChecksum): byChecksum ? .diff : .full
            }
        }
    }
    struct Sink: Equatable, Sendable {
        let replica: Int
        let work: Work
        /// What goes from the target's pending count, and what is added to *healed* there; 0 where no target is.
        let takenOff: Int32, epochs: Int32
        /// The newest epoch healed by it: what the writer is told.
        let generation: Int32
    }
    let facts: HealFacts
    let source: Int
    /// The bypass writer's own replica: the only one whose counts are taken off in part.
    let target: Int?
    let sinks: [Sink]
    let isEpochOpen: Bool
    /// Why no cheaper method, in words.
    let reason: String

    var isWhole: Bool { sinks.contains { if case .whole = $0.work { true } else { false } } }
    var method: HealMethod {
        sinks.map(\.work.method).max { $0.costRank < $1.costRank } ?? .range
    }
}

extension HealMethod {
    fileprivate var costRank: Int { self == .range ? 0 : self == .diff ? 1 : 2 }
}

/// What becomes of one file after it was inspected.
enum HealDecision: Equatable, Sendable {
    /// No data count, no dirty, equal sizes.
    case clean
    /// Copies differ or counts are there, and AFR's rules find no sink, or no source.
    case noSink
    /// `holders`: those of the accused that alone have what a bypass writer wrote.
    case splitBrain(accused: [Int], holders: [Int])
    case copy(HealPlan)
    /// Ask journal or writers about these epochs of the target, then decide again.
    case ask(target: Int, generations: ClosedRange<Int32>)
    /// Nothing can be healed now.
    case later(Delay)

    enum Delay: Equatable, Sendable {
        /// An epoch is open on another replica than the one that accuses.
        case epochElsewhere
        /// The replica with the newest writes is not trusted as a source.
        case targetIsNoSource
        /// Only a close, or the end of `until`, changes anything.
        case close(until: MonotonicTime?)
        /// Whole-file heals of a file that is written all the time wait longer and longer.
        case wholeFileBackOff(until: MonotonicTime)
    }
}
