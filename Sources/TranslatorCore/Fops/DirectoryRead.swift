/// Finds an object by name in a directory, or by gfid alone.
public struct LookupRequest: Sendable {
    /// By name in a directory, or the object itself by its gfid.
    public enum Target: Sendable {
        case name(EntryName, parent: Inode)
        case inode(Inode)
    }
    public let target: Target
    /// Names of xattrs to answer with (value irrelevant), and the keys of gluster-wire.md §8.
    public var xdata: Xdata

    public init(_ target: Target, xdata: Xdata = [:]) { (self.target, self.xdata) = (target, xdata) }
}

/// The object that was found; ENOENT, or ESTALE for a gfid, where there is none.
public struct LookupReply: Sendable {
    public var iatt: Iatt
    /// Attributes of the parent after a look-up by name; zeros by gfid.
    public var parent: Iatt
    /// Answers; an xattr that does not exist is absent.
    public var xdata: Xdata
    /// Set by a translator that already hung context on the inode, so that it stays alive until the mount has it.
    public var inode: Inode?

    public init(iatt: Iatt, parent: Iatt = Iatt(), xdata: Xdata = [:], inode: Inode? = nil) {
        (self.iatt, self.parent, self.xdata, self.inode) = (iatt, parent, xdata, inode)
    }
}

/// Opens a directory: each translator hangs its part into `fd.contexts`.
public struct OpendirRequest: Sendable {
    public let fd: Fd
    public var xdata: Xdata
    public init(fd: Fd, xdata: Xdata = [:]) { (self.fd, self.xdata) = (fd, xdata) }
}

/// Reads entries; `readdirp` adds attributes (and xattrs named in `xdata`) to each.
public struct ReaddirRequest: Sendable {
    public let fd: Fd
    /// `nextOffset` of the last entry received; 0 to start. Opaque, valid on the replica that gave it.
    public let offset: UInt64
    /// About how many bytes of reply the caller can take: an entry counts 24 + its name, with attributes 152 more.
    public let bytes: Int
    public var xdata: Xdata
    public init(fd: Fd, offset: UInt64, bytes: Int, xdata: Xdata = [:]) {
        (self.fd, self.offset, self.bytes, self.xdata) = (fd, offset, bytes, xdata)
    }
}

/// One name in a directory.
public struct DirectoryEntry: Sendable {
    public var name: EntryName
    public var inodeNumber: UInt64
    /// The cookie that continues behind this entry.
    public var nextOffset: UInt64
    public var type: FileType
    /// With readdirp only, and nil where the brick could not say: look it up.
    public var iatt: Iatt?
    public var xdata: Xdata

    public init(
        name: EntryName, inodeNumber: UInt64, nextOffset: UInt64, type: FileType, iatt: Iatt? = nil, xdata: Xdata = [:]
    ) {
        (self.name, self.inodeNumber, self.nextOffset) = (name, inodeNumber, nextOffset)
        (self.type, self.iatt, self.xdata) = (type, iatt, xdata)
    }
}

/// Entries in the order of the storage.
public struct ReaddirReply: Sendable {
    /// "." and ".." are among them. None: the end.
    public var entries: [DirectoryEntry]
    /// True when these are the last ones; saves the caller a request.
    public var isEnd: Bool
    public init(entries: [DirectoryEntry], isEnd: Bool) { (self.entries, self.isEnd) = (entries, isEnd) }
}

/// Makes the names in a directory durable: fsync(2) of it.
public struct FsyncdirRequest: Sendable {
    public let fd: Fd
    public let dataOnly: Bool
    public var xdata: Xdata
    public init(fd: Fd, dataOnly: Bool, xdata: Xdata = [:]) {
        (self.fd, self.dataOnly, self.xdata) = (fd, dataOnly, xdata)
    }
}
