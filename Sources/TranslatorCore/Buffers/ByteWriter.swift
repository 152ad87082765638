/// Appends big-endian values to bytes it owns. Inlined into other modules, as `ByteReader` is.
public struct ByteWriter {
    @usableFromInline var written: [UInt8] = []

    public init(capacity: Int = 0) { written.reserveCapacity(capacity) }

    @inlinable public var bytes: [UInt8] { written }

    @inlinable
    public mutating func integer<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.bigEndian) { written.append(contentsOf: $0) }
    }
    @inlinable public mutating func uint8(_ value: UInt8) { written.append(value) }
    public mutating func uint16(_ value: UInt16) { integer(value) }
    public mutating func uint32(_ value: UInt32) { integer(value) }
    public mutating func uint64(_ value: UInt64) { integer(value) }
    public mutating func int32(_ value: Int32) { integer(value) }
    public mutating func int32s(_ values: Int32...) { values.forEach { integer($0) } }
    public mutating func int64(_ value: Int64) { integer(value) }
    public mutating func gfid(_ value: Gfid) {
        integer(value.high)
        integer(value.low)
    }
    @inlinable public mutating func append(_ more: some Sequence<UInt8>) { written.append(contentsOf: more) }
    /// Stores `value` over bytes that were appended before: for lengths that are known only behind what they count.
    @inlinable
    public mutating func overwrite<Value: FixedWidthInteger>(at position: Int, with value: Value) {
        precondition(position >= 0)
        precondition(position + MemoryLayout<Value>.size <= written.count, "only what was appended can be overwritten")
        withUnsafeBytes(of: value.bigEndian) { stored in
            written.withUnsafeMutableBytes {
                UnsafeMutableRawBufferPointer(rebasing: $0[position...]).copyMemory(from: stored)
            }
        }
    }
    public mutating func zeros(_ count: Int) { written.append(contentsOf: repeatElement(0, count: count)) }
}
