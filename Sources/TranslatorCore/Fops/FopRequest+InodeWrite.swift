extension WriteRequest: FopRequest {
    public var subject: Inode? { fd.inode }
    public var payloadBytes: Int { payload.count }
    public var arguments: String {
        named(("offset", offset), ("bytes", payload.count), ("flags", hexadecimal(flags.rawValue)))
    }
}
extension TruncateRequest: FopRequest {
    public var subject: Inode? { target.inode }
    public var arguments: String { named(("size", size)) }
}
extension FallocateRequest: FopRequest {
    public var subject: Inode? { fd.inode }
    public var arguments: String { named(("offset", offset), ("bytes", bytes), ("keeps-size", keepsSize)) }
}
extension DiscardRequest: FopRequest {
    public var subject: Inode? { fd.inode }
    public var arguments: String { named(("offset", offset), ("bytes", bytes)) }
}
extension ZerofillRequest: FopRequest {
    public var subject: Inode? { fd.inode }
    public var arguments: String { named(("offset", offset), ("bytes", bytes), ("keeps-size", keepsSize)) }
}
extension CopyFileRangeRequest: FopRequest {
    public var subject: Inode? { sink.inode }
    public var arguments: String {
        named(
            ("source", source.inode.gfid), ("source-offset", sourceOffset), ("offset", sinkOffset), ("bytes", bytes))
    }
}
extension FlushRequest: FopRequest {
    public var subject: Inode? { fd.inode }
    public var arguments: String { "" }
}
extension FsyncRequest: FopRequest {
    public var subject: Inode? { fd.inode }
    public var arguments: String { named(("data-only", dataOnly)) }
}
extension SetattrRequest: FopRequest {
    public var subject: Inode? { target.inode }
    public var arguments: String {
        named(
            ("valid", hexadecimal(valid.rawValue)), valid.contains(.mode) ? ("mode", octal(iatt.mode)) : nil,
            valid.contains(.uid) ? ("uid", iatt.uid) : nil, valid.contains(.gid) ? ("gid", iatt.gid) : nil)
    }
}
extension SetxattrRequest: FopRequest {
    public var subject: Inode? { target.inode }
    public var arguments: String { named(("names", xattrs.keys.sorted().joined(separator: ",")), ("mode", "\(mode)")) }
}
extension RemovexattrRequest: FopRequest {
    public var subject: Inode? { target.inode }
    public var arguments: String { named(("names", names.joined(separator: ","))) }
}
extension XattropRequest: FopRequest {
    public var subject: Inode? { target.inode }
    public var arguments: String { "operation=\(operation) \(summarized(values))" }
}
extension IpcRequest: FopRequest {
    public var subject: Inode? { nil }
    public var arguments: String { named(("operation", operation)) }
}

extension WriteReply: FopReply {
    public var summary: String { named(("bytes", bytes)) }
}
extension AttributesReply: FopReply {
    public var summary: String { named(("size-before", attributes.pre.size), ("size", attributes.post.size)) }
}
extension CopyFileRangeReply: FopReply {
    public var summary: String { named(("bytes", bytes)) }
}
extension DoneReply: FopReply {
    public var summary: String { "" }
}
extension XattropReply: FopReply {
    public var summary: String { summarized(values) }
}

/// `trusted.afr.vol-client-1=000100000000000000000000`: counts are what a reader of a trace looks for.
private func summarized(_ values: Xattrs) -> String {
    values.sorted { $0.key < $1.key }.map { name, bytes in
        "\(name)=" + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }.joined(separator: " ")
}
