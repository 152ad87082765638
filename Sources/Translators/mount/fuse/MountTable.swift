import CPosix
import Glibc
import TranslatorCore

/// What is mounted, from /proc/self/mountinfo (proc(5)).
public struct MountTable: Sendable {
    /// One mount.
    public struct Entry: Sendable, Equatable {
        public let id: Int
        /// "major:minor"; the minor number names a FUSE connection in /sys/fs/fuse/connections.
        public let device: String
        /// Bytes of the path, because a mount point's name need not be UTF-8.
        public let mountPoint: [UInt8]
        public let type: String
        public let source: String
    }
    /// In the order of mounting: of two on the same directory the last one is seen.
    public let entries: [Entry]

    public init(_ text: [UInt8]) {
        entries = text.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let fields = line.split(separator: UInt8(ascii: " ")).map(Array.init)
            guard fields.count > 6, let dash = fields.firstIndex(of: [UInt8(ascii: "-")]), dash + 2 < fields.count
            else {
                return nil
            }
            func text(_ position: Int) -> String { String(decoding: Self.unescaped(fields[position]), as: UTF8.self) }
            return Entry(
                id: Int(text(0)) ?? 0, device: text(2), mountPoint: Self.unescaped(fields[4]), type: text(dash + 1),
                source: text(dash + 2))
        }
    }

    public static func current() -> MountTable { MountTable((try? LocalFile.bytes(of: "/proc/self/mountinfo")) ?? []) }

    /// What one sees on `directory` (an absolute path without symbolic links), nil when nothing is mounted there.
    public func top(on directory: String) -> Entry? { entries.last { $0.mountPoint == Array(directory.utf8) } }

    /// Blanks and backslashes stand as `\040` and the like.
    private static func unescaped(_ field: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var at = 0
        while at < field.count {
            let digits = field[min(at + 1, field.count)..<min(at + 4, field.count)]
            if field[at] == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                result.append(value)
                at += 4
            } else {
                result.append(field[at])
                at += 1
            }
        }
        return result
    }
}
