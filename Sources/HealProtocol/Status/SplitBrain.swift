import TranslatorCore

/// Copies of which none is good for sure: `healctl split-brain list`.
public struct SplitBrain: Equatable, Sendable {
    /// What it is that differs.
    public enum Kind: String, Sendable, CaseIterable {
        /// The copies of one file accuse each other.
        case data
        /// The replicas have different objects under one name.
        case name
    }
    /// What one replica has.
    public struct Copy: Equatable, Sendable {
        /// The replica's name in the volfile.
        public var replica: String
        public var gfid: Gfid
        public var size: UInt64
        public var modified: Timestamp
        public init(replica: String, gfid: Gfid, size: UInt64, modified: Timestamp) {
            (self.replica, self.gfid, self.size, self.modified) = (replica, gfid, size, modified)
        }
    }

    public var kind: Kind
    /// From the volume's root, where known.
    public var path: String?
    /// Of the file; of a name that of its directory.
    public var gfid: Gfid
    /// Of a name; empty for data, whose copies have their reason in the quarantine.
    public var copies: [Copy]

    public init(kind: Kind, path: String?, gfid: Gfid, copies: [Copy] = []) {
        (self.kind, self.path, self.gfid, self.copies) = (kind, path, gfid, copies)
    }
}
