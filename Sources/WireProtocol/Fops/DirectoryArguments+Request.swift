import TranslatorCore

extension LookupArguments {
    public init(_ request: LookupRequest) {
        self.init()
        switch request.target {
        case .name(let name, let parent): (self.name, self.parent) = (name, parent.gfid)
        case .inode(let inode): gfid = inode.gfid
        }
        xdata = WireDict(xdata: request.xdata)
    }
    /// By a name in `parent`, or the object itself by its gfid: what the arguments say is to be found first.
    public func request(_ target: LookupRequest.Target) -> LookupRequest { LookupRequest(target, xdata: xdata.xdata) }
}

extension OpendirArguments {
    public init(_ request: OpendirRequest) {
        self.init()
        (gfid, xdata) = (request.fd.inode.gfid, WireDict(xdata: request.xdata))
    }
    public func request(_ fd: Fd) -> OpendirRequest { OpendirRequest(fd: fd, xdata: xdata.xdata) }
}

extension ReaddirArguments {
    public init(_ request: ReaddirRequest, fd number: Int64) {
        self.init()
        (fd, offset) = (RemoteFd(request.fd, number: number), request.offset)
        (size, xdata) = (UInt32(clamping: request.bytes), WireDict(xdata: request.xdata))
    }
    public func request(_ fd: Fd) -> ReaddirRequest {
        ReaddirRequest(fd: fd, offset: offset, bytes: Int(size), xdata: xdata.xdata)
    }
}

extension ReaddirpArguments {
    public init(_ request: ReaddirRequest, fd number: Int64) {
        self.init()
        (fd, offset) = (RemoteFd(request.fd, number: number), request.offset)
        (size, xdata) = (UInt32(clamping: request.bytes), WireDict(xdata: request.xdata))
    }
    public func request(_ fd: Fd) -> ReaddirRequest {
        ReaddirRequest(fd: fd, offset: offset, bytes: Int(size), xdata: xdata.xdata)
    }
}

extension FsyncdirArguments {
    public init(_ request: FsyncdirRequest, fd number: Int64) {
        self.init()
        (fd, dataOnly) = (RemoteFd(request.fd, number: number), request.dataOnly ? 1 : 0)
        xdata = WireDict(xdata: request.xdata)
    }
    public func request(_ fd: Fd) -> FsyncdirRequest {
        FsyncdirRequest(fd: fd, dataOnly: dataOnly != 0, xdata: xdata.xdata)
    }
}

/// What the four fops that make something have in xdata.
extension NewEntry {
    static let gfidKey = "gfid-req"

    /// With the gfid that the object is to get, which bricks insist on.
    var wireXdata: WireDict {
        var xdata = xdata
        xdata[Self.gfidKey] = .gfid(inode.gfid)
        return WireDict(xdata: xdata)
    }
}

extension WireDict {
    /// The gfid that a new object is to get; nil where a client did not say, which is EINVAL to a brick.
    public var requestedGfid: Gfid? {
        if case .gfid(let gfid) = self[NewEntry.gfidKey], !gfid.isNone { gfid } else { nil }
    }
}

extension CreateArguments {
    /// Never opens a file that is there already: O_CREAT and O_EXCL, whatever the fd's flags are.
    public init(_ request: CreateRequest) {
        self.init()
        let open = request.fd.flags.union([.create, .exclusive])
        (parent, name) = (request.entry.parent.gfid, request.entry.name)
        (flags, mode) = (UInt32(bitPattern: open.rawValue), FileType.regular.rawValue | request.mode & 0o7777)
        xdata = request.entry.wireXdata
    }
    public var openFlags: OpenFlags { OpenFlags(rawValue: Int32(bitPattern: flags)) }
    /// `fd` is one for `inode`, which has `xdata.requestedGfid`.
    public func request(parent: Inode, inode: Inode, fd: Fd) -> CreateRequest {
        CreateRequest(
            entry: NewEntry(parent: parent, name: name, inode: inode, xdata: xdata.xdata), fd: fd,
            mode: mode & ~umask & 0o7777)
    }
}

