extension InodelkRequest: FopRequest {
    public var subject: Inode? { target.inode }
    public var arguments: String {
        named(
            ("domain", domain), ("command", "\(command)"), ("mode", "\(mode)"), ("start", range.start),
            ("length", range.length))
    }
}
extension EntrylkRequest: FopRequest {
    public var subject: Inode? { target.inode }
    public var arguments: String {
        named(("domain", domain), ("command", "\(command)"), ("mode", "\(mode)"), name.map { ("name", $0) })
    }
}
extension LkRequest: FopRequest {
    public var subject: Inode? { fd.inode }
    public var arguments: String { "command=\(command) \(lock.summary)" }
}
extension LkReply: FopReply {
    public var summary: String { lock.summary }
}

extension PosixLock {
    fileprivate var summary: String {
        named(("kind", "\(kind)"), ("start", range.start), ("length", range.length), ("pid", pid))
    }
}
