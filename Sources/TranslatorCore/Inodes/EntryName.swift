/// A name in a directory: bytes, because Linux file names need not be UTF-8. Never empty, no "/" and no NUL when it
/// comes from the kernel; `FopError.invalid` is what a translator answers where one does.
public struct EntryName: Hashable, Sendable, Comparable {
    public let bytes: [UInt8]

    public init(bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }
    public init(_ text: String) { bytes = Array(text.utf8) }

    /// At most `NAME_MAX` bytes (limits.h).
    public static let bytesMax = 255

    public var isDotOrDotDot: Bool {
        bytes == [UInt8(ascii: ".")] || bytes == [UInt8(ascii: "."), UInt8(ascii: ".")]
    }

    public static func < (a: EntryName, b: EntryName) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }
}

extension EntryName: ExpressibleByStringLiteral, CustomStringConvertible {
    public init(stringLiteral value: String) { self.init(value) }
    /// For people: bytes that are not UTF-8 appear as U+FFFD.
    public var description: String { String(decoding: bytes, as: UTF8.self) }
}
