import TranslatorCore

/// What the one file of a simulation may hold, by what was acknowledged, what was begun, and what a power cut may take
/// back. A few slots of it are written, each with one value at a time; the rest stays as it was.
struct SlottedFile {
    static let slots = 18
    /// Slot 7 lies on a border of two heal windows; none begins or ends with a 4 KiB block.
    static let stride = 18_650, slotBytes = 900
    static let bytes = slots * stride
    static let background: UInt8 = 255, initial: UInt8 = 254
    /// What a slot reads as that was cut off, or that nobody has written.
    static let zero: UInt8 = 0

    static func offset(_ slot: Int) -> Int { slot * stride }
    static func end(_ slot: Int) -> Int { offset(slot) + slotBytes }
    static var content: [UInt8] {
        var content = [UInt8](repeating: background, count: bytes)
        for slot in 0..<slots {
            content.replaceSubrange(offset(slot)..<end(slot), with: repeatElement(initial, count: slotBytes))
        }
        return content
    }
    /// Sizes that truncate asks for: right in front of this slot. `slots` is the whole file.
    static func size(before slot: Int) -> Int { slot * stride - 100 }

    /// What may be seen of something that changes.
    private struct Possible<Value: Hashable> {
        var now: Set<Value>
        /// The same since the last fsync.
        var sinceSync: Set<Value>
        init(_ value: Value) { (now, sinceSync) = ([value], [value]) }
        mutating func begin(_ values: some Sequence<Value>) {
            now.formUnion(values)
            sinceSync.formUnion(now)
        }
    }
    private var values = (0..<slots).map { _ in Possible(initial) }
    private var sizes = Possible(bytes)
    private var last = [UInt8](repeating: 0, count: slots)

    // Changes: begun, then acknowledged or not.

    /// The next value for a slot: one that no one has seen there lately.
    mutating func nextValue(_ slot: Int) -> UInt8 {
        last[slot] = last[slot] % 250 + 1
        return last[slot]
    }
    mutating func beginWrite(_ value: UInt8, to slot: Int) {
        values[slot].begin([value])
        sizes.begin(sizes.now.map { max($0, Self.end(slot)) })
    }
    mutating func wrote(_ value: UInt8, to slot: Int) {
        values[slot].now = [value]
        sizes.now = Set(sizes.now.map { max($0, Self.end(slot)) })
    }
    /// With nothing else under way.
    mutating func beginTruncate(to size: Int) {
        sizes.begin([size])
        for slot in 0..<Self.slots where Self.end(slot) > size { values[slot].begin([Self.zero]) }
    }
    mutating func truncated(to size: Int) {
        sizes.now = [size]
        for slot in 0..<Self.slots where Self.end(slot) > size { values[slot].now = [Self.zero] }
    }

    /// What is on the disk for sure once an fsync that begins now has ended well.
    struct SyncPoint {
        fileprivate let values: [Set<UInt8>]
        fileprivate let sizes: Set<Int>
    }
    func syncPoint() -> SyncPoint { SyncPoint(values: values.map(\.now), sizes: sizes.now) }
    /// Whatever was begun since then is in it or not.
    mutating func synced(_ point: SyncPoint) {
        for slot in 0..<Self.slots { values[slot].sinceSync = point.values[slot].union(values[slot].now) }
        sizes.sinceSync = point.sizes.union(sizes.now)
    }
    /// A disk that may have had the only copy forgot what was not synced.
    mutating func lostPower() {
        for slot in 0..<Self.slots { values[slot].now.formUnion(values[slot].sinceSync) }
        sizes.now.formUnion(sizes.sinceSync)
    }

    // Claims.

    func values(of slot: Int) -> Set<UInt8> { values[slot].now }
    func mayEnd(before slot: Int) -> Bool { sizes.now.contains { $0 < Self.end(slot) } }

    /// Why this cannot be the file's content; nil when it can.
    func objection(to content: [UInt8]) -> String? {
        guard sizes.now.contains(content.count) else {
            return "it has \(content.count) bytes, where \(sizes.now.sorted()) may be"
        }
        for slot in 0..<Self.slots where Self.end(slot) <= content.count {
            let seen = content[Self.offset(slot)..<Self.end(slot)]
            guard let value = Self.value(seen) else { return "slot \(slot) is torn" }
            guard values[slot].now.contains(value) else {
                return "slot \(slot) holds \(value), where \(values[slot].now.sorted()) may be"
            }
        }
        return nil
    }

    /// The one value that all bytes have.
    static func value(_ bytes: some BidirectionalCollection<UInt8>) -> UInt8? {
        guard let first = bytes.first, bytes.last == first else { return nil }
        return bytes.withContiguousStorageIfAvailable { $0.allSatisfy { $0 == first } } ?? true ? first : nil
    }
}
