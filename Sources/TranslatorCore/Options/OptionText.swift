/// How option values are written in volfiles, and read. Source: GlusterFS `common-utils.c`, gf_string2*.
enum OptionText {
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

    static func number(_ text: String, units: [(String, Double)]) -> Double? {
        let lower = text.lowercased()
        for (unit, factor) in units where lower.hasSuffix(unit) {
            if let value = Double(lower.dropLast(unit.count)), value >= 0 { return value * factor }
            return nil
        }
        guard let value = Double(lower), value >= 0 else { return nil }
        return value
    }

    static func size(_ text: String) -> Int? {
        let units = ["pb", "tb", "gb", "mb", "kb", "p", "t", "g", "m", "k", "b"].map { unit -> (String, Double) in
            let power = ["k": 10, "m": 20, "g": 30, "t": 40, "p": 50][String(unit.prefix(1))] ?? 0
            return (unit, Double(1 << power))
        }
        return number(text, units: units).flatMap { $0 < 9.2e18 ? Int($0) : nil }
    }

    static func duration(_ text: String) -> Duration? {
        let units: [(String, Double)] = [
            ("ms", 1e-3), ("us", 1e-6), ("sec", 1), ("min", 60), ("hr", 3600), ("days", 86400), ("wk", 604_800),
            ("s", 1), ("m", 60), ("h", 3600), ("d", 86400), ("w", 604_800),
        ]
        return number(text, units: units).flatMap { $0 < 1e12 ? .seconds($0) : nil }
    }

    static func percent(_ text: String) -> Double? {
        let digits = text.hasSuffix("%") ? text.dropLast() : text[...]
        return Double(digits).flatMap { (0...100).contains($0) ? $0 : nil }
    }

    static func check(_ text: String, _ option: OptionDeclaration) throws(OptionError) {
        let isGood =
            switch option.kind {
            case .any, .text, .address, .addressList, .priorityList, .sizeList, .clientAuthAddress: true
            case .translator: !text.isEmpty
            case .flag: flag(text) != nil
            case .percent: percent(text) != nil
            case .sizeOrPercent: percent(text) != nil || size(text) != nil
            case .path: text.hasPrefix("/")
            case .integer(let range): integer(text).map(range.contains) ?? false
            case .size(let range): size(text).map(range.contains) ?? false
            case .real(let range): Double(text).map(range.contains) ?? false
            case .duration(let range): duration(text).map(range.contains) ?? false
            case .choice(let allowed): allowed.contains(text)
            }
        if !isGood { throw OptionError("option \"\(option.name)\" cannot be \"\(text)\"") }
    }
}
