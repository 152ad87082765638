import CPosix
import Glibc

/// A stretch of an iobuf.
public struct IobufSlice: Sendable {
    public let iobuf: Iobuf
    public let offset: Int
    public let count: Int

    public init(_ iobuf: Iobuf, offset: Int = 0, count: Int? = nil) {
        let count = count ?? iobuf.count - offset
        precondition(offset >= 0 && count >= 0 && offset + count <= iobuf.count)
        (self.iobuf, self.offset, self.count) = (iobuf, offset, count)
    }

    /// Good while somebody holds the iobuf (see `Iobuf.bytes`).
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: iobuf.bytes[offset..<offset + count]) }
}

/// The data of a read or a write: frozen stretches of iobufs in order, shared by reference, never copied on its way.
/// What GlusterFS passes as `struct iovec *vector, int count, struct iobref *`. Usually one slice, without allocation.
public struct Payload: Sendable {
    public let first: IobufSlice?
    public let rest: [IobufSlice]
    /// Bytes in all.
    public let count: Int

    public init(_ slice: IobufSlice) { (first, rest, count) = (slice, [], slice.count) }
    public init(_ iobuf: Iobuf) { self.init(IobufSlice(iobuf)) }
    public init(_ slices: [IobufSlice]) {
        (first, rest) = (slices.first, Array(slices.dropFirst()))
        count = slices.reduce(0) { $0 + $1.count }
    }

    public static let empty = Payload([])

    public var slices: [IobufSlice] { first.map { [$0] + rest } ?? [] }

    /// Calls `body` with an iovec per slice; they are valid during the call only.
    public func withIovecs<Result>(_ body: (UnsafeBufferPointer<iovec>) throws -> Result) rethrows -> Result {
        func entry(_ slice: IobufSlice) -> iovec {
            iovec(iov_base: UnsafeMutableRawPointer(mutating: slice.bytes.baseAddress), iov_len: slice.count)
        }
        guard let first else { return try body(UnsafeBufferPointer(start: nil, count: 0)) }
        return try withExtendedLifetime(self) { payload in
            if payload.rest.isEmpty {
                return try withUnsafePointer(to: entry(first)) { try body(UnsafeBufferPointer(start: $0, count: 1)) }
            }
            return try payload.slices.map(entry).withUnsafeBufferPointer(body)
        }
    }

    /// Whether it is nothing but zeros. Stops at the first byte that is not.
    public var isAllZero: Bool { withExtendedLifetime(self) { $0.slices.allSatisfy { $0.bytes.isAllZero } } }

    /// One copy of everything: for small things, tests and people. Not for the hot path.
    public func copiedBytes() -> [UInt8] {
        withExtendedLifetime(self) { $0.slices.flatMap { Array($0.bytes) } }
    }
}

extension UnsafeRawBufferPointer {
    /// Eight bytes at a time.
    public var isAllZero: Bool {
        let words = count / 8
        for word in 0..<words where loadUnaligned(fromByteOffset: word * 8, as: UInt64.self) != 0 { return false }
        for byte in (words * 8)..<count where self[byte] != 0 { return false }
        return true
    }
}
