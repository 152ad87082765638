import TranslatorCore

// From results to the stack's replies, on a client: a failure is thrown. And back, on a server.

extension PrePostIatt {
    /// Nil where a brick had none.
    fileprivate init?(_ pre: WireIatt, _ post: WireIatt) {
        if pre.isNone, post.isNone { return nil }
        self.init(pre: pre.iatt, post: post.iatt)
    }
}

extension CommonResult {
    public func doneReply() throws(FopError) -> DoneReply {
        try status.check()
        return DoneReply(xdata: xdata.xdata)
    }
    public init(_ reply: DoneReply) {
        self.init()
        xdata = WireDict(xdata: reply.xdata)
    }
}

extension IattResult {
    public func statReply() throws(FopError) -> StatReply {
        try status.check()
        return StatReply(iatt: iatt.iatt, xdata: xdata.xdata)
    }
    public init(_ reply: StatReply) {
        self.init()
        (iatt, xdata) = (WireIatt(reply: reply.iatt), WireDict(xdata: reply.xdata))
    }
}

extension TwoIattResult {
    /// Of TRUNCATE, FSYNC, SETATTR, FALLOCATE, DISCARD, ZEROFILL.
    public func attributesReply() throws(FopError) -> AttributesReply {
        try status.check()
        return AttributesReply(attributes: PrePostIatt(pre: pre.iatt, post: post.iatt), xdata: xdata.xdata)
    }
    /// EIO for a brick that says it wrote more than `asked` bytes.
    public func writeReply(asked: Int = .max) throws(FopError) -> WriteReply {
        try status.check()
        guard Int(status.opRet) <= asked else { throw .io }
        return WriteReply(bytes: Int(status.opRet), attributes: PrePostIatt(pre, post), xdata: xdata.xdata)
    }
    /// Of UNLINK and RMDIR.
    public func removeReply() throws(FopError) -> RemoveReply {
        try status.check()
        return RemoveReply(parent: PrePostIatt(pre: pre.iatt, post: post.iatt), xdata: xdata.xdata)
    }
    public func lookupReply() throws(FopError) -> LookupReply {
        try status.check()
        return LookupReply(iatt: pre.iatt, parent: post.iatt, xdata: xdata.xdata)
    }

    public init(_ reply: AttributesReply) { self.init(reply.attributes, reply.xdata) }
    public init(_ reply: WriteReply) {
        self.init(reply.attributes, reply.xdata)
        status.opRet = Int32(clamping: reply.bytes)
    }
    public init(_ reply: RemoveReply) { self.init(reply.parent, reply.xdata) }
    public init(_ reply: LookupReply) {
        self.init(PrePostIatt(pre: reply.iatt, post: reply.parent), reply.xdata)
        if reply.parent == Iatt() { post = WireIatt() }
    }
    private init(_ attributes: PrePostIatt?, _ xdata: Xdata) {
        self.init()
        if let attributes { (pre, post) = (WireIatt(reply: attributes.pre), WireIatt(reply: attributes.post)) }
        self.xdata = WireDict(xdata: xdata)
    }
}

extension ThreeIattResult {
    /// Of MKNOD, MKDIR, SYMLINK, LINK.
    public func entryReply() throws(FopError) -> EntryReply {
        try status.check()
        return EntryReply(
            iatt: iatt.iatt, parent: PrePostIatt(pre: parentPre.iatt, post: parentPost.iatt), xdata: xdata.xdata)
    }
    public func copyFileRangeReply() throws(FopError) -> CopyFileRangeReply {
        try status.check()
        return CopyFileRangeReply(bytes: UInt64(status.opRet))
    }
    public init(_ reply: EntryReply) {
        self.init()
        (iatt, xdata) = (WireIatt(reply: reply.iatt), WireDict(xdata: reply.xdata))
        (parentPre, parentPost) = (WireIatt(reply: reply.parent.pre), WireIatt(reply: reply.parent.post))
    }
    public init(_ reply: CopyFileRangeReply) {
        self.init()
        status.opRet = Int32(clamping: reply.bytes)
    }
}

