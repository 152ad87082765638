import Glibc
import TranslatorCore

/// How sizes are written: IEC by default, SI with `--si`, plain bytes with `--bytes`.
enum SizeUnits: Sendable { case iec, si, bytes }

/// Sizes, times and shares as people read them. Everywhere the same, so that columns can be compared.
struct Units: Sendable {
    var sizes = SizeUnits.iec
    /// What stands for "does not apply" or "not known".
    static let none = "–"

    /// Two or three digits and a unit: `812 MiB`, `12 MiB`, `1.9 GiB`, `0 B`. `gap` parts them.
    func size(_ bytes: UInt64, gap: String = " ") -> String {
        let (base, names): (Double, [String]) =
            switch sizes {
            case .iec: (1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"])
            case .si: (1000, ["B", "kB", "MB", "GB", "TB", "PB", "EB"])
            case .bytes: (.infinity, ["B"])
            }
        var value = Double(bytes), unit = 0
        // 1023.7 would be written 1024.
        while value >= base - 0.5, unit < names.count - 1 {
            value /= base
            unit += 1
        }
        let digits = unit == 0 ? String(bytes) : value < 9.95 ? Self.tenths(value) : String(Int(value.rounded()))
        return "\(digits)\(gap)\(names[unit])"
    }
    func rate(_ bytesPerSecond: UInt64, gap: String = " ") -> String { size(bytesPerSecond, gap: gap) + "/s" }

    /// `0 s`, `1.8 s`, `42 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`; below a tenth of a second, milliseconds.
    static func duration(_ duration: Duration, gap: String = " ") -> String {
        let seconds = duration.inSeconds
        if seconds == 0 { return "0\(gap)s" }
        if seconds < 0.0995 { return "\(max(1, Int((seconds * 1000).rounded())))\(gap)ms" }
        if seconds < 9.95 {
            let text = tenths(seconds)
            return (text.hasSuffix(".0") ? String(text.dropLast(2)) : text) + "\(gap)s"
        }
        let whole = Int(min(seconds, 1e15).rounded())
        if whole < 60 { return "\(whole)\(gap)s" }
        if whole < 3_600 { return pair(whole / 60, "min", whole % 60, "s", gap) }
        if whole < 86_400 { return pair(whole / 3_600, "h", whole / 60 % 60, "min", gap) }
        return pair(whole / 86_400, "d", whole / 3_600 % 24, "h", gap)
    }
    private static func pair(_ large: Int, _ largeUnit: String, _ small: Int, _ smallUnit: String, _ gap: String)
        -> String
    {
        small == 0 ? "\(large)\(gap)\(largeUnit)" : "\(large)\(gap)\(largeUnit)\(gap)\(small)\(gap)\(smallUnit)"
    }

    /// Rounded down, so that 100 % means all: `78.4`.
    static func percent(_ fraction: Double) -> String { tenths((min(max(fraction, 0), 1) * 1_000).rounded(.down) / 10) }
    static func fraction(_ done: UInt64, of total: UInt64) -> Double {
        total == 0 ? 1 : min(1, Double(done) / Double(total))
    }

    private static func tenths(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// `09:41:13` in this machine's time; with the date when it is not today's.
    static func clock(_ time: Timestamp, now: Timestamp) -> String {
        let (then, today) = (calendar(time), calendar(now))
        let clock = "\(two(then.tm_hour)):\(two(then.tm_min)):\(two(then.tm_sec))"
        if (then.tm_year, then.tm_yday) == (today.tm_year, today.tm_yday) { return clock }
        return "\(then.tm_year + 1900)-\(two(then.tm_mon + 1))-\(two(then.tm_mday)) \(clock)"
    }
    private static func calendar(_ time: Timestamp) -> tm {
        var seconds = time_t(time.seconds), calendar = tm()
        localtime_r(&seconds, &calendar)
        return calendar
    }
    private static func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }

    static func count(_ count: Int, _ one: String, _ many: String? = nil) -> String {
        "\(count) \(count == 1 ? one : many ?? one + "s")"
    }
}
