/// What values an option takes. GlusterFS's types: any, str, int, sizet, percent, percent-or-sizet, bool, xlator, path,
/// time, double, internet-address, internet-address-list, priority-list, size-list, client-auth-addr.
public enum OptionKind: Sendable, Equatable {
    case any, text, flag, percent, sizeOrPercent, path, translator
    case integer(ClosedRange<Int>)
    case size(ClosedRange<Int>)
    case real(ClosedRange<Double>)
    case duration(ClosedRange<Duration>)
    case choice([String])
    case address, addressList, priorityList, sizeList, clientAuthAddress
}

extension OptionKind {
    /// GlusterFS's word for it, in tables and in JSON.
    public var name: String {
        switch self {
        case .any: "any"
        case .text, .choice: "string"
        case .flag: "bool"
        case .percent: "percent"
        case .sizeOrPercent: "percent-or-size"
        case .path: "path"
        case .translator: "translator"
        case .integer: "int"
        case .size: "size"
        case .real: "double"
        case .duration: "time"
        case .address: "internet-address"
        case .addressList: "internet-address-list"
        case .priorityList: "priority-list"
        case .sizeList: "size-list"
        case .clientAuthAddress: "client-auth-address"
        }
    }

    /// What may be written, as part of a sentence: `a whole number from 1 to 1024`.
    public var allowed: String {
        switch self {
        case .any: "anything"
        case .text: "text"
        case .flag: "on or off (also yes, no, true, false, enable, disable, 1, 0)"
        case .percent: "a percentage from 0% to 100%"
        case .sizeOrPercent: "a size such as 128KB, or a percentage from 0% to 100%"
        case .path: "an absolute path"
        case .translator: "the name of a volume of this volfile"
        case .integer(let range):
            "a whole number" + bounds(range, least: Int.min, most: Int.max) { "\($0)" }
        case .size(let range):
            "a size such as 128KB" + bounds(range, least: 0, most: Int.max, OptionText.sizeText)
        case .real(let range):
            "a number" + bounds(range, least: -.infinity, most: .infinity) { "\($0)" }
        case .duration(let range):
            "a time such as 30 (seconds), 50ms or 10m"
                + bounds(range, least: .zero, most: OptionText.longest, OptionText.durationText)
        case .choice(let values): "one of " + values.map { $0.isEmpty ? "\"\"" : $0 }.joined(separator: ", ")
        case .address: "a host name or an IP address"
        case .addressList: "host names or IP addresses, separated by commas; * stands for any part"
        case .priorityList: "names with priorities, NAME:NUMBER, separated by commas"
        case .sizeList: "sizes such as 4KB that are multiples of 512, separated by commas"
        case .clientAuthAddress:
            "host names, IP addresses, networks such as 10.0.0.0/8, or @GROUP, separated by commas; * for all"
        }
    }

    private func bounds<Value: Comparable>(
        _ range: ClosedRange<Value>, least: Value, most: Value, _ text: (Value) -> String
    ) -> String {
        switch (range.lowerBound > least, range.upperBound < most) {
        case (true, true): " from \(text(range.lowerBound)) to \(text(range.upperBound))"
        case (true, false): ", at least \(text(range.lowerBound))"
        case (false, true): ", at most \(text(range.upperBound))"
        case (false, false): ""
        }
    }
}
