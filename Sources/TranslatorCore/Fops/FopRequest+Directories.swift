extension LookupRequest: FopRequest {
    public var subject: Inode? {
        switch target {
        case .name(_, let parent): parent
        case .inode(let inode): inode
        }
    }
    public var arguments: String {
        if case .name(let name, _) = target { named(("name", name)) } else { "" }
    }
}
extension OpendirRequest: FopRequest {
    public var subject: Inode? { fd.inode }
    public var arguments: String { "" }
}
extension ReaddirRequest: FopRequest {
    public var subject: Inode? { fd.inode }
    public var arguments: String { named(("offset", offset), ("bytes", bytes)) }
}
extension FsyncdirRequest: FopRequest {
    public var subject: Inode? { fd.inode }
    public var arguments: String { named(("data-only", dataOnly)) }
}
extension CreateRequest: FopRequest {
    public var subject: Inode? { entry.parent }
    public var xdata: Xdata { entry.xdata }
    public var arguments: String {
        named(
            ("name", entry.name), ("new-gfid", entry.inode.gfid), ("mode", octal(mode)),
            ("flags", hexadecimal(fd.flags.rawValue)))
    }
}
extension MknodRequest: FopRequest {
    public var subject: Inode? { entry.parent }
    public var xdata: Xdata { entry.xdata }
    public var arguments: String {
        named(
            ("name", entry.name), ("new-gfid", entry.inode.gfid), ("mode", octal(mode)),
            ("device", hexadecimal(device)))
    }
}
extension MkdirRequest: FopRequest {
    public var subject: Inode? { entry.parent }
    public var xdata: Xdata { entry.xdata }
    public var arguments: String {
        named(("name", entry.name), ("new-gfid", entry.inode.gfid), ("mode", octal(mode)))
    }
}
extension SymlinkRequest: FopRequest {
    public var subject: Inode? { entry.parent }
    public var xdata: Xdata { entry.xdata }
    public var arguments: String {
        named(
            ("name", entry.name), ("new-gfid", entry.inode.gfid), ("target", String(decoding: target, as: UTF8.self)))
    }
}
extension LinkRequest: FopRequest {
    public var subject: Inode? { parent }
    public var arguments: String { named(("name", name), ("linked", inode.gfid)) }
}
extension UnlinkRequest: FopRequest {
    public var subject: Inode? { parent }
    public var arguments: String { named(("name", name)) }
}
extension RmdirRequest: FopRequest {
    public var subject: Inode? { parent }
    public var arguments: String { named(("name", name), isRecursive ? ("recursive", true) : nil) }
}
extension RenameRequest: FopRequest {
    public var subject: Inode? { oldParent }
    public var arguments: String {
        named(
            ("name", oldName), ("new-parent", newParent.gfid), ("new-name", newName),
            flags.isEmpty ? nil : ("flags", hexadecimal(flags.rawValue)))
    }
}

extension LookupReply: FopReply {
    public var summary: String { iatt.summary }
}
extension ReaddirReply: FopReply {
    public var summary: String { named(("entries", entries.count), isEnd ? ("end", true) : nil) }
}
extension EntryReply: FopReply {
    public var summary: String { iatt.summary }
}
extension RemoveReply: FopReply {
    public var summary: String { "" }
}
extension RenameReply: FopReply {
    public var summary: String { iatt.summary }
}
