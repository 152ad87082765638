import TranslatorCore

/// RFC 3339 in UTC with milliseconds: `2026-01-12T09:41:13.204Z`. Days are counted in the proleptic Gregorian calendar,
/// by the arithmetic of Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
extension Timestamp {
    public var iso8601: String {
        let days = seconds.floorDivided(by: 86_400), second = Int(seconds - days * 86_400)
        let (year, month, day) = Self.date(daysSince1970: days)
        let milliseconds = Int(nanoseconds / 1_000_000)
        return "\(year.padded(4))-\(month.padded(2))-\(day.padded(2))T\((second / 3600).padded(2)):"
            + "\((second / 60 % 60).padded(2)):\((second % 60).padded(2)).\(milliseconds.padded(3))Z"
    }

    /// Reads what `iso8601` writes, with or without a fraction of up to nine digits; nil for everything else.
    public init?(iso8601 text: String) {
        var digits = Substring(text)
        func number(_ count: Int, then separator: String) -> Int64? {
            guard digits.utf8.count > count, digits.prefix(count).utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let value = Int64(digits.prefix(count)), digits.dropFirst(count).hasPrefix(separator)
            else { return nil }
            digits = digits.dropFirst(count + separator.count)
            return value
        }
        guard let year = number(4, then: "-"), let month = number(2, then: "-"), let day = number(2, then: "T"),
            let hour = number(2, then: ":"), let minute = number(2, then: ":"), let second = number(2, then: ""),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        var fraction: UInt32 = 0
        if digits.hasPrefix(".") {
            let places = digits.dropFirst().prefix { $0.isASCII && $0.isNumber }
            guard (1...9).contains(places.count) else { return nil }
            fraction = UInt32(places + String(repeating: "0", count: 9 - places.count))!
            digits = digits.dropFirst(places.count + 1)
        }
        guard digits == "Z" else { return nil }
        let days = Self.days(year: year, month: month, day: day)
        self.init(seconds: days * 86_400 + hour * 3600 + minute * 60 + second, nanoseconds: fraction)
    }

    private static func date(daysSince1970 days: Int64) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468  // since 0000-03-01
        let era = shifted.floorDivided(by: 146_097), dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (
            Int(yearOfEra + era * 400 + (month <= 2 ? 1 : 0)), Int(month),
            Int(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
        )
    }

    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear.floorDivided(by: 400), yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

extension Int64 {
    fileprivate func floorDivided(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}

extension Int {
    fileprivate func padded(_ width: Int) -> String {
        let digits = String(self)
        return String(repeating: "0", count: Swift.max(0, width - digits.utf8.count)) + digits
    }
}
