import HealProtocol
import RangeMapping
import TranslatorCore

/// Which bypass epochs of which files this healer could explain: what records, journals and replays told it so far.
/// Decides, never acts: no I/O, no clock.
///
/// Keyed by (gfid, target, writer, generation); counts *distinct* sequence numbers (DESIGN §3.2). It is a hint: the
/// xattrs decide. Whatever is forgotten costs a whole-file heal, never data, so memory is bounded by forgetting whole
/// files.
struct EpochKnowledge: Sendable {
    /// A file on the replica that its bypass writers write to.
    struct File: Hashable, Sendable {
        let gfid: Gfid
        let target: Int
    }

    /// What is known of one epoch by one writer.
    struct Epoch: Equatable, Sendable {
        /// Numbers of the range records received.
        var sequences = ByteRanges()
        private(set) var ranges = ByteRanges()
        /// How many range records there were, once the close came; nil in it when the writer could not say exactly.
        var close: Close?
        /// By the journal of its dead writer, which is complete by itself.
        var isJournalled = false
        /// When this healer first heard of it.
        let heard: MonotonicTime
        /// In `ranges`.
        private(set) var bytes: UInt64 = 0

        init(heard: MonotonicTime) { self.heard = heard }

        mutating func insert(_ range: ByteRange) {
            bytes += range.count - min(range.count, ranges.intersection(range).byteCount)
            ranges.insert(range)
        }

        struct Close: Equatable, Sendable {
            var records: UInt64?
        }

        /// As much of `cost` as its file counts.
        fileprivate var counted = 0

        var isComplete: Bool { isJournalled || (close?.records).map { $0 == sequences.byteCount } ?? false }
        var cost: Int { 1 + sequences.ranges.count + ranges.ranges.count }
    }

    private struct KnownFile: Sendable {
        var epochs: [Int32: [Gfid: Epoch]] = [:]
        /// What is told of epochs up to here again, by a replay, is no news.
        var healedThrough = Int32.min
        /// Of all epochs, and 1; 0 while nothing is known.
        var cost = 0
        var touched: UInt64 = 0

        /// Answers by how much the cost has grown. In place: a copy of an epoch would be one of its ranges too, for
        /// every record.
        mutating func change<Result>(
            _ generation: Int32, _ writer: Gfid, at now: MonotonicTime, _ touches: UInt64,
            _ body: (inout Epoch) -> Result
        ) -> (Result, grown: Int) {
            func change(_ epoch: inout Epoch) -> (Result, grown: Int) {
                let result = body(&epoch)
                defer { epoch.counted = epoch.cost }
                return (result, epoch.cost - epoch.counted)
            }
            var (result, grown) = change(&epochs[generation, default: [:]][writer, default: Epoch(heard: now)])
            if cost == 0 { grown += 1 }
            cost += grown
            touched = touches
            return (result, grown)
        }

        /// Takes out the epochs that are meant; answers by how much the cost has shrunk.
        mutating func drop(where isMeant: (Int32, [Gfid: Epoch]) -> Bool) -> Int {
            let before = cost
            for (number, writers) in epochs where isMeant(number, writers) {
                cost -= writers.values.reduce(0) { $0 + $1.counted }
                epochs[number] = nil
            }
            return before - cost
        }
    }

    /// About how many ranges are kept in all; a range takes 16 bytes, an epoch some hundred.
    static let costMaxDefault = 1 << 20
    let costMax: Int
    private var files: [File: KnownFile] = [:]
    private(set) var cost = 0
    private var touches: UInt64 = 0

    init(costMax: Int = EpochKnowledge.costMaxDefault) {
        precondition(costMax > 0)
        self.costMax = costMax
    }

    enum Lesson: Equatable, Sendable {
        /// It was new, or it was a repetition.
        case range(isNew: Bool)
        /// The epoch has ended.
        case closed(isComplete: Bool)
        /// Nothing that explains an epoch.
        case ignored
    }

    /// Takes in a record, published or replayed; twice is as good as once.
    mutating func learn(_ record: WriteRecord, at now: MonotonicTime) -> Lesson {
        let file = File(gfid: record.gfid, target: Int(record.target))
        if let known = files[file], record.generation <= known.healedThrough { return .ignored }
        switch record.kind {
        case .range(let offset, let bytes):
            guard record.sequence < .max else { return .ignored }
            let number = ByteRange(start: record.sequence, end: record.sequence + 1)
            let isNew = change(file, record.generation, record.writer, at: now) { epoch in
                guard !epoch.sequences.contains(record.sequence) else { return false }
                epoch.sequences.insert(number)
                if let range = ByteRange(offset: offset, bytes: bytes) { epoch.insert(range) }
                return true
            }
            return .range(isNew: isNew)
        case .close(let records, let isExact):
            let isComplete = change(file, record.generation, record.writer, at: now) { epoch in
                epoch.close = Epoch.Close(records: isExact ? records : nil)
                return epoch.isComplete
            }
            return .closed(isComplete: isComplete)
        case .heartbeat, .wanted, .opening, .opened, .blind: return .ignored
        }
    }

