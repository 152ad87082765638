/// Cuts volfile text into words and line ends. Works on bytes, because a line end may be `\r\n`, which Swift counts as
/// one character. `#` starts a comment where a word could start; inside a word it is an ordinary byte.
struct VolfileLexer {
    private let bytes: [UInt8]
    private var position = 0
    private let file: String
    private var line = 1

    init(_ text: String, file: String) { (bytes, self.file) = (Array(text.utf8), file) }

    var location: VolfileLocation { VolfileLocation(file: file, line: line) }
    var isAtEnd: Bool { position == bytes.count }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// The next word of this line; nil at its end.
    mutating func word() -> String? {
        skipBlanks()
        let start = position
        while let byte = current, !Self.isBlank(byte), byte != Self.newline { position += 1 }
        return position > start ? String(decoding: bytes[start..<position], as: UTF8.self) : nil
    }

    /// The value of an option: `"…"` with `\"` and `\\` inside, or everything up to the end of the line or a comment.
    mutating func value() throws(VolfileError) -> String {
        skipBlanks()
        if current == Self.quote { return try quoted() }
        var parts: [String] = []
        while let part = word() { parts.append(part) }
        return parts.joined(separator: " ")
    }

    /// Steps over the end of the line. Throws when there is something else before it.
    mutating func endOfLine(after what: String) throws(VolfileError) {
        if let extra = word() { throw VolfileError(location, "\"\(extra)\" cannot stand behind \(what)") }
        if current == Self.newline {
            position += 1
            line += 1
        }
    }

    private mutating func quoted() throws(VolfileError) -> String {
        position += 1
        var content: [UInt8] = []
        while let byte = current, byte != Self.newline {
            position += 1
            if byte == Self.quote { return String(decoding: content, as: UTF8.self) }
            if byte == Self.backslash, let escaped = current, escaped == Self.quote || escaped == Self.backslash {
                content.append(escaped)
                position += 1
            } else {
                content.append(byte)
            }
        }
        throw VolfileError(location, "the quoted text is not closed on its line")
    }

    private mutating func skipBlanks() {
        while let byte = current, Self.isBlank(byte) { position += 1 }
        if current == Self.hash { while let byte = current, byte != Self.newline { position += 1 } }
    }

    private static let newline = UInt8(ascii: "\n"), hash = UInt8(ascii: "#"), quote = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")
    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r") || byte == 0x0B
            || byte == 0x0C
    }
}
