import CPosix
import Glibc

/// The options that every file system has, as mount(8) spells them, and mount(2)'s flags for them.
public struct KernelMountFlags: Sendable, Equatable {
    public private(set) var rawValue = 0

    public init() {}

    /// (flag, whether the word sets or clears it).
    private static let words: [String: (flag: Int, sets: Bool)] = [
        "ro": (MS_RDONLY, true), "rw": (MS_RDONLY, false),
        "nosuid": (MS_NOSUID, true), "suid": (MS_NOSUID, false),
        "nodev": (MS_NODEV, true), "dev": (MS_NODEV, false),
        "noexec": (MS_NOEXEC, true), "exec": (MS_NOEXEC, false),
        "sync": (MS_SYNCHRONOUS, true), "async": (MS_SYNCHRONOUS, false),
        "dirsync": (MS_DIRSYNC, true),
        "noatime": (MS_NOATIME, true), "atime": (MS_NOATIME, false),
        "nodiratime": (MS_NODIRATIME, true), "diratime": (MS_NODIRATIME, false),
        "relatime": (MS_RELATIME, true), "norelatime": (MS_RELATIME, false),
        "strictatime": (MS_STRICTATIME, true),
    ]
    /// Words for mount(8) and fstab(5) alone.
    private static let ignored: Set<String> = [
        "defaults", "auto", "noauto", "user", "nouser", "users", "nousers", "owner", "noowner", "group", "nogroup",
        "_netdev", "nofail", "lazytime", "nolazytime", "loud", "silent",
    ]

    /// False when `word` is no such option.
    public mutating func take(_ word: String) -> Bool {
        if let (flag, sets) = Self.words[word] {
            rawValue = sets ? rawValue | flag : rawValue & ~flag
            return true
        }
        return Self.ignored.contains(word) || word.hasPrefix("x-") || word.hasPrefix("comment=")
    }

    public static var names: [String] { words.keys.sorted() }
    public var isReadOnly: Bool { rawValue & MS_RDONLY != 0 }
    /// As fusermount3 takes them.
    var texts: [String] {
        Self.words.filter { $0.value.sets && rawValue & $0.value.flag != 0 }.map(\.key).sorted()
    }
}
