extension JSONText {
    /// One line, without a space between tokens: a line of `--watch --json` is one value.
    public var line: String {
        var out: [UInt8] = []
        write(to: &out, indent: nil)
        return String(decoding: out, as: UTF8.self)
    }

    /// Indented by two spaces, for people.
    public var pretty: String {
        var out: [UInt8] = []
        write(to: &out, indent: 0)
        return String(decoding: out, as: UTF8.self)
    }

    public var utf8: [UInt8] {
        var out: [UInt8] = []
        write(to: &out, indent: nil)
        return out
    }

    /// `indent` is the depth of the line this value begins on; nil writes everything on one line.
    private func write(to out: inout [UInt8], indent: Int?) {
        switch self {
        case .null: out.append(contentsOf: "null".utf8)
        case .flag(let value): out.append(contentsOf: (value ? "true" : "false").utf8)
        case .integer(let value): out.append(contentsOf: String(value).utf8)
        // JSON has neither infinity nor NaN.
        case .real(let value): out.append(contentsOf: (value.isFinite ? "\(value)" : "null").utf8)
        case .text(let value): Self.write(value, to: &out)
        case .list(let values):
            Self.write(values.count, brackets: "[]", to: &out, indent: indent) { position, out, inner in
                values[position].write(to: &out, indent: inner)
            }
        case .object(let pairs):
            Self.write(pairs.count, brackets: "{}", to: &out, indent: indent) { position, out, inner in
                Self.write(pairs[position].key, to: &out)
                out.append(contentsOf: (inner == nil ? ":" : ": ").utf8)
                pairs[position].value.write(to: &out, indent: inner)
            }
        }
    }

    private static func write(
        _ count: Int, brackets: StaticString, to out: inout [UInt8], indent: Int?,
        element: (Int, inout [UInt8], Int?) -> Void
    ) {
        out.append(brackets.utf8Start[0])
        for position in 0..<count {
            if position > 0 { out.append(UInt8(ascii: ",")) }
            breakLine(indent.map { $0 + 1 }, &out)
            element(position, &out, indent.map { $0 + 1 })
        }
        if count > 0 { breakLine(indent, &out) }
        out.append(brackets.utf8Start[1])
    }

    private static func breakLine(_ indent: Int?, _ out: inout [UInt8]) {
        guard let indent else { return }
        out.append(UInt8(ascii: "\n"))
        out.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent * 2))
    }

    /// Escapes what RFC 8259 §7 says must be, and DEL with C1 controls, which could steer a terminal.
    private static func write(_ text: String, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out.append(contentsOf: "\\\"".utf8)
            case "\\": out.append(contentsOf: "\\\\".utf8)
            case "\n": out.append(contentsOf: "\\n".utf8)
            case "\r": out.append(contentsOf: "\\r".utf8)
            case "\t": out.append(contentsOf: "\\t".utf8)
            case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                out.append(contentsOf: "\\u".utf8)
                out.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: 4 - digits.utf8.count))
                out.append(contentsOf: digits.utf8)
            default: out.append(contentsOf: String(scalar).utf8)
            }
        }
        out.append(UInt8(ascii: "\""))
    }
}
