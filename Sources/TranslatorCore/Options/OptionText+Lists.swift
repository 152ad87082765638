import CPosix
import Glibc

/// Lists and internet addresses. Source: GlusterFS `common-utils.c`, valid_internet_address and its like.
extension OptionText {
    /// Split at commas, blanks around the parts taken off; empty text is an empty list.
    static func list(_ text: String) -> [String] {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(trimmed)
        return parts == [""] ? [] : parts
    }

    static func trimmed(_ text: some StringProtocol) -> String {
        let back = text.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }
        return String(back.reversed())
    }

    /// True for a list that has parts, all of them good.
    static func all(_ parts: [String], _ isGood: (String) -> Bool) -> Bool {
        !parts.isEmpty && parts.allSatisfy(isGood)
    }

    static func isAddress(_ text: String) -> Bool { isIPv4(text) || isIPv6(text) || isHostName(text) }

    static func isIPv4(_ text: String) -> Bool {
        var address = in_addr()
        return inet_pton(AF_INET, text, &address) == 1
    }

    static func isIPv6(_ text: String) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET6, text, &address) == 1
    }

    /// Labels of letters, digits and hyphens, at most 63 each and 253 in all (RFC 1123 section 2.1); not digits only,
    /// which would be a misspelt IPv4 address.
    static func isHostName(_ text: String) -> Bool {
        let labels = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let isGood = labels.allSatisfy { label in
            (1...63).contains(label.count) && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
                && label.allSatisfy { isDigit($0) || isLetter($0) || $0 == UInt8(ascii: "-") }
        }
        return isGood && text.utf8.count <= 253 && !labels.allSatisfy { $0.allSatisfy(isDigit) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) && byte >= UInt8(ascii: "A")
    }

    /// `*`, `192.168.*`, `*.example.org`.
    static func isWildcard(_ text: String) -> Bool {
        guard text.contains("*") else { return false }
        let filled = text.split(separator: ".", omittingEmptySubsequences: false).map { $0 == "*" ? "1" : String($0) }
        return filled.allSatisfy { part in isHostName(part) || !part.isEmpty && part.utf8.allSatisfy(isDigit) }
    }

    /// `10.0.0.0/8`, `fd00::/8`.
    static func isNetwork(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let bits = Int(parts[1]), bits >= 0 else { return false }
        return isIPv4(parts[0]) && bits <= 32 || isIPv6(parts[0]) && bits <= 128
    }

    /// `@netgroup`.
    static func isGroup(_ text: String) -> Bool { text.hasPrefix("@") && isHostName(String(text.dropFirst())) }

    static func priorityList(_ text: String) -> [(name: String, priority: Int)]? {
        var result: [(name: String, priority: Int)] = []
        for part in list(text) {
            let pair = part.split(separator: ":", omittingEmptySubsequences: false)
            guard pair.count == 2, !pair[0].isEmpty, let priority = Int(pair[1]) else { return nil }
            result.append((String(pair[0]), priority))
        }
        return result.isEmpty ? nil : result
    }

    static func sizeList(_ text: String) -> [Int]? {
        let sizes = list(text).map(size)
        guard !sizes.isEmpty, sizes.allSatisfy({ $0.map { $0 > 0 && $0.isMultiple(of: 512) } ?? false }) else {
            return nil
        }
        return sizes.compactMap { $0 }
    }
}
