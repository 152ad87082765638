/// What one change of names does, told by gfids: enough to see on each replica whether it was done there, and to do it
/// where it was not.
public struct NameChange: Equatable, Sendable {
    /// Raw values are on disk (`HealProtocol`, `NameIntent`).
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// A new object gets its first name: create, mknod, mkdir, symlink.
        case make = 1
        /// An object gets another name.
        case link = 2
        case unlink = 3
        case rmdir = 4
        /// A name moves, over another one if there is one.
        case rename = 5
        /// Two names change places.
        case exchange = 6

        var hasTwoPlaces: Bool { self == .rename || self == .exchange }
    }
    /// A name in a directory.
    public struct Place: Hashable, Sendable {
        public var parent: Gfid
        public var name: EntryName
        public init(_ parent: Gfid, _ name: EntryName) { (self.parent, self.name) = (parent, name) }
    }

    public var kind: Kind
    /// Where the name comes, or goes; of a rename where it was.
    public var place: Place
    /// Where a renamed object comes.
    public var newPlace: Place?
    /// What gets, loses or changes the name; none: not known.
    public var object = Gfid.none
    /// What stood at the new place before; none: nothing.
    public var replaced = Gfid.none

    public init(_ kind: Kind, _ place: Place, to newPlace: Place? = nil, of object: Gfid = .none) {
        precondition(kind.hasTwoPlaces == (newPlace != nil))
        (self.kind, self.place, self.newPlace, self.object) = (kind, place, newPlace, object)
    }

    public var places: [Place] { [place] + (newPlace.map { [$0] } ?? []) }

    /// How far one replica is with it.
    public enum Progress: Equatable, Sendable {
        case before, after
        /// Neither: somebody else was there, or it is not known what there was.
        case neither
    }

    /// `found`: what stands at each of `places` on one replica, none for nothing.
    public func progress(_ found: [Gfid]) -> Progress {
        precondition(found.count == places.count)
        guard !object.isNone else { return .neither }
        let (before, after): ([Gfid], [Gfid]) =
            switch kind {
            case .make, .link: ([.none], [object])
            case .unlink, .rmdir: ([object], [.none])
            case .rename: ([object, replaced], [.none, object])
            case .exchange: ([object, replaced], [replaced, object])
            }
        return found == before ? .before : found == after ? .after : .neither
    }
}
