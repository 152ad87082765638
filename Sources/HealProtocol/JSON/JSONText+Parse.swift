import TranslatorCore

extension JSONText {
    /// Deeper nesting than any of our messages has is refused, so that hostile text cannot exhaust the stack.
    public static let depthMax = 32

    /// Reads one value and insists that only white space follows. Throws for anything RFC 8259 does not allow.
    public init(parsing bytes: [UInt8]) throws(CodecError) {
        var parser = JSONParser(bytes: bytes)
        self = try parser.document()
    }
    public init(parsing text: String) throws(CodecError) { try self.init(parsing: Array(text.utf8)) }
}

/// One method per rule of RFC 8259.
struct JSONParser {
    private let bytes: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }
    private func fault(_ what: String) -> CodecError { CodecError("JSON: \(what) at byte \(position)") }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }
    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }
    private mutating func expect(_ byte: UInt8) throws(CodecError) {
        guard take(byte) else { throw fault("\"\(Character(UnicodeScalar(byte)))\" expected") }
    }

    /// JSON-text = ws value ws
    mutating func document() throws(CodecError) -> JSONText {
        let result = try value(depth: 0)
        skipSpace()
        guard next == nil else { throw fault("more text than one value") }
        return result
    }

    /// value = false / null / true / object / array / number / string
    private mutating func value(depth: Int) throws(CodecError) -> JSONText {
        guard depth <= JSONText.depthMax else { throw fault("nesting deeper than \(JSONText.depthMax)") }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .text(try string())
        case UInt8(ascii: "t"): return try literal("true", .flag(true))
        case UInt8(ascii: "f"): return try literal("false", .flag(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: return try number()
        }
    }

    private mutating func literal(_ word: StaticString, _ value: JSONText) throws(CodecError) -> JSONText {
        for offset in 0..<word.utf8CodeUnitCount where !take(word.utf8Start[offset]) { throw fault("\(word) expected") }
        return value
    }

    /// object = "{" [ string ":" value *( "," string ":" value ) ] "}"
    private mutating func object(depth: Int) throws(CodecError) -> JSONText {
        try expect(UInt8(ascii: "{"))
        var pairs: [(key: String, value: JSONText)] = []
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(pairs) }
        repeat {
            skipSpace()
            let key = try string()
            skipSpace()
            try expect(UInt8(ascii: ":"))
            pairs.append((key, try value(depth: depth + 1)))
            skipSpace()
        } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"))
        return .object(pairs)
    }

    /// array = "[" [ value *( "," value ) ] "]"
    private mutating func array(depth: Int) throws(CodecError) -> JSONText {
        try expect(UInt8(ascii: "["))
        var values: [JSONText] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .list(values) }
        repeat {
            values.append(try value(depth: depth + 1))
            skipSpace()
        } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"))
        return .list(values)
    }

    /// number = [ "-" ] int [ "." 1*DIGIT ] [ ( "e" / "E" ) [ "-" / "+" ] 1*DIGIT ]
    private mutating func number() throws(CodecError) -> JSONText {
        let start = position
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try digits() }
        var isInteger = true
        if take(UInt8(ascii: ".")) {
            isInteger = false
            try digits()
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isInteger = false
            if !take(UInt8(ascii: "-")) { _ = take(UInt8(ascii: "+")) }
            try digits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let value = Int64(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw fault("number out of range") }
        return .real(value)
    }

    private mutating func digits() throws(CodecError) {
        let start = position
        while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
        guard position > start else { throw fault("digit expected") }
    }

    /// string = quotation-mark *char quotation-mark
    private mutating func string() throws(CodecError) -> String {
        try expect(UInt8(ascii: "\""))
        var out: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: out, as: UTF8.self) else { throw fault("text that is not UTF-8") }
                return text
            case UInt8(ascii: "\\"): out.append(contentsOf: String(try escape()).utf8)
            case 0..<0x20: throw fault("control character in a string")
            default: out.append(byte)
            }
        }
        throw fault("string without an end")
    }

    /// What follows a backslash. A pair of surrogates is one character; half of one is refused.
    private mutating func escape() throws(CodecError) -> Unicode.Scalar {
        guard let byte = next else { throw fault("string without an end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw fault("unknown escape")
        }
        let first = try hexadecimal()
        if (0xD800..<0xDC00).contains(first) {
            try expect(UInt8(ascii: "\\"))
            try expect(UInt8(ascii: "u"))
            let second = try hexadecimal()
            guard (0xDC00..<0xE000).contains(second) else { throw fault("half a surrogate pair") }
            return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))!
        }
        guard let scalar = Unicode.Scalar(first) else { throw fault("half a surrogate pair") }
        return scalar
    }

    private mutating func hexadecimal() throws(CodecError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(UnicodeScalar(byte)).hexDigitValue, byte < 0x80 else {
                throw fault("four hexadecimal digits expected")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
