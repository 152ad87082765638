import TranslatorCore

/// Which xattrs an index follows: prefixes of names, as `xattrop-pending-watchlist` and `xattrop-dirty-watchlist` list
/// them, separated by commas or spaces.
struct XattropWatch: Equatable, Sendable {
    /// The counts of DESIGN §3 that stay as long as the file does: with them an entry would never go.
    static let neverWatched = "trusted.afr.bypass."

    let prefixes: [String]

    /// Throws one sentence when a prefix matches what must not be watched.
    init(_ list: String) throws(OptionError) {
        prefixes = list.split { $0 == "," || $0.isWhitespace }.map(String.init)
        for prefix in prefixes where Self.neverWatched.hasPrefix(prefix) || prefix.hasPrefix(Self.neverWatched) {
            throw OptionError(
                "\"\(prefix)\" matches \(Self.neverWatched)*, whose values stay: no index entry would ever go;"
                    + " list the volume's own keys, such as trusted.afr.VOLUME-client-0")
        }
    }

    func matches(_ name: String) -> Bool { prefixes.contains { name.hasPrefix($0) } }

    /// Whether `values` says something about watched names: nil if none is among them, else whether all are zero.
    func areZero(_ values: Xattrs) -> Bool? {
        var found: Bool?
        for (name, value) in values where matches(name) {
            found = (found ?? true) && value.allSatisfy { $0 == 0 }
        }
        return found
    }
}
