import CPosix
import Glibc

/// A file's identity on every replica: 16 bytes, an RFC 4122 UUID, in network byte order.
/// Source: GlusterFS `trusted.gfid`. The volume's root is always 00…01; all zeros means "no gfid".
public struct Gfid: Hashable, Sendable, Comparable {
    /// Bytes 0…7, big-endian.
    public let high: UInt64
    /// Bytes 8…15, big-endian; also the inode number that a mount shows.
    public let low: UInt64

    public init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

    public static let none = Gfid(high: 0, low: 0)
    public static let root = Gfid(high: 0, low: 1)

    public var isNone: Bool { high == 0 && low == 0 }
    public var inodeNumber: UInt64 { low }
    /// Byte 0, by which records are sequenced and healers share a volume.
    public var firstByte: UInt8 { UInt8(truncatingIfNeeded: high >> 56) }
    public var secondByte: UInt8 { UInt8(truncatingIfNeeded: high >> 48) }

    /// A fresh version 4 UUID from the kernel's random numbers.
    public static func random() -> Gfid {
        var words: (UInt64, UInt64) = (0, 0)
        let got = withUnsafeMutableBytes(of: &words) { getrandom($0.baseAddress, 16, 0) }
        precondition(got == 16, "getrandom failed: errno \(errno)")
        return Gfid(high: words.0 & ~0xF000 | 0x4000, low: words.1 & ~(3 << 62) | (2 << 62))
    }

    public static func < (a: Gfid, b: Gfid) -> Bool { (a.high, a.low) < (b.high, b.low) }

    /// The 16 bytes in the order they have on disk and on the wire.
    public var bytes: [UInt8] {
        (0..<16).map { UInt8(truncatingIfNeeded: ($0 < 8 ? high : low) >> UInt64((7 - $0 % 8) * 8)) }
    }

    /// Nil unless there are exactly 16 bytes.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        let words = bytes.enumerated().reduce(into: (high: UInt64(0), low: UInt64(0))) { words, next in
            if next.offset < 8 {
                words.high = words.high << 8 | UInt64(next.element)
            } else {
                words.low = words.low << 8 | UInt64(next.element)
            }
        }
        self.init(high: words.high, low: words.low)
    }
}

extension Gfid: CustomStringConvertible, LosslessStringConvertible {
    private static let digits = Array("0123456789abcdef".utf8)

    /// The canonical form, 36 lowercase characters: `25312cdb-0000-4000-8000-000000000070`.
    public var description: String {
        String(unsafeUninitializedCapacity: 36) { text in
            var at = 0
            for (position, byte) in bytes.enumerated() {
                if position == 4 || position == 6 || position == 8 || position == 10 {
                    text[at] = UInt8(ascii: "-")
                    at += 1
                }
                text[at] = Self.digits[Int(byte >> 4)]
                text[at + 1] = Self.digits[Int(byte & 15)]
                at += 2
            }
            return at
        }
    }

    /// Reads the canonical form only, in either case; nil for everything else.
    public init?(_ description: String) {
        let text = Array(description.utf8)
        guard text.count == 36 else { return nil }
        var nibbles: [UInt8] = []
        nibbles.reserveCapacity(32)
        for (position, character) in text.enumerated() {
            if [8, 13, 18, 23].contains(position) {
                guard character == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = Character(UnicodeScalar(character)).hexDigitValue else { return nil }
            nibbles.append(UInt8(digit))
        }
        self.init(bytes: stride(from: 0, to: 32, by: 2).map { nibbles[$0] << 4 | nibbles[$0 + 1] })
    }
}