extension DictResult {
    public func getxattrReply() throws(FopError) -> GetxattrReply {
        try status.check()
        return GetxattrReply(xattrs: dict.xattrs)
    }
    public func xattropReply() throws(FopError) -> XattropReply {
        try status.check()
        return XattropReply(values: dict.xattrs, xdata: xdata.xdata)
    }
    public init(_ reply: GetxattrReply) {
        self.init()
        dict = WireDict(xattrs: reply.xattrs)
        // The size of the one value; of all together where there are several.
        status.opRet = Int32(clamping: reply.xattrs.values.reduce(0) { $0 + $1.count })
    }
    public init(_ reply: XattropReply) {
        self.init()
        (dict, xdata) = (WireDict(xattrs: reply.values), WireDict(xdata: reply.xdata))
    }
}

extension OpenResult {
    /// The number of the fd, for this connection.
    public func openReply() throws(FopError) -> (number: Int64, reply: DoneReply) {
        try status.check()
        return (fd, DoneReply(xdata: xdata.xdata))
    }
    public init(_ reply: DoneReply, fd: Int64) {
        self.init()
        (self.fd, xdata) = (fd, WireDict(xdata: reply.xdata))
    }
}

extension ReadlinkResult {
    public func readlinkReply() throws(FopError) -> ReadlinkReply {
        try status.check()
        return ReadlinkReply(target: path, iatt: iatt.iatt)
    }
    public init(_ reply: ReadlinkReply) {
        self.init()
        (path, iatt) = (reply.target, WireIatt(reply: reply.iatt))
        status.opRet = Int32(clamping: reply.target.count)
    }
}

extension ReadResult {
    /// With the payload that followed. EIO when it is not as long as the brick says.
    public func readReply(payload: Payload) throws(FopError) -> ReadReply {
        try status.check()
        guard payload.count == Int(status.opRet) else { throw .io }
        return ReadReply(
            payload: payload, isEndOfFile: status.isEnd || payload.count == 0, iatt: iatt.isNone ? nil : iatt.iatt)
    }
    /// The payload is not in here: it is sent behind the reply's bytes.
    public init(_ reply: ReadReply) {
        self.init()
        status = FopStatus(count: reply.payload.count, isEnd: reply.isEndOfFile)
        size = UInt32(clamping: reply.payload.count)
        if let iatt = reply.iatt { self.iatt = WireIatt(reply: iatt) }
    }
}

extension StatfsResult {
    public func statfsReply() throws(FopError) -> FileSystemStatus {
        try status.check()
        return room
    }
    public init(_ reply: FileSystemStatus) {
        self.init()
        room = reply
    }
}

extension RchecksumResult {
    /// Keys of its xdata. Source: gluster-wire.md §8.
    private static let isSHA256Key = "fips-mode-rchecksum", isAllZeroKey = "buf-has-zeroes"

    /// EIO for a strong checksum that has not 32 bytes.
    public func rchecksumReply() throws(FopError) -> RchecksumReply {
        try status.check()
        guard strong.count == Self.strongBytes else { throw .io }
        let said = xdata.xdata
        return RchecksumReply(
            weak: weak, strong: strong, isSHA256: (said[Self.isSHA256Key]?.integer ?? 0) != 0,
            isAllZero: said[Self.isAllZeroKey]?.integer.map { $0 != 0 })
    }
    public init(_ reply: RchecksumReply) {
        self.init()
        (flags, weak, strong) = (1, reply.weak, reply.strong)
        var said = Xdata()
        if reply.isSHA256 { said[Self.isSHA256Key] = .int(1) }
        if let isAllZero = reply.isAllZero { said[Self.isAllZeroKey] = .uint(isAllZero ? 1 : 0) }
        xdata = WireDict(xdata: said)
    }
}

extension SeekResult {
    public func seekReply() throws(FopError) -> UInt64 {
        try status.check()
        return offset
    }
    public init(_ offset: UInt64) {
        self.init()
        self.offset = offset
    }
}

extension LkResult {
    /// EIO for a lock that is none.
    public func lkReply() throws(FopError) -> LkReply {
        try status.check()
        guard let lock = try? flock.lock() else { throw .io }
        return LkReply(lock: lock)
    }
    public init(_ reply: LkReply, owner: [UInt8] = []) {
        self.init()
        let lock = reply.lock
        flock = WireFlock(type: lock.kind.rawValue, range: lock.range, pid: lock.pid, owner: owner)
    }
}
