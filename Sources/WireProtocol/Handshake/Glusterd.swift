import TranslatorCore

// Calls to glusterd, port 24007; credential version 2, pid 0. Source: gluster-wire.md §5.

/// HANDSHAKE 2, GETSPEC: asks for a volfile. u32 flags, string key, opaque<> serialized dict.
public struct GetspecArguments: ProcedureArguments {
    public static let program = RPCProgram.handshake
    public static let procedure: UInt32 = 2

    /// 1 asks for the list of servers too.
    public var flags: UInt32 = 0
    /// `VOLUME`, `VOLUME.tcp-fuse`, `shd/VOLUME`, ...
    public var key = ""
    /// Without op-versions in it glusterd answers EOPNOTSUPP.
    public var dict: [UInt8] = []

    public init() {}
    public init(key: String, wantsServers: Bool = false) {
        (self.key, flags) = (key, wantsServers ? 1 : 0)
        dict = SerializedDict([.init("min-op-version", "1"), .init("max-op-version", "100000")]).encoded
    }
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.integer(&flags, "flags")
        try xdr.text(&key, "key")
        try xdr.opaque(&dict, "xdata")
    }

    /// Status, whose `opRet` is the volfile's length; string volfile; opaque<> serialized dict.
    public struct Result: XDRStructure, Equatable {
        public var status = FopStatus()
        public var volfile: [UInt8] = []
        public var dict: [UInt8] = []
        public init() {}
        public init(volfile: String) {
            self.volfile = Array(volfile.utf8)
            status.opRet = Int32(clamping: self.volfile.count)
        }
        public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
            try xdr.part(&status)
            try xdr.opaque(&volfile, "spec")
            try xdr.opaque(&dict, "xdata")
        }

        /// ENOENT for a key that glusterd does not know, EOPNOTSUPP for a client that is too old for the volume.
        public func volfileText() throws(FopError) -> String {
            try status.check()
            return String(decoding: volfile, as: UTF8.self)
        }
    }
}

/// HANDSHAKE 6, GET_VOLUME_INFO: opaque<> serialized dict.
public struct VolumeInfoArguments: ProcedureArguments {
    public static let program = RPCProgram.handshake
    public static let procedure: UInt32 = 6
    /// Asks for the volume's UUID.
    private static let uuidFlag = "1"

    public var dict: [UInt8] = []
    public init() {}
    public init(volume: String) {
        dict = SerializedDict([.init("volname", volume), .init("flags", Self.uuidFlag)]).encoded
    }
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.opaque(&dict, "dict")
    }

    /// Status, string error, opaque<> serialized dict.
    public struct Result: XDRStructure, Equatable {
        public var status = FopStatus()
        public var errorText = ""
        public var dict: [UInt8] = []
        public init() {}
        public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
            try xdr.part(&status)
            try xdr.text(&errorText, "op_errstr")
            try xdr.opaque(&dict, "dict")
        }

        /// The canonical UUID. EIO where glusterd answered without one.
        public func volumeID() throws(FopError) -> Gfid {
            try status.check()
            guard let text = (try? SerializedDict(decoding: dict))?["volume_id"], let id = Gfid(text) else {
                throw .io
            }
            return id
        }
    }
}

/// PORTMAP 1, PORTBYBRICK: string, the brick's directory.
public struct PortByBrickArguments: ProcedureArguments {
    public static let program = RPCProgram.portmap
    public static let procedure: UInt32 = 1

    public var brick = ""
    public init() {}
    public init(brick: String) { self.brick = brick }
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.text(&brick, "brick")
    }

    /// Status, i32 status of the brick, i32 port.
    public struct Result: XDRStructure, Equatable {
        public var status = FopStatus()
        public var brickStatus: Int32 = 0
        public var port: Int32 = 0
        public init() {}
        public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
            try xdr.part(&status)
            try xdr.integer(&brickStatus, "status")
            try xdr.integer(&port, "port")
        }

        /// Nil while the brick does not run. It has another port after a restart.
        public var brickPort: UInt16? { status.opRet < 0 || port <= 0 ? nil : UInt16(exactly: port) }
    }
}
