import TranslatorCore

/// What a journal or a replay tells of one epoch of one file.
public struct EpochExplanation: Equatable, Sendable {
    public var generation: Int32
    /// Distinct range records, by ascending sequence.
    public var ranges: [WriteRecord]
    /// The close, if it is there: how many range records there were, and whether that is exact.
    public var close: (records: UInt64, isExact: Bool)?
    /// Whether `ranges` are certainly all: by an exact close that counts them, or by a dead writer's journal (DESIGN
    /// §3.2).
    public var isComplete: Bool

    public init(generation: Int32, ranges: [WriteRecord], close: (records: UInt64, isExact: Bool)?, isComplete: Bool) {
        (self.generation, self.ranges, self.close, self.isComplete) = (generation, ranges, close, isComplete)
    }

    public static func == (a: EpochExplanation, b: EpochExplanation) -> Bool {
        a.generation == b.generation && a.ranges == b.ranges && a.close?.records == b.close?.records
            && a.close?.isExact == b.close?.isExact && a.isComplete == b.isComplete
    }
}

/// What one writer's journal tells of one file.
public struct JournalExplanation: Equatable, Sendable {
    public var gfid: Gfid
    public var writer: Gfid
    public var replicaSet: UInt16, target: UInt16
    public var isWriterAlive: Bool
    /// By ascending generation.
    public var epochs: [EpochExplanation]

    public init(
        gfid: Gfid, writer: Gfid, replicaSet: UInt16, target: UInt16, isWriterAlive: Bool, epochs: [EpochExplanation]
    ) {
        (self.gfid, self.writer, self.replicaSet, self.target) = (gfid, writer, replicaSet, target)
        (self.isWriterAlive, self.epochs) = (isWriterAlive, epochs)
    }
}

/// Gathers what a journal's segments say of one file, in any order, and decides which epochs they explain. Pure.
public struct JournalDigest: Sendable {
    private struct Epoch {
        /// The first segment that holds *opened*.
        var openedIn: UInt64?
        var ranges: [UInt64: WriteRecord] = [:]
        var close: (records: UInt64, isExact: Bool)?
    }
    private let gfid: Gfid
    private var epochs: [Int32: Epoch] = [:]
    private var blindness: [(segment: UInt64, from: Int32)] = []

    public init(of gfid: Gfid) { self.gfid = gfid }

    /// Takes what a slot of segment `number` holds. Records of other files only count if they say *blind*.
    public mutating func add(_ record: WriteRecord, segment number: UInt64) {
        if case .blind = record.kind { return blind(from: record.generation, segment: number) }
        guard record.gfid == gfid else { return }
        switch record.kind {
        case .opened:
            let first = epochs[record.generation]?.openedIn ?? number
            epochs[record.generation, default: Epoch()].openedIn = min(first, number)
        case .range: epochs[record.generation, default: Epoch()].ranges[record.sequence] = record
        case .close(let records, let isExact):
            epochs[record.generation, default: Epoch()].close = (records, isExact)
        case .opening, .wanted, .heartbeat, .blind: break
        }
    }

    /// Something of segment `number` cannot be read: it may have held anything.
    public mutating func addUnreadable(segment number: UInt64) { blind(from: .min, segment: number) }

    private mutating func blind(from generation: Int32, segment: UInt64) { blindness.append((segment, generation)) }

    /// Epochs by ascending generation. With `isWriterDead` the journal is all there will ever be, and explains an epoch
    /// if it holds *opened*, and nobody was blind at or before the epoch except in segments older than the one that
    /// holds it.
    public func epochs(isWriterDead: Bool) -> [EpochExplanation] {
        epochs.keys.sorted().map { generation in
            let epoch = epochs[generation]!
            let isCounted =
                epoch.close.map { $0.isExact && $0.records == UInt64(epoch.ranges.count) } ?? false
            let isExplained =
                isWriterDead
                && epoch.openedIn.map { opened in
                    !blindness.contains { $0.segment >= opened && $0.from <= generation }
                } ?? false
            // A close that counts more than is here betrays a hole, whatever else the journal claims.
            let isShort = epoch.close.map { $0.records > UInt64(epoch.ranges.count) || !$0.isExact } ?? false
            return EpochExplanation(
                generation: generation, ranges: epoch.ranges.values.sorted { $0.sequence < $1.sequence },
                close: epoch.close, isComplete: isCounted || (isExplained && !isShort))
        }
    }
}
