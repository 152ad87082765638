import HealProtocol
import RangeMapping
import TranslatorCore

/// Finds out that records were lost: sequences count per writer and first gfid byte, and a heartbeat tells the last ones
/// (DESIGN §3.2). Decides, never acts.
struct RecordSequences: Sendable {
    private struct Writer: Sendable {
        /// The highest number received or accounted for, per first gfid byte; nil before the first word from that byte.
        var last: [UInt64?] = Array(repeating: nil, count: 256)
        /// Numbers passed over, which may still arrive late.
        var missing: [UInt8: ByteRanges] = [:]
        var heard: MonotonicTime
    }
    enum Finding: Equatable, Sendable {
        case inOrder
        /// The first word from this writer ever: what it published before was not heard.
        case newWriter
        /// This many records were passed over.
        case gap(UInt64)
        case late, duplicate
    }
    /// Writers beyond it: the one silent for longest is forgotten.
    static let writersMax = 1024
    /// Kept per writer and byte: old gaps beyond it are given up.
    static let missingRangesMax = 256

    private var writers: [Gfid: Writer] = [:]
    private(set) var lost: UInt64 = 0, gaps: UInt64 = 0, duplicates: UInt64 = 0

    init() {}

    mutating func received(_ record: WriteRecord, at now: MonotonicTime) -> Finding {
        var finding = Finding.inOrder
        var writer = writers.removeValue(forKey: record.writer) ?? Writer(heard: now)
        if writer.last.allSatisfy({ $0 == nil }) { finding = .newWriter }
        writer.heard = now
        if case .heartbeat(let sequences) = record.kind {
            for (byte, sequence) in sequences.prefix(256).enumerated() {
                let byteFinding = advance(&writer, UInt8(byte), to: sequence, isRecord: false)
                if case .gap(let more) = byteFinding, finding != .newWriter {
                    if case .gap(let before) = finding { finding = .gap(before + more) } else { finding = .gap(more) }
                }
            }
        } else if record.isPublished {
            let byteFinding = advance(&writer, record.gfid.firstByte, to: record.sequence, isRecord: true)
            if finding != .newWriter { finding = byteFinding }
        }
        writers[record.writer] = writer
        if writers.count > Self.writersMax, let silent = writers.min(by: { $0.value.heard < $1.value.heard })?.key {
            writers[silent] = nil
        }
        return finding
    }

    private mutating func advance(_ writer: inout Writer, _ byte: UInt8, to sequence: UInt64, isRecord: Bool) -> Finding
    {
        let position = Int(byte)
        guard let last = writer.last[position] else {
            writer.last[position] = sequence
            return .inOrder
        }
        if sequence > last {
            writer.last[position] = sequence
            // A heartbeat accounts for numbers that should have been here; a record is here itself.
            let missing = sequence - last - (isRecord ? 1 : 0)
            guard missing > 0 else { return .inOrder }
            var known = writer.missing[byte] ?? ByteRanges()
            if known.ranges.count < Self.missingRangesMax {
                known.insert(ByteRange(start: last + 1, end: last + 1 + missing))
            }
            writer.missing[byte] = known
            lost += missing
            gaps += 1
            return .gap(missing)
        }
        guard isRecord else { return .inOrder }
        guard let known = writer.missing[byte], known.contains(sequence) else {
            duplicates += 1
            return .duplicate
        }
        let late = ByteRange(start: sequence, end: sequence + 1)
        let left = known.ranges.flatMap { range -> [ByteRange] in
            guard range.intersection(late) != nil else { return [range] }
            return [
                range.start < sequence ? ByteRange(start: range.start, end: sequence) : nil,
                range.end > sequence + 1 ? ByteRange(start: sequence + 1, end: range.end) : nil,
            ].compactMap(\.self)
        }
        writer.missing[byte] = left.isEmpty ? nil : ByteRanges(left)
        lost -= 1
        return .late
    }

    /// When this writer was last heard; nil when never.
    func heard(_ writer: Gfid) -> MonotonicTime? { writers[writer]?.heard }
    var knownWriters: [Gfid] { Array(writers.keys) }

    /// The lowest number that never came from this writer for this first byte; nil when all came.
    func firstMissing(_ writer: Gfid, byte: UInt8) -> UInt64? { writers[writer]?.missing[byte]?.ranges.first?.start }

    mutating func forget(_ writer: Gfid) { writers[writer] = nil }
}
