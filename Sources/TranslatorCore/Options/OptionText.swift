/// How option values are written in volfiles, and read. Source: GlusterFS `common-utils.c`, gf_string2*.
enum OptionText {
    /// The largest time that an option may have.
    static let longest = Duration.seconds(1 << 40)

    static func flag(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "on", "yes", "true", "enable", "1": true
        case "off", "no", "false", "disable", "0": false
        default: nil
        }
    }

    static func integer(_ text: String) -> Int? {
        if text.hasPrefix("0x") { return Int(text.dropFirst(2), radix: 16) }
        return Int(text)
    }

    /// A number and at most one of `units` behind it; the first unit that fits counts.
    static func number(_ text: String, units: [(String, Double)]) -> Double? {
        let lower = text.lowercased()
        for (unit, factor) in units where lower.hasSuffix(unit) {
            return Double(lower.dropLast(unit.count)).flatMap { $0 >= 0 ? $0 * factor : nil }
        }
        return Double(lower).flatMap { $0 >= 0 ? $0 : nil }
    }

    private static let sizeUnits: [(String, Double)] =
        ["pb", "tb", "gb", "mb", "kb", "p", "t", "g", "m", "k", "b"].map { unit in
            let power = ["k": 10, "m": 20, "g": 30, "t": 40, "p": 50][String(unit.prefix(1))] ?? 0
            return (unit, Double(1 << power))
        }
    static func size(_ text: String) -> Int? {
        number(text, units: sizeUnits).flatMap { $0 < 9.2e18 ? Int($0) : nil }
    }
    /// In the largest unit that divides it: 131072 is 128KB.
    static func sizeText(_ bytes: Int) -> String {
        for (unit, power) in [("PB", 50), ("TB", 40), ("GB", 30), ("MB", 20), ("KB", 10)]
        where bytes > 0 && bytes.isMultiple(of: 1 << power) {
            return "\(bytes >> power)\(unit)"
        }
        return "\(bytes)"
    }

    private static let durationUnits: [(String, Double)] = [
        ("ms", 1e-3), ("us", 1e-6), ("sec", 1), ("min", 60), ("hr", 3600), ("days", 86400), ("wk", 604_800),
        ("s", 1), ("m", 60), ("h", 3600), ("d", 86400), ("w", 604_800),
    ]
    static func duration(_ text: String) -> Duration? {
        number(text, units: durationUnits).flatMap { $0 < 1e12 ? .seconds($0) : nil }
    }
    static func durationText(_ duration: Duration) -> String {
        let nanoseconds = duration.wholeNanoseconds
        for (unit, factor) in [
            ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
            ("ms", 1_000_000),
        ] as [(String, Int64)]
        where nanoseconds > 0 && nanoseconds.isMultiple(of: factor) {
            return "\(nanoseconds / factor)\(unit)"
        }
        return "\(nanoseconds / 1000)us"
    }

    static func percent(_ text: String) -> Double? {
        let digits = text.hasSuffix("%") ? text.dropLast() : text[...]
        return Double(digits).flatMap { (0...100).contains($0) ? $0 : nil }
    }

    /// A plain number is bytes, as in GlusterFS; a percentage has its sign.
    static func sizeOrPercent(_ text: String) -> SizeOrPercent? {
        text.hasSuffix("%") ? percent(text).map { .percent($0) } : size(text).map { .size($0) }
    }

    /// Whether `text` is a value of `kind`. Names of translators are checked by the graph builder, which knows them.
    static func fits(_ text: String, _ kind: OptionKind) -> Bool {
        switch kind {
        case .any, .text: true
        case .translator: !text.isEmpty
        case .flag: flag(text) != nil
        case .percent: percent(text) != nil
        case .sizeOrPercent: sizeOrPercent(text) != nil
        case .path: text.hasPrefix("/")
        case .integer(let range): integer(text).map(range.contains) ?? false
        case .size(let range): size(text).map(range.contains) ?? false
        case .real(let range): Double(text).map(range.contains) ?? false
        case .duration(let range): duration(text).map(range.contains) ?? false
        case .choice(let allowed): allowed.contains(text)
        case .address: isAddress(text)
        case .addressList: all(list(text)) { isAddress($0) || isWildcard($0) }
        case .priorityList: priorityList(text) != nil
        case .sizeList: sizeList(text) != nil
        case .clientAuthAddress: all(list(text)) { isAddress($0) || isWildcard($0) || isNetwork($0) || isGroup($0) }
        }
    }

    static func check(_ text: String, _ option: OptionDeclaration) throws(OptionError) {
        guard !fits(text, option.kind) else { return }
        let shown = option.isSecret ? "what is given" : "\"\(text)\""
        var sentence = "option \"\(option.name)\" cannot be \(shown): it takes \(option.kind.allowed)"
        if case .choice(let values) = option.kind { sentence += NearestName.hint(values, to: text) }
        throw OptionError(sentence, option: option.name)
    }
}

/// The value of an option that takes either.
public enum SizeOrPercent: Equatable, Sendable {
    /// Bytes.
    case size(Int)
    /// 0…100.
    case percent(Double)

    /// Bytes, where 100% is `whole` bytes.
    public func bytes(of whole: Int) -> Int {
        switch self {
        case .size(let bytes): bytes
        case .percent(let percent): Int(Double(whole) * percent / 100)
        }
    }
}

extension Duration {
    /// Reads a duration as volfile options have it: `600`, `5s`, `10m`, `1h`, `200ms`; nil for everything else.
    public init?(optionText text: String) {
        guard let duration = OptionText.duration(text) else { return nil }
        self = duration
    }
}
