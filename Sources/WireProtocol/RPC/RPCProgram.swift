/// A program of ONC RPC: number and version. Source: gluster-wire.md §1.1.
public struct RPCProgram: Hashable, Sendable, CustomStringConvertible {
    public let number: UInt32, version: UInt32
    public init(number: UInt32, version: UInt32) { (self.number, self.version) = (number, version) }

    /// Which programs a server has, and keepalive pings.
    public static let dump = RPCProgram(number: 123_451_501, version: 1)
    /// SETVOLUME of bricks, volfiles of glusterd.
    public static let handshake = RPCProgram(number: 14_398_633, version: 2)
    /// The ports of bricks, by glusterd.
    public static let portmap = RPCProgram(number: 34_123_456, version: 1)
    /// File operations in the layouts of GlusterFS 4 and later.
    public static let fop = RPCProgram(number: 1_298_437, version: 400)
    /// Calls of a server to its clients.
    public static let callback = RPCProgram(number: 52_743_234, version: 1)

    public var description: String { "program \(number) version \(version)" }
}
