import Glibc
import TranslatorCore

/// What a process may, from /proc: for requests that come without the kernel's word on it.
enum CallerCapabilities {
    /// CAP_FSETID: changes content and keeps set-ID bits (capabilities(7)).
    private static let setIDs: UInt64 = 1 << 4
    /// The user namespace that capabilities for a file's bits must be held in, always of this number. Source: Linux
    /// `PROC_USER_INIT_INO`; `setattr_should_drop_suidgid` asks `capable`.
    private static let firstUserNamespace = "user:[4026531837]"

    /// Whether the thread `pid` may leave set-ID bits on a file that it changes. Not if that cannot be found out.
    static func keepSetIDs(pid: UInt32) -> Bool {
        guard pid > 0, effective(pid) & setIDs != 0 else { return false }
        return link("/proc/\(pid)/ns/user") == firstUserNamespace
    }

    private static func effective(_ pid: UInt32) -> UInt64 {
        guard let status = try? LocalFile.bytes(of: "/proc/\(pid)/status") else { return 0 }
        let lines = status.split(separator: UInt8(ascii: "\n"))
        guard let line = lines.first(where: { $0.starts(with: Array("CapEff:".utf8)) }) else { return 0 }
        let digits = line.dropFirst(7).filter { $0 != 32 && $0 != 9 }
        return UInt64(String(decoding: digits, as: UTF8.self), radix: 16) ?? 0
    }

    private static func link(_ path: String) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { bytes in
            let count = readlink(path, bytes.baseAddress!, bytes.count)
            guard count > 0 else { return nil }
            return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}
