import TranslatorCore

/// HANDSHAKE 1, SETVOLUME: makes a connection one to a brick. opaque<> serialized dict. Until it has succeeded every
/// fop is answered with garbage arguments. Source: gluster-wire.md §4.2.
public struct SetvolumeArguments: ProcedureArguments {
    public static let program = RPCProgram.handshake
    public static let procedure: UInt32 = 1

    public var dict: [UInt8] = []
    public init() {}
    public init(_ dict: SerializedDict) { self.dict = dict.encoded }
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.opaque(&dict, "dict")
    }

    /// Status, opaque<> serialized dict.
    public struct Result: XDRStructure, Equatable {
        public var status = FopStatus()
        public var dict: [UInt8] = []
        public init() {}
        public init(_ status: FopStatus, _ dict: SerializedDict) { (self.status, self.dict) = (status, dict.encoded) }
        public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
            try xdr.part(&status)
            try xdr.opaque(&dict, "dict")
        }
    }
}

/// What a client says of itself to a brick.
public struct Introduction: Equatable, Sendable {
    /// The brick's directory, as its volfile has it.
    public var brick: String
    /// Unique per connection: bricks know a client by it. See `processUUID`.
    public var processUUID: String
    /// Make a client trusted; a wrong password is EACCES, no user is a client without trust.
    public var credentials: (username: String, password: String)? {
        get { username.map { ($0, password) } }
        set { (username, password) = (newValue?.username, newValue?.password ?? "") }
    }
    private var username: String?
    private var password = ""
    /// The canonical UUID; a brick of another volume answers EINVAL.
    public var volumeID: String?
    /// Logged by the brick.
    public var clientVersion = "10.3"

    public init(brick: String, processUUID: String) { (self.brick, self.processUUID) = (brick, processUUID) }

    /// The form that genuine clients give it. `reconnection` counts from 0.
    public static func processUUID(
        context: Gfid, graph: Int = 0, pid: Int32, host: String, client: String, reconnection: Int
    ) -> String {
        "CTX_ID:\(context)-GRAPH_ID:\(graph)-PID:\(pid)-HOST:\(host)-PC_NAME:\(client)-RECON_NO:-\(reconnection)"
    }

    public var dict: SerializedDict {
        var dict = SerializedDict()
        dict.append("fops-version", String(RPCProgram.fop.number))
        dict.append("process-uuid", processUUID)
        dict.append("remote-subvolume", brick)
        dict.append("client-version", clientVersion)
        dict.append("clnt-lk-version", "1")
        dict.append("opversion", "100000")
        if let username {
            dict.append("username", username)
            dict.append("password", password)
        }
        if let volumeID { dict.append("volume-id", volumeID) }
        return dict
    }
}

/// What a brick says to a SETVOLUME.
public struct Welcome: Equatable, Sendable {
    /// The brick's own process.
    public var processUUID: String?
    public var volumeID: String?
    /// The brick's storage works.
    public var isChildUp: Bool

    /// Throws the errno of a refusal, with the brick's sentence about it. EAGAIN: its graph is not ready; try again.
    public init(_ result: SetvolumeArguments.Result) throws(SetvolumeRefusal) {
        let dict = (try? SerializedDict(decoding: result.dict)) ?? SerializedDict()
        if let error = result.status.error { throw SetvolumeRefusal(error: error, sentence: dict["ERROR"]) }
        (processUUID, volumeID) = (dict["process-uuid"], dict["volume-id"])
        isChildUp = dict["child_up"] != "0"
    }
}

/// Why a brick does not take a client.
public struct SetvolumeRefusal: Error, Equatable, CustomStringConvertible {
    public let error: FopError
    /// In the brick's words, if it had any.
    public let sentence: String?

    public var description: String {
        let cause = sentence.map { "\"\($0)\", \(error)" } ?? "\(error)"
        return switch error {
        case .accessDenied: "the brick refuses this client: \(cause); check username and password in the volfile"
        case .noEntry: "this process serves no such brick: \(cause); check remote-subvolume and the port"
        case .tryAgain: "the brick is not ready: \(cause)"
        default: "the brick refuses SETVOLUME: \(cause)"
        }
    }
}
