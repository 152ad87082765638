import TranslatorCore

/// Appends XDR to bytes it owns.
public struct XDRWriter: XDRFilter {
    private var writer: ByteWriter

    public init(capacity: Int = 256) { writer = ByteWriter(capacity: capacity) }

    public var bytes: [UInt8] { writer.bytes }
    public var count: Int { writer.bytes.count }

    public mutating func write(_ value: some FixedWidthInteger) { writer.integer(value) }
    /// Without length and padding.
    public mutating func raw(_ bytes: some Collection<UInt8>) { writer.append(bytes) }

    /// u32 length, the bytes, zeros up to a multiple of 4. At most 2^32 − 1 bytes.
    public mutating func opaque(_ bytes: some Collection<UInt8>) {
        precondition(bytes.count <= UInt32.max, "an opaque of XDR has at most 2^32 - 1 bytes")
        writer.uint32(UInt32(bytes.count))
        writer.append(bytes)
        pad(behind: bytes.count)
    }

    /// The same with a NUL behind the bytes, which counts: as keys and strings of dicts are.
    mutating func terminated(_ bytes: some Collection<UInt8>) {
        precondition(bytes.count < UInt32.max)
        writer.uint32(UInt32(bytes.count + 1))
        writer.append(bytes)
        writer.uint8(0)
        pad(behind: bytes.count + 1)
    }

    private mutating func pad(behind count: Int) { if count % 4 != 0 { writer.zeros(4 - count % 4) } }

    /// Replaces a length that is known only now.
    mutating func overwrite(at position: Int, with value: UInt32) { writer.overwrite(at: position, with: value) }

    public mutating func integer<Value: FixedWidthInteger>(_ value: inout Value, _ field: StaticString) { write(value) }
    public mutating func opaque(_ value: inout [UInt8], _ field: StaticString) { opaque(value) }
    public mutating func text(_ value: inout String, _ field: StaticString) { opaque(value.utf8) }

    public mutating func array<Element: XDRCodable>(_ elements: inout [Element], _ field: StaticString) {
        write(UInt32(elements.count))
        for element in elements { element.write(to: &self) }
    }

    public mutating func chain<Element: XDRCodable>(_ elements: inout [Element], _ field: StaticString) {
        for element in elements {
            write(UInt32(1))
            element.write(to: &self)
        }
        write(UInt32(0))
    }

    public mutating func part<Value: XDRCodable>(_ value: inout Value) { value.write(to: &self) }
}
