/// A JSON value (RFC 8259): what a healer tells `healctl`, and what `healctl --json` prints. Objects keep their order,
/// because people read them. Here because daemons do without Foundation.
public indirect enum JSONText: Sendable {
    case null
    case flag(Bool)
    case integer(Int64)
    case real(Double)
    case text(String)
    case list([JSONText])
    case object([(key: String, value: JSONText)])

    /// Larger byte counts than Int64 holds do not exist on disk; they are clamped, not trapped on.
    public static func count(_ value: UInt64) -> JSONText { .integer(Int64(clamping: value)) }
    public static func count(_ value: Int) -> JSONText { .integer(Int64(value)) }
    public static func optional<Value>(_ value: Value?, _ make: (Value) -> JSONText) -> JSONText {
        value.map(make) ?? .null
    }
}

extension JSONText: Equatable {
    public static func == (a: JSONText, b: JSONText) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.flag(let x), .flag(let y)): x == y
        case (.integer(let x), .integer(let y)): x == y
        case (.real(let x), .real(let y)): x == y
        case (.text(let x), .text(let y)): x == y
        case (.list(let x), .list(let y)): x == y
        case (.object(let x), .object(let y)): x.map(\.key) == y.map(\.key) && x.map(\.value) == y.map(\.value)
        default: false
        }
    }
}
