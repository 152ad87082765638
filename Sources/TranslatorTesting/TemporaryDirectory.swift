import CPosix
import Glibc
import TranslatorCore

/// A fresh directory for one test, removed with everything in it when the object goes. Keep it alive: `defer {
/// withExtendedLifetime(scratch) {} }` or a property of the suite.
public final class TemporaryDirectory: Sendable {
    /// Absolute, without a trailing slash.
    public let path: String

    /// Below `$TMPDIR`, or where the C library says. Traps when the machine has no room for tests.
    public init(_ name: String = "bypass-test") {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? P_tmpdir
        var template = Array("\(parent)/\(name)-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!).map { String(cString: $0) } }
        guard let made else { fatalError("cannot make a directory below \(parent): \(FopError.last)") }
        path = made
    }

    deinit { Self.removeTree(path) }

    /// The path of `name` in it; nothing is made.
    public func appending(_ name: String) -> String { "\(path)/\(name)" }

    /// Makes a directory in it and answers its path.
    public func subdirectory(_ name: String) -> String {
        let full = appending(name)
        precondition(mkdir(full, 0o755) == 0 || errno == EEXIST, "cannot make \(full): \(FopError.last)")
        return full
    }

    /// Removes everything in it.
    public func removeContents() {
        Self.removeTree(path)
        precondition(mkdir(path, 0o755) == 0, "cannot make \(path) again: \(FopError.last)")
    }

    /// Removes a file or a whole directory; does not follow symbolic links.
    public static func removeTree(_ path: String) { removeTree(bytes: Array(path.utf8)) }

    private static func removeTree(bytes: [UInt8]) {
        // Names are bytes, so the walk stays with them: a String would mend what is not UTF-8.
        let path = bytes.map { CChar(bitPattern: $0) } + [0]
        var status = Glibc.stat()
        guard lstat(path, &status) == 0 else { return }
        guard FileType(mode: status.st_mode) == .directory else {
            unlink(path)
            return
        }
        for name in entries(of: path) { removeTree(bytes: bytes + [UInt8(ascii: "/")] + name) }
        rmdir(path)
    }

    private static func entries(of path: [CChar]) -> [[UInt8]] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != Array(".".utf8) && name != Array("..".utf8) { names.append(name) }
        }
        return names
    }

    /// Whether tests here may set `trusted.*` xattrs (root, on a file system that has them): for `.enabled(if:)`.
    public static let allowsTrustedXattrs: Bool = {
        let scratch = TemporaryDirectory("bypass-probe")
        return setxattr(scratch.path, "trusted.probe", "1", 1, 0) == 0
    }()
}
