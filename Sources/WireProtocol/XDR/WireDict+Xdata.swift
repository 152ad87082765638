import TranslatorCore

/// Between the dicts of the wire and what travels the stack, where keys are text (`XattrText`).
extension WireDict {
    /// No pairs make "no dict". Pairs are in the order of their keys: a dictionary has none, and one request must not
    /// have different bytes from day to day.
    public init(xdata: Xdata) {
        guard !xdata.isEmpty else { self.init(); return }
        self.init(pairs: xdata.sorted { $0.key < $1.key }.map { Pair($0.key, Value($0.value)) })
    }

    /// Every value as PTR.
    public init(xattrs: Xattrs) {
        self.init(pairs: xattrs.sorted { $0.key < $1.key }.map { Pair($0.key, .bytes($0.value)) })
    }

    /// The first of two pairs with one key counts.
    public var xdata: Xdata {
        guard let pairs, !pairs.isEmpty else { return [:] }
        return Xdata(pairs.map { ($0.keyText, $0.value.xdataValue) }, uniquingKeysWith: { first, _ in first })
    }

    /// Bytes as they are, text without its NUL, numbers as 8 big-endian bytes (as `features/index` counts), and nothing
    /// for types that no xattr has.
    public var xattrs: Xattrs {
        guard let pairs, !pairs.isEmpty else { return [:] }
        return Xattrs(
            pairs.compactMap { pair in pair.value.xattrBytes.map { (pair.keyText, $0) } },
            uniquingKeysWith: { first, _ in first })
    }
}

extension WireDict.Pair {
    public var keyText: String { XattrText.text(key) }
}

extension WireDict.Value {
    public init(_ value: XdataValue) {
        switch value {
        case .int(let value): self = .int(value)
        case .uint(let value): self = .uint(value)
        case .double(let value): self = .double(value)
        case .string(let text): self = .string(Array(text.utf8))
        case .bytes(let bytes): self = .bytes(bytes)
        case .gfid(let gfid): self = .gfid(gfid)
        case .iatt(let iatt): self = .iatt(WireIatt(reply: iatt))
        case .mdata(let atime, let mtime, let ctime):
            var mdata = WireMdata()
            (mdata.atime, mdata.mtime, mdata.ctime) = (atime, mtime, ctime)
            self = .mdata(mdata)
        }
    }

    public var xdataValue: XdataValue {
        switch self {
        case .oldString(let bytes):
            .string(String(decoding: bytes.last == 0 ? bytes.dropLast() : bytes[...], as: UTF8.self))
        case .int(let value): .int(value)
        case .uint(let value): .uint(value)
        case .double(let value): .double(value)
        case .string(let bytes): .string(String(decoding: bytes, as: UTF8.self))
        case .bytes(let bytes): .bytes(bytes)
        case .gfid(let gfid): .gfid(gfid)
        case .iatt(let iatt): .iatt(iatt.iatt)
        case .mdata(let mdata): .mdata(atime: mdata.atime, mtime: mdata.mtime, ctime: mdata.ctime)
        }
    }

    var xattrBytes: [UInt8]? {
        switch self {
        case .bytes(let bytes), .string(let bytes): bytes
        case .oldString(let bytes): bytes.last == 0 ? bytes.dropLast() : bytes
        case .int(let value): withUnsafeBytes(of: value.bigEndian) { Array($0) }
        case .uint(let value): withUnsafeBytes(of: value.bigEndian) { Array($0) }
        case .gfid(let gfid): gfid.bytes
        case .double, .iatt, .mdata: nil
        }
    }
}
