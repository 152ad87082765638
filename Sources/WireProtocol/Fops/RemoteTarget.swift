import TranslatorCore

/// An open file on a brick: its gfid, and the number that OPEN, OPENDIR or CREATE answered, i64. Numbers belong to one
/// connection: on the next one the same number may be another file.
public struct RemoteFd: XDRStructure, Equatable {
    /// "No fd": makes a fop fail.
    public static let noNumber: Int64 = -1
    /// Lets a brick reach the file by its gfid alone (gluster-wire.md §4.5).
    public static let anonymousNumber: Int64 = -2

    public var gfid: Gfid, number: Int64
    public init() { (gfid, number) = (.none, Self.noNumber) }
    public init(_ gfid: Gfid, number: Int64) { (self.gfid, self.number) = (gfid, number) }
    /// `number` as the connection knows it; an anonymous fd needs none.
    public init(_ fd: Fd, number: Int64) {
        (gfid, self.number) = (fd.inode.gfid, fd.isAnonymous ? Self.anonymousNumber : number)
    }

    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&gfid, "gfid")
        try xdr.integer(&number, "fd")
    }
}

/// What a fop works on that is one number by gfid and another by fd: gfid, then in the latter i64 fd.
public enum RemoteTarget: Equatable, Sendable {
    case inode(Gfid)
    case fd(RemoteFd)

    public static let none = RemoteTarget.inode(.none)

    /// `number` is that of the fd, if it is one.
    public init(_ target: FopTarget, fd number: Int64) {
        switch target {
        case .inode(let inode): self = .inode(inode.gfid)
        case .fd(let fd): self = .fd(RemoteFd(fd, number: number))
        }
    }

    public var gfid: Gfid {
        switch self {
        case .inode(let gfid): gfid
        case .fd(let fd): fd.gfid
        }
    }
}

extension XDRFilter {
    /// Which of the two it is decides the fop, not the bytes.
    mutating func target(_ target: inout RemoteTarget) throws(Failure) {
        switch target {
        case .inode(var gfid):
            try self.gfid(&gfid, "gfid")
            target = .inode(gfid)
        case .fd(var fd):
            try fd.fields(&self)
            target = .fd(fd)
        }
    }
}
