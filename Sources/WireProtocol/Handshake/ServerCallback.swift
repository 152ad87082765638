import TranslatorCore

/// A call of a brick or of glusterd to its client: program 52743234, credential of flavor 0. Nobody answers it.
/// Source: GlusterFS `gf_cbk_procnum`; gluster-wire.md §4.6.
public enum ServerCallback: Equatable, Sendable {
    /// 1, from glusterd: the volfile is another one; ask for it again. No arguments.
    case volfileChanged
    /// 3: i32 event, opaque<> serialized dict.
    case event(EventNotice)
    /// 5, from `features/upcall`: another client changed something.
    case cacheInvalidation(CacheInvalidation)
    /// 6 and 7, of a process with several bricks: string, the brick's directory.
    case childUp(String), childDown(String)
    /// 9, from glusterd: u32 pid; the process that has it writes a statedump.
    case statedump(pid: UInt32)
    /// 10 and 11: another owner wants a lock that this client holds. At once, then at most every 5 s per lock.
    case inodelkContention(InodelkContention)
    case entrylkContention(EntrylkContention)
    /// Any other, with its arguments unread.
    case other(procedure: UInt32, [UInt8])

    private enum Procedure {
        static let volfileChanged: UInt32 = 1, event: UInt32 = 3, cacheInvalidation: UInt32 = 5, childUp: UInt32 = 6
        static let childDown: UInt32 = 7, statedump: UInt32 = 9, inodelk: UInt32 = 10, entrylk: UInt32 = 11
    }

    /// Reads the arguments of `procedure` up to the end of `xdr`.
    public init(procedure: UInt32, from xdr: inout XDRReader) throws(CodecError) {
        do throws(CodecError) {
            switch procedure {
            case Procedure.volfileChanged: self = .volfileChanged
            case Procedure.event: self = .event(try EventNotice(from: &xdr))
            case Procedure.cacheInvalidation: self = .cacheInvalidation(try CacheInvalidation(from: &xdr))
            case Procedure.childUp: self = .childUp(try Self.name(&xdr))
            case Procedure.childDown: self = .childDown(try Self.name(&xdr))
            case Procedure.statedump: self = .statedump(pid: try xdr.read("pid"))
            case Procedure.inodelk: self = .inodelkContention(try InodelkContention(from: &xdr))
            case Procedure.entrylk: self = .entrylkContention(try EntrylkContention(from: &xdr))
            default: self = .other(procedure: procedure, Array(try xdr.raw(xdr.remaining, "arguments")))
            }
            guard xdr.isAtEnd else { throw xdr.error("end", "\(xdr.remaining) bytes are left over") }
        } catch {
            throw CodecError("callback \(procedure): \(error)")
        }
    }

    private static func name(_ xdr: inout XDRReader) throws(CodecError) -> String {
        var name = ""
        try xdr.text(&name, "child name")
        return name
    }

    public var procedure: UInt32 {
        switch self {
        case .volfileChanged: Procedure.volfileChanged
        case .event: Procedure.event
        case .cacheInvalidation: Procedure.cacheInvalidation
        case .childUp: Procedure.childUp
        case .childDown: Procedure.childDown
        case .statedump: Procedure.statedump
        case .inodelkContention: Procedure.inodelk
        case .entrylkContention: Procedure.entrylk
        case .other(let procedure, _): procedure
        }
    }

    /// A whole call, mark included.
    public func call(xid: UInt32) -> [UInt8] {
        let header = CallHeader(xid: xid, program: .callback, procedure: procedure, credential: .none)
        return Record.encode(header) { xdr in
            switch self {
            case .volfileChanged: break
            case .statedump(let pid): xdr.write(pid)
            case .event(let notice): notice.write(to: &xdr)
            case .cacheInvalidation(let invalidation): invalidation.write(to: &xdr)
            case .childUp(let name), .childDown(let name): xdr.opaque(name.utf8)
            case .inodelkContention(let contention): contention.write(to: &xdr)
            case .entrylkContention(let contention): contention.write(to: &xdr)
            case .other(_, let bytes): xdr.raw(bytes)
            }
        }
    }

    /// What translators above a client hear of it; nil for what is no matter of theirs, and for a lock on a range that
    /// no file has.
    public var graphEvent: GraphEvent? {
        switch self {
        case .inodelkContention(let contention):
            guard let range = try? contention.flock.range() else { return nil }
            return .inodelkContention(contention.gfid, domain: contention.domain, range: range)
        case .entrylkContention(let contention):
            let name = contention.name.bytes.isEmpty ? nil : contention.name
            return .entrylkContention(contention.gfid, domain: contention.domain, name: name)
        default: return nil
        }
    }
}

/// i32 event, opaque<> serialized dict.
public struct EventNotice: XDRStructure, Equatable {
    public var event: Int32 = 0
    public var dict: [UInt8] = []
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.integer(&event, "op")
        try xdr.opaque(&dict, "dict")
    }
}

/// gfid, flock with the holder's range, u32 pid of the holder, string domain, opaque<>. Who waits is not told.
public struct InodelkContention: XDRStructure, Equatable {
    public var gfid = Gfid.none
    public var flock = WireFlock()
    public var pid: UInt32 = 0
    public var domain = ""
    public var extra: [UInt8] = []
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&gfid, "gfid")
        try xdr.part(&flock)
        try xdr.integer(&pid, "pid")
        try xdr.text(&domain, "domain")
        try xdr.opaque(&extra, "xdata")
    }
}

/// gfid, u32 type, u32 pid of the holder, string name (empty: the whole directory), string domain, opaque<>.
public struct EntrylkContention: XDRStructure, Equatable {
    public var gfid = Gfid.none
    public var type: UInt32 = 0
    public var pid: UInt32 = 0
    public var name = EntryName("")
    public var domain = ""
    public var extra: [UInt8] = []
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&gfid, "gfid")
        try xdr.integer(&type, "type")
        try xdr.integer(&pid, "pid")
        try xdr.name(&name, "name")
        try xdr.text(&domain, "domain")
        try xdr.opaque(&extra, "xdata")
    }
}
