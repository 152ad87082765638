import TranslatorCore

/// Counts under `trusted.afr.` that are of no replica of the volume: of one whose volumes had other names, or more
/// replicas, when something was left pending. They say that copies differ, and no heal by the names of today takes
/// them off (DESIGN §3.3, Index).
public enum UnknownMarks {
    private static let prefix = "trusted.afr.", bypass = "trusted.afr.bypass."

    /// The names in `xattrs` that count something and that `isKnown`, asked for pending keys, does not know; in order.
    ///
    /// `trusted.afr.bypass.<c>` stays when everything is healed: it counts where *opened* and *healed* differ.
    public static func names(in xattrs: some Sequence<(key: String, value: [UInt8])>, isKnown: (String) -> Bool)
        -> [String]
    {
        var names: [String] = []
        for (name, value) in xattrs where name.hasPrefix(prefix) && name != PendingCounts.dirtyKey {
            if name.hasPrefix(bypass) {
                guard !isKnown(prefix + name.dropFirst(bypass.count)) else { continue }
                let counts = try? BypassCounts(xattr: value)
                if counts?.missing != 0 { names.append(name) }
            } else if !isKnown(name), value.contains(where: { $0 != 0 }) {
                names.append(name)
            }
        }
        return names.sorted()
    }
}
