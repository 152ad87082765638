import CFuse
import TranslatorCore

/// What kernel and mount can do; both halves of INIT's flags as one word. Bits: linux/fuse.h, "INIT request/reply
/// flags".
public struct FuseFeatures: OptionSet, Sendable, Hashable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    private static func bit(_ position: Int) -> FuseFeatures { FuseFeatures(rawValue: 1 << UInt64(position)) }
    public static let asyncRead = bit(0), posixLocks = bit(1), atomicTruncate = bit(3), exportSupport = bit(4)
    public static let bigWrites = bit(5), dontMask = bit(6), flockLocks = bit(10), autoInvalidateData = bit(12)
    public static let readdirplus = bit(13), readdirplusAuto = bit(14), asyncDirectIO = bit(15)
    public static let writebackCache = bit(16), parallelDirectoryOperations = bit(18), posixACL = bit(20)
    public static let maxPages = bit(22), cacheSymlinks = bit(23), handleKillPrivV2 = bit(28)
    public static let setxattrExtended = bit(29), initExtended = bit(30)
    /// Linux 6.9: the kernel reads and writes a backing file by itself.
    public static let passthrough = bit(37)
    /// Linux 6.14: requests over io_uring.
    public static let ioUring = bit(41)
}

/// The kernel's half of the handshake. Source: linux/fuse.h, `struct fuse_init_in`; kernels before 5.17 send 16 bytes.
public struct FuseInitRequest: Sendable, Equatable {
    public var major: UInt32, minor: UInt32
    /// Bytes.
    public var maxReadahead: UInt32
    public var features: FuseFeatures

    public init(from bytes: inout ByteReader) throws(CodecError) {
        (major, minor) = (try bytes.native(), try bytes.native())
        (maxReadahead, features) = (try bytes.native(), FuseFeatures(rawValue: UInt64(try bytes.native() as UInt32)))
        if features.contains(.initExtended), bytes.remaining >= 4 {
            let upper: UInt32 = try bytes.native()
            features.formUnion(FuseFeatures(rawValue: UInt64(upper) << 32))
        }
        try bytes.skip(bytes.remaining)
    }
}

/// Our half. Source: linux/fuse.h, `struct fuse_init_out`, 64 bytes.
public struct FuseInitReply: Sendable, Equatable {
    /// The protocol that Debian 12's header describes; what newer ones add comes behind flags.
    public static let major: UInt32 = 7, minor: UInt32 = 38
    /// The oldest whose messages have the layouts that are decoded here (7.23, Linux 3.15: init_out of 64 bytes).
    public static let minorMin: UInt32 = 23
    public static let pageBytes = 4096
    /// What the kernel takes unless its administrator raised `fs.fuse.max_pages_limit`.
    public static let maxPages = 256
    public static let maxWriteBytes = maxPages * pageBytes

    public var features: FuseFeatures
    public var maxReadahead: UInt32
    /// Requests that may be under way without anybody waiting for them (readahead, writeback). More wait in the kernel.
    public var maxBackground: UInt16
    /// With so many of them under way or waiting, the kernel calls the mount congested: readahead and writeback that
    /// nobody waits for are left out.
    public var congestionThreshold: UInt16

    /// Chooses among what the kernel offers.
    public init(
        answering request: FuseInitRequest, wanted: FuseFeatures, maxBackground: UInt16, congestionThreshold: UInt16
    ) {
        // `initExtended` in the reply says that the upper half of the flags is valid.
        features = request.features.intersection(wanted.union([.initExtended, .maxPages, .bigWrites]))
        maxReadahead = min(request.maxReadahead, UInt32(Self.maxWriteBytes))
        (self.maxBackground, self.congestionThreshold) = (maxBackground, congestionThreshold)
    }

    public var encoded: fuse_init_out {
        var reply = fuse_init_out()
        (reply.major, reply.minor, reply.max_readahead) = (Self.major, Self.minor, maxReadahead)
        reply.flags = UInt32(truncatingIfNeeded: features.rawValue)
        reply.flags2 = UInt32(features.rawValue >> 32)
        (reply.max_background, reply.congestion_threshold) = (maxBackground, congestionThreshold)
        reply.max_write = UInt32(features.contains(.maxPages) ? Self.maxWriteBytes : 32 * Self.pageBytes)
        reply.time_gran = 1
        reply.max_pages = features.contains(.maxPages) ? UInt16(Self.maxPages) : 0
        return reply
    }
}

extension ByteReader {
    /// An integer in the machine's byte order.
    mutating func native<Value: FixedWidthInteger>() throws(CodecError) -> Value {
        try slice(MemoryLayout<Value>.size, "integer").loadUnaligned(as: Value.self)
    }
}
