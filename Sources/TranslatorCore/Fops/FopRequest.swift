/// What every fop's request can tell about itself, to translators that treat all fops alike (`EveryFop`) and to traces.
public protocol FopRequest: Sendable {
    /// What it works on; the parent directory where it names an entry; nil for ipc.
    var subject: Inode? { get }
    /// Bytes of file content that travel down with it.
    var payloadBytes: Int { get }
    /// Its arguments for people, on one line and without content: `offset=4096 bytes=512`.
    var arguments: String { get }
    var xdata: Xdata { get }
}

extension FopRequest {
    public var payloadBytes: Int { 0 }
    public var xdata: Xdata { [:] }
}

/// What every fop's reply can tell about itself.
public protocol FopReply: Sendable {
    /// Bytes of file content that travel up with it.
    var payloadBytes: Int { get }
    /// The answer for people, on one line and without content; may be empty.
    var summary: String { get }
}

extension FopReply {
    public var payloadBytes: Int { 0 }
}

/// `name=value` words of a trace.
func named(_ pairs: (String, any CustomStringConvertible)?...) -> String {
    pairs.compactMap { $0.map { "\($0.0)=\($0.1)" } }.joined(separator: " ")
}

/// `flags=0x8002`, as strace shows numbers that are sets of bits.
func hexadecimal(_ value: some BinaryInteger) -> String { "0x" + String(value, radix: 16) }
func octal(_ value: some BinaryInteger) -> String { "0" + String(value, radix: 8) }
