/// What stands behind one stretch of a file. Source: Linux `iomap.h` (struct iomap), whose names these are; FIEMAP's
/// flags (`linux/fiemap.h`) tell the same about a local file.
public struct Mapping: Equatable, Sendable {
    /// What stands behind a stretch of a file. Source: the seed's iomap types.
    public enum Kind: UInt8, Sendable {
        /// Nothing is allocated; reads as zeros.
        case hole
        /// Written, in memory only, no place on the disk yet.
        case delalloc
        /// Data on the disk.
        case mapped
        /// Allocated, never written; reads as zeros.
        case unwritten
        /// Data that lives in the inode itself.
        case inline

        /// Whether a reader gets zeros without looking.
        public var readsAsZeros: Bool { self == .hole || self == .unwritten }
    }

    /// What else is known of a stretch. Source: the seed's iomap flags.
    public struct Flags: OptionSet, Sendable, Hashable {
        public let rawValue: UInt16
        public init(rawValue: UInt16) { self.rawValue = rawValue }
        /// Allocated by this very `begin`: what it is not filled with must be zeroed.
        public static let new = Flags(rawValue: 1)
        /// Shared with another file: a write must copy first.
        public static let shared = Flags(rawValue: 4)
        /// Nothing stands behind it up to the end of the file.
        public static let last = Flags(rawValue: 8)
        /// The size changes with this range.
        public static let changesSize = Flags(rawValue: 0x100)
    }

    /// Bytes from the start of the file, and bytes from there; never 0.
    public let offset: UInt64, length: UInt64
    public let kind: Kind
    public let flags: Flags

    public init(offset: UInt64, length: UInt64, kind: Kind, flags: Flags = []) {
        precondition(length > 0, "a mapping is not empty")
        precondition(length <= UInt64.max - offset, "a mapping ends below 2^64")
        (self.offset, self.length, self.kind, self.flags) = (offset, length, kind, flags)
    }

    public var end: UInt64 { offset + length }
    public var range: ByteRange { ByteRange(start: offset, end: end) }

    /// The part of it in `range`; nil when that is nothing. `last` stays only with the end.
    public func clipped(to range: ByteRange) -> Mapping? {
        guard let part = self.range.intersection(range) else { return nil }
        let kept = part.end == end ? flags : flags.subtracting(.last)
        return Mapping(offset: part.start, length: part.count, kind: kind, flags: kept)
    }
}
