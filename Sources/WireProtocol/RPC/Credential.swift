import TranslatorCore

/// Which times of an object (and of its directory) a brick sets to the credential's time, in
/// `trusted.glusterfs.mdata`. Source: gluster-wire.md §3, "consistent time".
public struct TimeFlags: OptionSet, Sendable, Hashable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let ctime = TimeFlags(rawValue: 1), mtime = TimeFlags(rawValue: 2), atime = TimeFlags(rawValue: 4)
    public static let parentCtime = TimeFlags(rawValue: 8), parentMtime = TimeFlags(rawValue: 0x10)
    public static let parentAtime = TimeFlags(rawValue: 0x20)

    /// What genuine clients send with a fop (noatime, their default). Healers send none with any.
    public init(_ fop: Fop) {
        self =
            switch fop {
            case .create, .mknod, .mkdir, .symlink: [.ctime, .mtime, .atime, .parentCtime, .parentMtime]
            case .unlink, .rmdir, .link, .rename: [.ctime, .parentCtime, .parentMtime]
            case .writev, .truncate, .ftruncate, .copyFileRange: [.ctime, .mtime]
            case .fallocate, .zerofill: [.mtime, .atime]
            // Not with SETXATTR: in no capture of a mount is there one with flags.
            case .removexattr, .fremovexattr, .setattr, .fsetattr: .ctime
            default: []
            }
    }

    /// The same for a request: opening and reading set the access time where its frame says so.
    public init(_ fop: Fop, in frame: Frame) {
        self.init(fop)
        if frame.recordsAccess, [.open, .opendir, .readv].contains(fop) { insert(.atime) }
    }

    /// With a SETATTR: none where nothing but times are set, which would not be those then. Those of a WRITE with one
    /// of ctime alone, which is there for them.
    public init(setattr valid: AttributeMask) {
        self = valid == .ctime ? TimeFlags(.writev) : valid.isSubset(of: .times) ? [] : TimeFlags(.setattr)
    }
}

/// Who calls, as bricks and glusterd want it in a call's credential. Source: GlusterFS `auth_glusterfs_params_v2`,
/// `auth_glusterfs_parms_v3`; gluster-wire.md §3.
///
///     pid      4   signed; negative for internal clients
///     uid      4
///     gid      4
///     flags    4   } version 3 only: which times are set,
///     nsec     4   } and to what
///     sec      8   }
///     groups   u32 count, u32 each
///     owner    opaque<>
public struct GlusterCredential: Equatable, Sendable {
    /// Bricks refuse a credential with more groups plus bytes of lock owner than this.
    public static let groupsAndOwnerMax = 91

    public var caller: Caller
    /// As bytes, because owners of other clients have other lengths; ours have 8.
    public var lockOwner: [UInt8]
    public var timeFlags: TimeFlags
    public var time: Timestamp

    public init(caller: Caller, lockOwner: [UInt8], timeFlags: TimeFlags = [], time: Timestamp = .zero) {
        (self.caller, self.lockOwner) = (caller, lockOwner)
        (self.timeFlags, self.time) = (timeFlags, time)
    }

    /// For a fop of `frame`. Groups that no credential has room for are left out, the lock owner never. No time flags
    /// without a time: a healer's frame has none.
    public init(_ frame: Frame, timeFlags: TimeFlags) {
        let owner = withUnsafeBytes(of: frame.lockOwner.rawValue.bigEndian) { Array($0) }
        var caller = frame.caller
        caller.groups = Array(caller.groups.prefix(Self.groupsAndOwnerMax - owner.count))
        self.init(
            caller: caller, lockOwner: owner, timeFlags: frame.time == .zero ? [] : timeFlags, time: frame.time)
    }

    /// The owner of a caller's locks as our own translators know them: the last 8 bytes. Nil when they are all zero, or
    /// there are none; bricks refuse locks then.
    public var owner: LockOwner? {
        let value = lockOwner.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return value == 0 ? nil : LockOwner(rawValue: value)
    }