extension MknodArguments {
    public init(_ request: MknodRequest) {
        self.init()
        (parent, name) = (request.entry.parent.gfid, request.entry.name)
        (mode, device, xdata) = (request.mode, request.device, request.entry.wireXdata)
    }
    public func request(parent: Inode, inode: Inode) -> MknodRequest {
        MknodRequest(
            entry: NewEntry(parent: parent, name: name, inode: inode, xdata: xdata.xdata), mode: mode & ~umask,
            device: device)
    }
}

extension MkdirArguments {
    /// `trusted.glusterfs.dht` of a directory in a volume with one subvolume: the whole range of hashes is here.
    /// Genuine clients send it with every MKDIR.
    static let layoutKey = "trusted.glusterfs.dht"
    static let wholeLayout: [UInt8] = [UInt8](repeating: 0, count: 12) + [0xff, 0xff, 0xff, 0xff]

    public init(_ request: MkdirRequest) {
        self.init()
        (parent, name) = (request.entry.parent.gfid, request.entry.name)
        mode = request.mode
        var entry = request.entry
        if entry.xdata[Self.layoutKey] == nil { entry.xdata[Self.layoutKey] = .bytes(Self.wholeLayout) }
        xdata = entry.wireXdata
    }
    public func request(parent: Inode, inode: Inode) -> MkdirRequest {
        MkdirRequest(
            entry: NewEntry(parent: parent, name: name, inode: inode, xdata: xdata.xdata),
            mode: mode & ~umask & 0o7777)
    }
}

extension SymlinkArguments {
    public init(_ request: SymlinkRequest) {
        self.init()
        (parent, name) = (request.entry.parent.gfid, request.entry.name)
        (target, xdata) = (request.target, request.entry.wireXdata)
    }
    public func request(parent: Inode, inode: Inode) -> SymlinkRequest {
        SymlinkRequest(
            entry: NewEntry(parent: parent, name: name, inode: inode, xdata: xdata.xdata), target: target)
    }
}

extension LinkArguments {
    public init(_ request: LinkRequest) {
        self.init()
        (object, parent, name) = (request.inode.gfid, request.parent.gfid, request.name)
        xdata = WireDict(xdata: request.xdata)
    }
    public func request(_ inode: Inode, parent: Inode) -> LinkRequest {
        LinkRequest(inode: inode, parent: parent, name: name, xdata: xdata.xdata)
    }
}

extension UnlinkArguments {
    public init(_ request: UnlinkRequest) {
        self.init()
        (parent, name, xdata) = (request.parent.gfid, request.name, WireDict(xdata: request.xdata))
    }
    public func request(parent: Inode) -> UnlinkRequest {
        UnlinkRequest(parent: parent, name: name, xdata: xdata.xdata)
    }
}

extension RmdirArguments {
    public init(_ request: RmdirRequest) {
        self.init()
        (parent, name, flags) = (request.parent.gfid, request.name, request.isRecursive ? 1 : 0)
        xdata = WireDict(xdata: request.xdata)
    }
    public func request(parent: Inode) -> RmdirRequest {
        RmdirRequest(parent: parent, name: name, isRecursive: flags & 1 != 0, xdata: xdata.xdata)
    }
}

extension RenameArguments {
    /// EINVAL for flags of renameat2(2), which the wire does not have.
    public init(_ request: RenameRequest) throws(FopError) {
        guard request.flags.isEmpty else { throw .invalid }
        self.init()
        (oldParent, oldName) = (request.oldParent.gfid, request.oldName)
        (newParent, newName) = (request.newParent.gfid, request.newName)
        xdata = WireDict(xdata: request.xdata)
    }
    public func request(oldParent: Inode, newParent: Inode) -> RenameRequest {
        RenameRequest(
            oldParent: oldParent, oldName: oldName, newParent: newParent, newName: newName, xdata: xdata.xdata)
    }
}
