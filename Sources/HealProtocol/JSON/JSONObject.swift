import TranslatorCore

/// Reads the members of a JSON object by name. Every message says what is missing, and members that this version does
/// not know are passed over, so that a newer healer can talk to an older `healctl`.
public struct JSONObject: Sendable {
    private let members: [String: JSONText]
    private let what: String

    /// `what` stands in front of the error messages.
    public init(_ text: JSONText, _ what: String) throws(CodecError) {
        guard case .object(let pairs) = text else { throw CodecError("\(what) is not a JSON object") }
        members = Dictionary(pairs.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
        self.what = what
    }

    private func fault(_ name: String, _ kind: String) -> CodecError {
        CodecError("\(what): \"\(name)\" is not \(kind)")
    }

    /// Nil when absent or null.
    public subscript(name: String) -> JSONText? {
        guard let value = members[name], value != .null else { return nil }
        return value
    }

    public func text(_ name: String) throws(CodecError) -> String {
        guard case .text(let value) = self[name] else { throw fault(name, "a text") }
        return value
    }
    public func textIfAny(_ name: String) throws(CodecError) -> String? { self[name] == nil ? nil : try text(name) }

    public func flag(_ name: String) throws(CodecError) -> Bool {
        guard case .flag(let value) = self[name] else { throw fault(name, "true or false") }
        return value
    }

    /// A count: never negative.
    public func count(_ name: String) throws(CodecError) -> Int {
        guard case .integer(let value) = self[name], value >= 0 else { throw fault(name, "a count") }
        return Int(value)
    }
    public func bytes(_ name: String) throws(CodecError) -> UInt64 { UInt64(try count(name)) }
    public func bytesIfAny(_ name: String) throws(CodecError) -> UInt64? { self[name] == nil ? nil : try bytes(name) }
    public func integer(_ name: String) throws(CodecError) -> Int64 {
        guard case .integer(let value) = self[name] else { throw fault(name, "an integer") }
        return value
    }

    /// Seconds, whole or not; never negative, and at most 10^9 (some thirty years).
    public func duration(_ name: String) throws(CodecError) -> Duration {
        let seconds: Double
        switch self[name] {
        case .integer(let value): seconds = Double(value)
        case .real(let value): seconds = value
        default: throw fault(name, "a number of seconds")
        }
        guard (0...1e9).contains(seconds) else { throw fault(name, "a number of seconds from 0 to 10^9") }
        return .nanoseconds(Int64(seconds * 1e9))
    }
    public func durationIfAny(_ name: String) throws(CodecError) -> Duration? {
        self[name] == nil ? nil : try duration(name)
    }

    /// 0...1.
    public func fraction(_ name: String) throws(CodecError) -> Double {
        switch self[name] {
        case .integer(let value) where value == 0 || value == 1: return Double(value)
        case .real(let value) where (0...1).contains(value): return value
        default: throw fault(name, "a fraction from 0 to 1")
        }
    }

    public func gfid(_ name: String) throws(CodecError) -> Gfid {
        guard let value = Gfid(try text(name)) else { throw fault(name, "a gfid") }
        return value
    }
    public func timestampIfAny(_ name: String) throws(CodecError) -> Timestamp? {
        guard let text = try textIfAny(name) else { return nil }
        guard let time = Timestamp(iso8601: text) else { throw fault(name, "a time") }
        return time
    }
    public func timestamp(_ name: String) throws(CodecError) -> Timestamp {
        guard let time = try timestampIfAny(name) else { throw fault(name, "a time") }
        return time
    }

    public func choice<Choice: RawRepresentable<String>>(_ name: String, _: Choice.Type = Choice.self)
        throws(CodecError)
        -> Choice
    {
        guard let value = Choice(rawValue: try text(name)) else { throw fault(name, "a known word") }
        return value
    }

    /// At most `max` elements, each read by `read`.
    public func list<Element>(
        _ name: String, max: Int = 1_000_000, _ read: (JSONText) throws(CodecError) -> Element
    ) throws(CodecError) -> [Element] {
        guard case .list(let values) = self[name] else { throw fault(name, "a list") }
        guard values.count <= max else { throw fault(name, "a list of at most \(max)") }
        var result: [Element] = []
        result.reserveCapacity(values.count)
        for value in values { result.append(try read(value)) }
        return result
    }
    public func texts(_ name: String) throws(CodecError) -> [String] {
        try list(name) { value throws(CodecError) in
            guard case .text(let text) = value else { throw fault(name, "a list of texts") }
            return text
        }
    }
}

extension JSONText {
    /// Seconds to the millisecond: 1.8; whole numbers without a point.
    public static func seconds(_ duration: Duration) -> JSONText {
        let milliseconds = duration.wholeNanoseconds / 1_000_000
        return milliseconds.isMultiple(of: 1_000) ? .integer(milliseconds / 1_000) : .real(Double(milliseconds) / 1_000)
    }
    public static func gfid(_ gfid: Gfid) -> JSONText { .text(gfid.description) }
    public static func time(_ time: Timestamp) -> JSONText { .text(time.iso8601) }
    public static func texts(_ texts: [String]) -> JSONText { .list(texts.map { .text($0) }) }
}