    fileprivate mutating func fields<Filter: XDRFilter>(
        isVersion3: Bool, _ xdr: inout Filter
    ) throws(Filter.Failure) {
        var (pid, uid, gid) = (caller.pid, caller.uid, caller.gid)
        try xdr.integer(&pid, "credential pid")
        try xdr.integer(&uid, "credential uid")
        try xdr.integer(&gid, "credential gid")
        if isVersion3 {
            var flags = timeFlags.rawValue
            try xdr.integer(&flags, "credential flags")
            try xdr.nanoseconds(&time, "credential ctime_nsec")
            try xdr.seconds(&time, "credential ctime_sec")
            timeFlags = TimeFlags(rawValue: flags)
        }
        var groups = caller.groups.map { Group($0) }
        try xdr.array(&groups, "credential groups")
        try xdr.opaque(&lockOwner, "credential lk_owner")
        caller = Caller(pid: pid, uid: uid, gid: gid, groups: groups.map(\.number))
    }

    private struct Group: XDRStructure {
        var number: UInt32 = 0
        init() {}
        init(_ number: UInt32) { self.number = number }
        mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
            try xdr.integer(&number, "credential group")
        }
    }
}

/// The credential of a call: u32 flavor, then opaque<> of at most 400 bytes (RFC 5531 §8.2).
public enum Credential: Equatable, Sendable {
    /// AUTH_NONE.
    case none
    /// 390039: for the dump program, and everything to glusterd.
    case version2(GlusterCredential)
    /// 390040: fops and SETVOLUME.
    case version3(GlusterCredential)
    /// Any other flavor, not looked into.
    case other(OpaqueAuth)

    public static let version2Flavor: UInt32 = 390_039, version3Flavor: UInt32 = 390_040
}

/// What ONC RPC calls `opaque_auth`: u32 flavor, then opaque<> of at most 400 bytes.
public struct OpaqueAuth: XDRStructure, Equatable {
    public static let bytesMax = 400
    public static let none = OpaqueAuth()

    public var flavor: UInt32 = 0
    public var body: [UInt8] = []
    public init() {}
    public init(flavor: UInt32, body: [UInt8]) { (self.flavor, self.body) = (flavor, body) }

    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.integer(&flavor, "auth flavor")
        try xdr.opaque(&body, "auth body")
    }
}

extension Credential: XDRCodable {
    public init(from xdr: inout XDRReader) throws(CodecError) {
        let start = xdr.position
        let auth = try OpaqueAuth(from: &xdr)
        guard auth.body.count <= OpaqueAuth.bytesMax else {
            throw xdr.error("credential", "\(auth.body.count) bytes, more than \(OpaqueAuth.bytesMax)", at: start)
        }
        switch auth.flavor {
        case Self.version2Flavor: self = .version2(try Self.gluster(auth, isVersion3: false, at: start))
        case Self.version3Flavor: self = .version3(try Self.gluster(auth, isVersion3: true, at: start))
        case 0 where auth.body.isEmpty: self = .none
        default: self = .other(auth)
        }
    }

    private static func gluster(
        _ auth: OpaqueAuth, isVersion3: Bool, at start: Int
    ) throws(CodecError) -> GlusterCredential {
        try XDRReader.whole(auth.body, as: "credential behind byte \(start + 8)") { xdr throws(CodecError) in
            var credential = GlusterCredential(caller: .root, lockOwner: [])
            try credential.fields(isVersion3: isVersion3, &xdr)
            return credential
        }
    }

    /// Callers keep to `GlusterCredential.groupsAndOwnerMax`; peers close the connection over more than 400 bytes.
    public func write(to xdr: inout XDRWriter) {
        switch self {
        case .none: OpaqueAuth.none.write(to: &xdr)
        case .version2(let credential): Self.write(credential, isVersion3: false, to: &xdr)
        case .version3(let credential): Self.write(credential, isVersion3: true, to: &xdr)
        case .other(let auth):
            precondition(auth.body.count <= OpaqueAuth.bytesMax, "a credential has at most 400 bytes")
            auth.write(to: &xdr)
        }
    }

    private static func write(_ credential: GlusterCredential, isVersion3: Bool, to xdr: inout XDRWriter) {
        xdr.write(isVersion3 ? version3Flavor : version2Flavor)
        let start = xdr.count
        xdr.write(UInt32(0))
        var copy = credential
        copy.fields(isVersion3: isVersion3, &xdr)
        let bytes = xdr.count - start - 4
        precondition(bytes <= OpaqueAuth.bytesMax, "a credential has at most 400 bytes")
        xdr.overwrite(at: start, with: UInt32(bytes))
    }

    /// Who calls; nobody in particular where the flavor does not say.
    public var gluster: GlusterCredential? {
        switch self {
        case .version2(let credential), .version3(let credential): credential
        case .none, .other: nil
        }
    }
}
