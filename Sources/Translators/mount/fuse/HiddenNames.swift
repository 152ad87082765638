import TranslatorCore

/// What a brick keeps for itself and users of a mount neither see nor touch.
enum HiddenNames {
    private static let directoryPrefix = Array(".glusterfs".utf8)
    private static let xattrPrefixes = [
        "trusted.afr.", "trusted.gfid", "trusted.glusterfs.", "trusted.bit-rot.", "glusterfs.",
    ]

    /// `.glusterfs` and `.glusterfs-anonymous-inode-…` in the volume's root.
    static func isHidden(_ name: EntryName, in parent: Inode) -> Bool {
        parent.gfid == .root && name.bytes.starts(with: directoryPrefix)
    }

    static func isHidden(xattr name: String) -> Bool { xattrPrefixes.contains { name.hasPrefix($0) } }
}
