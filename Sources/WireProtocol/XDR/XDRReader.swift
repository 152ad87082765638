import TranslatorCore

/// Reads XDR off the front of borrowed bytes; valid only while they are. Errors name the field, and the byte at which
/// it begins, counted from where this reader began. Nothing is allocated that the bytes do not already hold.
public struct XDRReader: XDRFilter {
    private var reader: ByteReader

    public init(_ bytes: UnsafeRawBufferPointer) { reader = ByteReader(bytes) }

    public var position: Int { reader.position }
    public var remaining: Int { reader.remaining }
    public var isAtEnd: Bool { reader.isAtEnd }

    public func error(_ field: StaticString, _ problem: String, at position: Int? = nil) -> CodecError {
        CodecError("\(field) at byte \(position ?? self.position): \(problem)")
    }

    /// The next `count` bytes, in place.
    public mutating func raw(_ count: Int, _ field: StaticString) throws(CodecError) -> UnsafeRawBufferPointer {
        guard count <= remaining else { throw error(field, "needs \(count) bytes, \(remaining) are left") }
        return try reader.slice(count)
    }

    public mutating func read<Value: FixedWidthInteger>(_ field: StaticString) throws(CodecError) -> Value {
        guard MemoryLayout<Value>.size <= remaining else {
            throw error(field, "needs \(MemoryLayout<Value>.size) bytes, \(remaining) are left")
        }
        return try reader.integer()
    }

    /// The bytes of an `opaque<>` in place, their padding passed over. Padding that is not zero is let pass: nobody
    /// looks at it, and xdr(3) does not either.
    public mutating func opaque(_ field: StaticString) throws(CodecError) -> UnsafeRawBufferPointer {
        let start = position
        let length = Int(try read(field) as UInt32)
        let padding = (4 - length % 4) % 4
        guard length + padding <= remaining else {
            throw error(field, "is \(length) bytes long, \(remaining) are left", at: start)
        }
        let bytes = try reader.slice(length)
        try reader.skip(padding)
        return bytes
    }

    public mutating func integer<Value: FixedWidthInteger>(
        _ value: inout Value, _ field: StaticString
    ) throws(CodecError) {
        value = try read(field)
    }

    public mutating func opaque(_ value: inout [UInt8], _ field: StaticString) throws(CodecError) {
        value = Array(try opaque(field))
    }

    public mutating func text(_ value: inout String, _ field: StaticString) throws(CodecError) {
        let start = position
        guard let valid = String(validating: try opaque(field), as: UTF8.self) else {
            throw error(field, "is not UTF-8", at: start)
        }
        value = valid
    }

    public mutating func array<Element: XDRCodable>(
        _ elements: inout [Element], _ field: StaticString
    ) throws(CodecError) {
        let start = position
        let count = Int(try read(field) as UInt32)
        // No element of XDR is shorter than 4 bytes.
        guard count <= remaining / 4 else {
            throw error(field, "\(count) elements, \(remaining) bytes are left", at: start)
        }
        elements = []
        elements.reserveCapacity(count)
        for _ in 0..<count { elements.append(try Element(from: &self)) }
    }

    public mutating func chain<Element: XDRCodable>(
        _ elements: inout [Element], _ field: StaticString
    ) throws(CodecError) {
        elements = []
        while true {
            let start = position
            switch try read(field) as UInt32 {
            case 0: return
            case 1: elements.append(try Element(from: &self))
            case let other: throw error(field, "\(other) where 1 announces an element and 0 ends the chain", at: start)
            }
        }
    }

    public mutating func part<Value: XDRCodable>(_ value: inout Value) throws(CodecError) {
        value = try Value(from: &self)
    }
}

extension XDRReader {
    /// Reads a whole value from `bytes` and insists that nothing is left over; `what` heads every error.
    public static func whole<Value>(
        _ bytes: UnsafeRawBufferPointer, as what: @autoclosure () -> String,
        _ read: (inout XDRReader) throws(CodecError) -> Value
    ) throws(CodecError) -> Value {
        var xdr = XDRReader(bytes)
        do throws(CodecError) {
            let value = try read(&xdr)
            guard xdr.isAtEnd else { throw xdr.error("end", "\(xdr.remaining) bytes are left over") }
            return value
        } catch {
            throw CodecError("\(what()): \(error)")
        }
    }

    public static func whole<Value>(
        _ bytes: [UInt8], as what: @autoclosure () -> String, _ read: (inout XDRReader) throws(CodecError) -> Value
    ) throws(CodecError) -> Value {
        let result = bytes.withUnsafeBytes { raw -> Result<Value, CodecError> in
            do throws(CodecError) { return .success(try whole(raw, as: what(), read)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}
