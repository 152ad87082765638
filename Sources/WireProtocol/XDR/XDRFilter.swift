import TranslatorCore

/// One direction of XDR: what a reader fills in, a writer appends. A structure names its fields once, in the order they
/// have on the wire, and that goes for both directions. Source: RFC 4506; the word is that of xdr(3).
///
/// Integers are big-endian, 4 or 8 bytes. Opaque data of variable length is u32 length, bytes, zeros up to a multiple
/// of 4; of fixed length it is the bytes alone. `field` is what an error calls it.
public protocol XDRFilter {
    /// `CodecError` for a reader; a writer cannot fail.
    associatedtype Failure: Error

    /// 4 or 8 bytes.
    mutating func integer<Value: FixedWidthInteger>(_ value: inout Value, _ field: StaticString) throws(Failure)
    /// `opaque<>` and `string<>`: no NUL.
    mutating func opaque(_ value: inout [UInt8], _ field: StaticString) throws(Failure)
    /// 16 bytes, without a length.
    mutating func gfid(_ value: inout Gfid, _ field: StaticString) throws(Failure)
    /// A name in a directory, as `string<>`. May be empty, and may hold what no kernel sends: who resolves it decides.
    mutating func name(_ value: inout EntryName, _ field: StaticString) throws(Failure)
    /// `string<>` that is UTF-8. A reader refuses other bytes: a changed name would be another name.
    mutating func text(_ value: inout String, _ field: StaticString) throws(Failure)
    /// u32 count, then the elements. A reader reserves no more than the bytes left can hold.
    mutating func array<Element: XDRCodable>(_ elements: inout [Element], _ field: StaticString) throws(Failure)
    /// A chain of optional structures, each behind a 1, and a 0 at its end (RFC 4506 §4.19).
    mutating func chain<Element: XDRCodable>(_ elements: inout [Element], _ field: StaticString) throws(Failure)
    /// A structure inside this one.
    mutating func part<Value: XDRCodable>(_ value: inout Value) throws(Failure)
}

extension XDRFilter {
    /// An xattr's name, as `string<>` of any bytes.
    public mutating func xattrName(_ value: inout String, _ field: StaticString) throws(Failure) {
        var bytes = XattrText.bytes(value)
        try opaque(&bytes, field)
        value = XattrText.text(bytes)
    }

    public mutating func gfid(_ value: inout Gfid, _ field: StaticString) throws(Failure) {
        var (high, low) = (value.high, value.low)
        try integer(&high, field)
        try integer(&low, field)
        value = Gfid(high: high, low: low)
    }

    public mutating func name(_ value: inout EntryName, _ field: StaticString) throws(Failure) {
        var bytes = value.bytes
        try opaque(&bytes, field)
        value = EntryName(bytes: bytes)
    }

    /// Seconds and nanoseconds stand apart in most structures.
    mutating func seconds(_ value: inout Timestamp, _ field: StaticString) throws(Failure) {
        try integer(&value.seconds, field)
    }
    mutating func nanoseconds(_ value: inout Timestamp, _ field: StaticString) throws(Failure) {
        try integer(&value.nanoseconds, field)
    }
}

/// What has one representation in XDR.
public protocol XDRCodable: Sendable {
    /// Throws for bytes that are too few, or are no such thing; says which field and at which byte.
    init(from xdr: inout XDRReader) throws(CodecError)
    func write(to xdr: inout XDRWriter)
}

/// A sequence of fields, named once for both directions.
public protocol XDRStructure: XDRCodable {
    /// Any value; a reader overwrites it.
    init()
    mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure)
}

extension XDRStructure {
    public init(from xdr: inout XDRReader) throws(CodecError) {
        self.init()
        try fields(&xdr)
    }

    public func write(to xdr: inout XDRWriter) {
        var copy = self
        copy.fields(&xdr)
    }
}

extension XDRCodable {
    /// The bytes alone.
    public var encoded: [UInt8] {
        var xdr = XDRWriter()
        write(to: &xdr)
        return xdr.bytes
    }

    /// Reads a whole value and insists that nothing is left over. `what` heads the error.
    public init(decoding bytes: [UInt8], as what: String) throws(CodecError) {
        self = try XDRReader.whole(bytes, as: what) { xdr throws(CodecError) in try Self(from: &xdr) }
    }
}
