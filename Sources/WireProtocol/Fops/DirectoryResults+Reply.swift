import TranslatorCore

extension CreateResult {
    /// With the number of the fd, for this connection.
    public func createReply() throws(FopError) -> (number: Int64, reply: EntryReply) {
        try status.check()
        let parent = PrePostIatt(pre: parentPre.iatt, post: parentPost.iatt)
        return (fd, EntryReply(iatt: iatt.iatt, parent: parent, xdata: xdata.xdata))
    }
    public init(_ reply: EntryReply, fd: Int64) {
        self.init()
        (iatt, self.fd) = (WireIatt(reply: reply.iatt), fd)
        (parentPre, parentPost) = (WireIatt(reply: reply.parent.pre), WireIatt(reply: reply.parent.post))
        xdata = WireDict(xdata: reply.xdata)
    }
}

extension RenameResult {
    public func renameReply() throws(FopError) -> RenameReply {
        try status.check()
        return RenameReply(
            iatt: iatt.iatt, oldParent: PrePostIatt(pre: oldParentPre.iatt, post: oldParentPost.iatt),
            newParent: PrePostIatt(pre: newParentPre.iatt, post: newParentPost.iatt), xdata: xdata.xdata)
    }
    public init(_ reply: RenameReply) {
        self.init()
        (iatt, xdata) = (WireIatt(reply: reply.iatt), WireDict(xdata: reply.xdata))
        (oldParentPre, oldParentPost) = (WireIatt(reply: reply.oldParent.pre), WireIatt(reply: reply.oldParent.post))
        (newParentPre, newParentPost) = (WireIatt(reply: reply.newParent.pre), WireIatt(reply: reply.newParent.post))
    }
}

extension WireEntry {
    var directoryEntry: DirectoryEntry {
        DirectoryEntry(
            name: name, inodeNumber: inodeNumber, nextOffset: nextOffset,
            type: type < 16 ? FileType(mode: type << 12) : .unknown)
    }
    init(_ entry: DirectoryEntry) {
        self.init()
        (name, inodeNumber, nextOffset) = (entry.name, entry.inodeNumber, entry.nextOffset)
        (type, length) = (entry.type.directoryEntryType, UInt32(entry.name.bytes.count))
    }
}

extension WireEntryPlus {
    var directoryEntry: DirectoryEntry {
        var plus = entry.directoryEntry
        plus.iatt = iatt.gfid.isNone ? nil : iatt.iatt
        plus.xdata = dict.xdata
        return plus
    }
    init(_ entry: DirectoryEntry) {
        self.init()
        (self.entry, dict) = (WireEntry(entry), WireDict(xdata: entry.xdata))
        if let iatt = entry.iatt { self.iatt = WireIatt(reply: iatt) }
    }
}

extension ReaddirResult {
    public func readdirReply() throws(FopError) -> ReaddirReply {
        try status.check()
        return ReaddirReply(entries: entries.map(\.directoryEntry), isEnd: status.isEnd || entries.isEmpty)
    }
    public init(_ reply: ReaddirReply) {
        self.init()
        status = FopStatus(count: reply.entries.count, isEnd: reply.isEnd)
        entries = reply.entries.map { WireEntry($0) }
    }
}

extension ReaddirpResult {
    public func readdirReply() throws(FopError) -> ReaddirReply {
        try status.check()
        return ReaddirReply(entries: entries.map(\.directoryEntry), isEnd: status.isEnd || entries.isEmpty)
    }
    public init(_ reply: ReaddirReply) {
        self.init()
        status = FopStatus(count: reply.entries.count, isEnd: reply.isEnd)
        entries = reply.entries.map { WireEntryPlus($0) }
    }
}
