/// FNV-1a over words of 64 bits: tells states apart, in memory; nothing that has to withstand somebody's intent.
public struct WordDigest: Sendable {
    /// Begins with FNV's offset.
    public private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325
    public init() {}

    public mutating func add(_ word: UInt64) { value = (value ^ word) &* 0x100_0000_01B3 }
    public mutating func add(_ word: Int64) { add(UInt64(bitPattern: word)) }
}