    /// Takes in what a journal, or a replay, tells of one file. An epoch that the journal of a dead writer explains is
    /// complete by that alone.
    mutating func learn(_ account: JournalExplanation, at now: MonotonicTime) {
        let file = File(gfid: account.gfid, target: Int(account.target))
        for epoch in account.epochs where epoch.generation > files[file]?.healedThrough ?? .min {
            for record in epoch.ranges { _ = learn(record, at: now) }
            change(file, epoch.generation, account.writer, at: now) { known in
                if let close = epoch.close { known.close = Epoch.Close(records: close.isExact ? close.records : nil) }
                if epoch.isComplete && !account.isWriterAlive { known.isJournalled = true }
            }
        }
    }

    @discardableResult
    private mutating func change<Result>(
        _ file: File, _ generation: Int32, _ writer: Gfid, at now: MonotonicTime, _ body: (inout Epoch) -> Result
    ) -> Result {
        touches += 1
        targets.insert(file.target)
        let (result, grown) = files[file, default: KnownFile()].change(generation, writer, at: now, touches, body)
        cost += grown
        if cost > costMax { forgetOldest() }
        return result
    }

    /// Whole files, those longest without news first, until an eighth is free.
    private mutating func forgetOldest() {
        for (file, _) in files.sorted(by: { $0.value.touched < $1.value.touched }) {
            forget(file)
            if cost <= costMax / 8 * 7 { break }
        }
    }

    /// Nothing is known of this file any more.
    mutating func forget(_ file: File) { cost -= files.removeValue(forKey: file)?.cost ?? 0 }

    /// The connection to this replica was lost: what was told of its files may belong to writes that never landed.
    mutating func forget(target: Int) {
        for file in files.keys where file.target == target { forget(file) }
    }

    /// Every sink has healed up to `generation`.
    mutating func healed(_ file: File, through generation: Int32) {
        guard var known = files[file] else { return }
        known.healedThrough = max(known.healedThrough, generation)
        cost -= known.drop { number, _ in number <= generation }
        files[file] = known
    }

    /// `opened` is the newest epoch on the target's disk, and these were told of for longer than `age`: an epoch is
    /// marked before it is told of, except for one whose mark the writer is not sure of. That mark never came.
    mutating func neverOpened(_ file: File, after opened: Int32, toldFor age: Duration, at now: MonotonicTime) {
        guard var known = files[file] else { return }
        cost -= known.drop { number, writers in
            number > opened && writers.values.allSatisfy { now - $0.heard > age }
        }
        files[file] = known
    }

    // Questions.

    /// The one writer's account of an epoch. Nil when nobody told of it, or when two writers claim it: then neither is
    /// believed.
    private func account(_ file: File, _ generation: Int32) -> Epoch? {
        guard let writers = files[file]?.epochs[generation], writers.count == 1 else { return nil }
        return writers.first!.value
    }

    func isComplete(_ file: File, _ generation: Int32) -> Bool { account(file, generation)?.isComplete ?? false }

    /// The longest row of complete epochs from `first` to `last` at most, and all they wrote.
    func run(_ file: File, from first: Int, through last: Int) -> (length: Int, ranges: ByteRanges) {
        var length = 0
        var written: [ByteRange] = []
        while first + length <= last, let epoch = account(file, Int32(clamping: first + length)), epoch.isComplete {
            written += epoch.ranges.ranges
            length += 1
        }
        return (length, ByteRanges(written))
    }

    /// What is known of the end of an epoch.
    enum Ending: Equatable, Sendable {
        /// Nobody told of it.
        case unknown
        /// Its writer has let go of it and does not know what became of its last writes, or of its mark: the target may
        /// still have them in hand.
        case doubtful
        /// Its writes have landed.
        case landed
    }
    func ending(of file: File, _ generation: Int32) -> Ending {
        let closes = (files[file]?.epochs[generation] ?? [:]).values.compactMap(\.close)
        return closes.isEmpty ? .unknown : closes.contains { $0.records != nil } ? .landed : .doubtful
    }

    /// Who told of this epoch.
    func writers(of file: File, _ generation: Int32) -> [Gfid] {
        (files[file]?.epochs[generation] ?? [:]).keys.sorted()
    }

    /// Everybody who told of any epoch of this file.
    func writers(of file: File) -> Set<Gfid> { Set((files[file]?.epochs ?? [:]).values.flatMap(\.keys)) }

    /// What is known to wait, for status: when the oldest of it was heard of; ranges and bytes, each epoch for itself.
    func backlog(_ file: File) -> (oldest: MonotonicTime, ranges: Int, bytes: UInt64)? {
        guard let epochs = files[file]?.epochs else { return nil }
        var sum: (oldest: MonotonicTime, ranges: Int, bytes: UInt64)?
        for epoch in epochs.values.flatMap(\.values) {
            sum = (
                min(sum?.oldest ?? epoch.heard, epoch.heard), (sum?.ranges ?? 0) + epoch.ranges.ranges.count,
                (sum?.bytes ?? 0) &+ epoch.bytes
            )
        }
        return sum
    }

    /// When the oldest epoch of this file that is not healed was heard of; nil when none is known.
    func oldestHeard(of gfid: Gfid) -> MonotonicTime? {
        targets.compactMap { backlog(File(gfid: gfid, target: $0))?.oldest }.min()
    }
    /// Replicas that any record named as its writer's target.
    private(set) var targets: Set<Int> = []

    /// Files with epochs that are not healed.
    var knownFiles: [File] { files.filter { !$0.value.epochs.isEmpty }.map(\.key) }
    /// Nothing waits to be healed, as far as is known.
    var isEmpty: Bool { files.values.allSatisfy(\.epochs.isEmpty) }
}
