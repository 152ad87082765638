import TranslatorCore

/// Which files are bypassed: an ordered list of patterns on the path, bounds on the size, lists of owners; what none of
/// them decides is up to `bypass-default`.
///
/// A path is known for names that this mount looked up or made; a file with several names goes by the last one. Where
/// no path is known no pattern matches.
struct BypassRules: Equatable, Sendable {
    struct Rule: Equatable, Sendable {
        let bypasses: Bool
        /// A glob on the path from the volume's root ("/vm/a.img"), or, without a slash, on the last name.
        let pattern: [UInt8]
    }
    var isDefault = true
    var rules: [Rule] = []
    /// Bytes; nil: no bound.
    var sizeMin: UInt64?, sizeMax: UInt64?
    /// Nil: everybody.
    var users: [ClosedRange<UInt32>]?, groups: [ClosedRange<UInt32>]?

    var needsPath: Bool { !rules.isEmpty }
    var needsAttributes: Bool { sizeMin != nil || sizeMax != nil || users != nil || groups != nil }

    /// Bounds and owners are conditions, all of which must hold; then the first pattern that matches decides.
    func allow(path: [UInt8]?, _ iatt: Iatt?) -> Bool {
        if let iatt {
            if let sizeMin, iatt.size < sizeMin { return false }
            if let sizeMax, iatt.size > sizeMax { return false }
            if let users, !users.contains(where: { $0.contains(iatt.uid) }) { return false }
            if let groups, !groups.contains(where: { $0.contains(iatt.gid) }) { return false }
        }
        guard let path else { return isDefault }
        return rules.first { Glob.matches($0.pattern, path) }?.bypasses ?? isDefault
    }

    /// `+GLOB,-GLOB,…`: `+` bypasses, `-` replicates. Throws a sentence about the first word that is neither.
    static func parse(_ words: [String]) throws(OptionError) -> [Rule] {
        var rules: [Rule] = []
        for word in words {
            guard let sign = word.first, sign == "+" || sign == "-", word.count > 1 else {
                throw OptionError(
                    "option \"bypass-rules\" has \"\(word)\": each rule is +PATTERN (bypass) or -PATTERN (replicate)")
            }
            rules.append(Rule(bypasses: sign == "+", pattern: Array(word.dropFirst().utf8)))
        }
        return rules
    }

    /// `0,1000-1999`: numeric ids and ranges of them; nil when there are none.
    static func parseOwners(_ words: [String], option: String) throws(OptionError) -> [ClosedRange<UInt32>]? {
        var ranges: [ClosedRange<UInt32>] = []
        for word in words {
            let ends = word.split(separator: "-", omittingEmptySubsequences: false).map { UInt32($0) }
            guard ends.count <= 2, let low = ends.first ?? nil, let high = ends.last ?? nil, low <= high else {
                throw OptionError(
                    "option \"\(option)\" has \"\(word)\": give numeric ids and ranges such as 0,1000-1999")
            }
            ranges.append(low...high)
        }
        return ranges.isEmpty ? nil : ranges
    }
}

/// Shell patterns on bytes: `*` any run within a name, `**` across names, `?` one byte of a name. All else is literal.
enum Glob {
    /// A pattern without a slash is about the last name of `path`, one with a slash about all of it, from the root.
    static func matches(_ pattern: [UInt8], _ path: [UInt8]) -> Bool {
        let slash = UInt8(ascii: "/")
        if !pattern.contains(slash) {
            let last = path.lastIndex(of: slash).map { path[($0 + 1)...] } ?? path[...]
            return matches(pattern[...], last)
        }
        let rooted = pattern.first == slash ? pattern : [slash] + pattern
        return matches(rooted[...], path[...])
    }

    private static func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        // The last star to fall back to: behind it the pattern, and where its run ends.
        var (pattern, text) = (pattern, text)
        var stars: [(pattern: ArraySlice<UInt8>, text: ArraySlice<UInt8>, crosses: Bool)] = []
        while true {
            if let next = pattern.first {
                if next == UInt8(ascii: "*") {
                    let crosses = pattern.dropFirst().first == UInt8(ascii: "*")
                    pattern = pattern.dropFirst(crosses ? 2 : 1)
                    // Within the reach of a star across names an earlier one need not be tried again.
                    if crosses { stars = [] }
                    stars.append((pattern, text, crosses))
                    continue
                }
                if let byte = text.first, next == byte || (next == UInt8(ascii: "?") && byte != UInt8(ascii: "/")) {
                    (pattern, text) = (pattern.dropFirst(), text.dropFirst())
                    continue
                }
            } else if text.isEmpty {
                return true
            }
            // Let the youngest star that can take one byte more.
            while let star = stars.popLast() {
                guard let byte = star.text.first, star.crosses || byte != UInt8(ascii: "/") else { continue }
                (pattern, text) = (star.pattern, star.text.dropFirst())
                stars.append((star.pattern, text, star.crosses))
                break
            }
            if stars.isEmpty { return false }
        }
    }
}
