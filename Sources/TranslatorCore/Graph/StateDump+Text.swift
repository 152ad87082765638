/// The two forms of a statedump.
extension StateDump: CustomStringConvertible {
    public var description: String { text }
    public var value: Value { .table(entries) }

    /// For people and `grep`: a section per table, `key=value` lines, nested names joined by dots, as GlusterFS's
    /// statedumps have them.
    public var text: String {
        var plain: [String] = [], sections: [String] = []
        for (name, value) in entries {
            if case .table = value {
                sections.append("[\(name)]\n" + Self.lines("", value).map { $0 + "\n" }.joined())
            } else {
                plain += Self.lines(name, value)
            }
        }
        return plain.map { $0 + "\n" }.joined() + sections.map { "\n" + $0 }.joined()
    }

    /// For programs: one object, keys in the order of the dump.
    public var json: String { value.json }

    private static func lines(_ name: String, _ value: Value) -> [String] {
        switch value {
        case .table(let entries): entries.flatMap { lines(name.isEmpty ? $0.0 : "\(name).\($0.0)", $0.1) }
        case .list(let values): values.enumerated().flatMap { lines("\(name)[\($0.offset)]", $0.element) }
        case .text(let text):
            ["\(name)=" + text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\\n")]
        default: ["\(name)=\(value.json)"]
        }
    }
}

extension StateDump.Value {
    /// RFC 8259, without blanks. A number that JSON does not have is null.
    public var json: String {
        switch self {
        case .integer(let number): "\(number)"
        case .real(let number): number.isFinite ? "\(number)" : "null"
        case .flag(let flag): flag ? "true" : "false"
        case .text(let text): Self.quoted(text)
        case .list(let values): "[" + values.map(\.json).joined(separator: ",") + "]"
        case .table(let entries):
            "{" + entries.map { Self.quoted($0.0) + ":" + $0.1.json }.joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case let control where control.value < 0x20:
                let digits = String(control.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
