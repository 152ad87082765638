/// A translator's state as named values: one source for the text and the JSON form of a statedump.
public struct StateDump: Sendable {
    /// One value, or values in values: just what JSON can say.
    public indirect enum Value: Sendable, Equatable {
        case integer(Int64), real(Double), text(String), flag(Bool)
        case list([Value])
        case table([(String, Value)])

        public static func == (a: Value, b: Value) -> Bool {
            switch (a, b) {
            case (.integer(let x), .integer(let y)): x == y
            case (.real(let x), .real(let y)): x == y
            case (.text(let x), .text(let y)): x == y
            case (.flag(let x), .flag(let y)): x == y
            case (.list(let x), .list(let y)): x == y
            case (.table(let x), .table(let y)): x.map(\.0) == y.map(\.0) && x.map(\.1) == y.map(\.1)
            default: false
            }
        }
    }
    /// In the order in which people read them.
    public var entries: [(String, Value)]
    public init(_ entries: [(String, Value)] = []) { self.entries = entries }

    public mutating func add(_ name: String, _ value: Value) { entries.append((name, value)) }
    public mutating func add(_ name: String, _ value: Int) { add(name, .integer(Int64(value))) }
    public mutating func add(_ name: String, _ value: String) { add(name, .text(value)) }
    public mutating func add(_ name: String, _ value: Bool) { add(name, .flag(value)) }
}
