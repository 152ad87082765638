import TranslatorCore

/// DUMP 1: which programs does the server have? u64 number of GlusterFS, 0xcaed.
public struct DumpArguments: ProcedureArguments {
    public static let program = RPCProgram.dump
    public static let procedure: UInt32 = 1

    public var id: UInt64 = 0xcaed
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.integer(&id, "gfs_id")
    }

    /// u64 0, status, a chain of programs.
    public struct Result: XDRStructure, Equatable {
        public var id: UInt64 = 0
        public var status = FopStatus()
        public var programs: [NamedProgram] = []
        public init() {}
        public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
            try xdr.integer(&id, "gfs_id")
            try xdr.part(&status)
            try xdr.chain(&programs, "programs")
        }

        /// A brick that we can talk to has `RPCProgram.fop`; glusterd has `RPCProgram.portmap`.
        public func has(_ program: RPCProgram) -> Bool {
            programs.contains { $0.number == program.number && $0.version == program.version }
        }
    }
}

/// A program that a server has: string name, u64 number, u64 version.
public struct NamedProgram: XDRStructure, Equatable {
    public var name = ""
    public var number: UInt64 = 0, version: UInt64 = 0
    public init() {}
    public init(_ name: String, _ program: RPCProgram) {
        (self.name, number, version) = (name, UInt64(program.number), UInt64(program.version))
    }
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.text(&name, "program name")
        try xdr.integer(&number, "program number")
        try xdr.integer(&version, "program version")
    }
}

/// DUMP 2, a keepalive: nothing.
public struct PingArguments: ProcedureArguments {
    public static let program = RPCProgram.dump
    public static let procedure: UInt32 = 2
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {}

    /// Status, opaque<> of nothing. HANDSHAKE 3 and procedure 0 of the fop program answer the same.
    public struct Result: XDRStructure, Equatable {
        public var status = FopStatus()
        public var extra: [UInt8] = []
        public init() {}
        public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
            try xdr.part(&status)
            try xdr.opaque(&extra, "xdata")
        }
    }
}
