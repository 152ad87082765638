extension StatRequest: FopRequest {
    public var subject: Inode? { target.inode }
    public var arguments: String { "" }
}
extension ReadlinkRequest: FopRequest {
    public var subject: Inode? { inode }
    public var arguments: String { "" }
}
extension AccessRequest: FopRequest {
    public var subject: Inode? { inode }
    public var arguments: String { named(("mask", mask)) }
}
extension OpenRequest: FopRequest {
    public var subject: Inode? { fd.inode }
    public var arguments: String { named(("flags", hexadecimal(fd.flags.rawValue))) }
}
extension ReadRequest: FopRequest {
    public var subject: Inode? { fd.inode }
    public var arguments: String { named(("offset", offset), ("bytes", bytes)) }
}
extension SeekRequest: FopRequest {
    public var subject: Inode? { fd.inode }
    public var arguments: String { named(("offset", offset), ("what", "\(what)")) }
}
extension RchecksumRequest: FopRequest {
    public var subject: Inode? { fd.inode }
    public var arguments: String { named(("offset", offset), ("bytes", bytes)) }
}
extension StatfsRequest: FopRequest {
    public var subject: Inode? { inode }
    public var arguments: String { "" }
}
extension GetxattrRequest: FopRequest {
    public var subject: Inode? { target.inode }
    public var arguments: String { named(("name", name ?? "*")) }
}

extension StatReply: FopReply {
    public var summary: String { iatt.summary }
}
extension ReadlinkReply: FopReply {
    public var summary: String { named(("target", String(decoding: target, as: UTF8.self))) }
}
extension ReadReply: FopReply {
    public var payloadBytes: Int { payload.count }
    public var summary: String { named(("bytes", payload.count), isEndOfFile ? ("end-of-file", true) : nil) }
}
extension RchecksumReply: FopReply {
    public var summary: String { named(("weak", hexadecimal(weak)), isAllZero.map { ("all-zero", $0) }) }
}
extension GetxattrReply: FopReply {
    public var summary: String { named(("names", xattrs.keys.sorted().joined(separator: ","))) }
}
extension FileSystemStatus: FopReply {
    public var summary: String { named(("blocks", blocks), ("free", blocksFree), ("available", blocksAvailable)) }
}
/// The answer of seek: an offset.
extension UInt64: FopReply {
    public var summary: String { named(("offset", self)) }
}

extension Iatt {
    /// The attributes that a trace shows.
    var summary: String {
        named(("gfid", gfid), ("mode", octal(mode)), ("links", nlink), ("uid", uid), ("gid", gid), ("size", size))
    }
}
