import CPosix
import Glibc
import ReplicaState
import TranslatorCore

/// What tests look at behind the stack's back: the xattrs of a brick's own files.
public enum XattrReading {
    /// The value, or nil when there is none. Traps on any other error, so that a test cannot take EPERM for "none".
    public static func value(of name: String, at path: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 64 * 1024)
        let count = lgetxattr(path, name, &bytes, bytes.count)
        if count < 0 {
            precondition(errno == ENODATA, "cannot read \(name) of \(path): \(FopError.last)")
            return nil
        }
        return Array(bytes.prefix(count))
    }

    /// Every xattr of the file, `trusted.` ones too when the caller is root.
    public static func all(at path: String) -> Xattrs {
        var list = [CChar](repeating: 0, count: 64 * 1024)
        let count = llistxattr(path, &list, list.count)
        precondition(count >= 0, "cannot list xattrs of \(path): \(FopError.last)")
        let names = list.prefix(count).split(separator: 0).map {
            String(decoding: $0.map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
        return names.reduce(into: [:]) { $0[$1] = value(of: $1, at: path) }
    }

    public static func set(_ name: String, to value: [UInt8], at path: String) {
        precondition(
            lsetxattr(path, name, value, value.count, 0) == 0, "cannot set \(name) of \(path): \(FopError.last)")
    }

    public static func gfid(at path: String) -> Gfid? {
        value(of: "trusted.gfid", at: path).flatMap { Gfid(bytes: $0) }
    }

    /// Zeros when the xattr does not exist: `trusted.afr.<subvolume>`, `trusted.afr.dirty`. Traps when it is not 12
    /// bytes.
    public static func counts(of name: String, at path: String) -> PendingCounts {
        do { return try PendingCounts(xattr: value(of: name, at: path)) } catch {
            fatalError("\(name) of \(path): \(error)")
        }
    }
}
