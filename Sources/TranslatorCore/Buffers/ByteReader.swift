/// Why bytes could not be read as what they should be.
public struct CodecError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }

    public static func truncated(_ what: StaticString, needs: Int, has: Int) -> CodecError {
        CodecError("\(what) needs \(needs) bytes, \(has) are left")
    }
}

/// Reads big-endian values off the front of borrowed bytes. Every read is bounds-checked and throws, never traps.
/// Valid only while the bytes it was made from are: use it inside their `withUnsafeBytes`.
///
/// Inlined into other modules: a message has dozens of fields.
public struct ByteReader {
    @usableFromInline let bytes: UnsafeRawBufferPointer
    @usableFromInline var next = 0

    @inlinable public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    @inlinable public var position: Int { next }
    @inlinable public var remaining: Int { bytes.count - next }
    @inlinable public var isAtEnd: Bool { remaining == 0 }

    /// The next `count` bytes, in place. Throws when fewer are left or `count` is negative.
    @inlinable
    public mutating func slice(_ count: Int, _ what: StaticString = "field") throws(CodecError)
        -> UnsafeRawBufferPointer
    {
        guard count >= 0, count <= remaining else { throw .truncated(what, needs: count, has: remaining) }
        defer { next += count }
        return UnsafeRawBufferPointer(rebasing: bytes[next..<next + count])
    }

    public mutating func skip(_ count: Int) throws(CodecError) { _ = try slice(count) }

    @inlinable
    public mutating func integer<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws(CodecError) -> Value {
        let raw = try slice(MemoryLayout<Value>.size, "integer")
        return Value(bigEndian: raw.loadUnaligned(as: Value.self))
    }

    public mutating func uint8() throws(CodecError) -> UInt8 { try integer() }
    public mutating func uint16() throws(CodecError) -> UInt16 { try integer() }
    public mutating func uint32() throws(CodecError) -> UInt32 { try integer() }
    public mutating func uint64() throws(CodecError) -> UInt64 { try integer() }
    public mutating func int32() throws(CodecError) -> Int32 { try integer() }
    public mutating func int64() throws(CodecError) -> Int64 { try integer() }
    public mutating func gfid() throws(CodecError) -> Gfid { Gfid(high: try uint64(), low: try uint64()) }
    public mutating func bytes(_ count: Int) throws(CodecError) -> [UInt8] { Array(try slice(count)) }
}

extension ByteReader {
    /// Reads a whole value from `bytes` and insists that nothing is left over.
    public static func decode<Value>(
        _ bytes: [UInt8], _ read: (inout ByteReader) throws(CodecError) -> Value
    ) throws(CodecError) -> Value {
        let result = bytes.withUnsafeBytes { raw -> Result<Value, CodecError> in
            var reader = ByteReader(raw)
            do throws(CodecError) {
                let value = try read(&reader)
                guard reader.isAtEnd else { return .failure(CodecError("\(reader.remaining) bytes are left over")) }
                return .success(value)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
