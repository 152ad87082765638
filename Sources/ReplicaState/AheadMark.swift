import TranslatorCore

/// What a mount says on every replica's root while its bypass target may hold more than the others do: one xattr for
/// each mount, so that whoever finds it without that target knows that the copies which are left may be old.
///
/// `trusted.bypass.ahead.<mount>`, where mount is a UUID in lower case. Value: a byte 1, the version; the wall clock's
/// seconds since 1970 as a big-endian Int64; the rest, UTF-8: the target's name, as its pending key has it behind
/// `trusted.afr.`.
public struct AheadMark: Equatable, Sendable {
    public static let keyPrefix = "trusted.bypass.ahead."
    static let version: UInt8 = 1
    /// Longer names are cut: there are none.
    static let nameBytesMax = 1_024

    public let mount: Gfid
    public let since: Int64
    public let target: String

    public init(mount: Gfid, since: Int64, target: String) {
        (self.mount, self.since, self.target) = (mount, since, target)
    }

    public var key: String { Self.key(of: mount) }
    public static func key(of mount: Gfid) -> String { keyPrefix + mount.description }

    public var value: [UInt8] {
        var bytes: [UInt8] = [Self.version]
        bytes += (0..<8).map { UInt8(truncatingIfNeeded: since >> (56 - 8 * $0)) }
        return bytes + target.utf8.prefix(Self.nameBytesMax)
    }

    /// Nil for any other xattr. One whose value nobody can read still says that something is ahead: then `target` is
    /// empty, and no replica's.
    public init?(key: String, value: [UInt8]) {
        guard key.hasPrefix(Self.keyPrefix), let mount = Gfid(String(key.dropFirst(Self.keyPrefix.count))) else {
            return nil
        }
        guard value.count > 9, value[0] == Self.version else {
            self.init(mount: mount, since: 0, target: "")
            return
        }
        let since = value[1..<9].reduce(Int64(0)) { $0 << 8 | Int64($1) }
        self.init(mount: mount, since: since, target: String(decoding: value.dropFirst(9), as: UTF8.self))
    }
}
