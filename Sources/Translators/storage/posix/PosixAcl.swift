import CPosix
import Glibc
import TranslatorCore

/// What a directory's default ACL gives to objects made in it. The kernel does this for objects made in place; ours are
/// made aside, so we do it. Source: acl(5), "Object creation and default ACLs"; the value's layout is
/// linux/posix_acl_xattr.h: u32 version 2, then entries of u16 tag, u16 permissions, u32 id, little-endian.
enum PosixAcl {
    static let accessKey = "system.posix_acl_access"
    static let defaultKey = "system.posix_acl_default"

    struct Inherited {
        /// A full st_mode with the permissions that the ACL leaves.
        var mode: UInt32
        /// Set when the new object has entries beyond the three of its mode.
        var access: [UInt8]?
        /// For directories made in it.
        var defaults: [UInt8]?
    }

    private enum Tag {
        static let owner: UInt16 = 1, user: UInt16 = 2, group: UInt16 = 4, namedGroup: UInt16 = 8, mask: UInt16 = 0x10,
            other: UInt16 = 0x20
    }
    private static let headerBytes = 4, entryBytes = 8

    static func inherited(from parent: BrickObject, mode: UInt32) throws(FopError) -> Inherited {
        let value: [UInt8]?
        do throws(FopError) { value = try parent.xattr(defaultKey) } catch {
            if error == .notSupported { return Inherited(mode: mode) }
            throw error
        }
        guard let value, !value.isEmpty else { return Inherited(mode: mode) }
        guard (value.count - headerBytes).isMultiple(of: entryBytes) else { throw .invalid }
        return apply(value, mode: mode)
    }

    /// The owner, other and mask (or, without one, group) entries keep what both they and the mode allow.
    static func apply(_ defaults: [UInt8], mode: UInt32) -> Inherited {
        let entries = stride(from: headerBytes, to: defaults.count, by: entryBytes)
        func tag(_ at: Int) -> UInt16 { UInt16(defaults[at]) | UInt16(defaults[at + 1]) << 8 }
        let hasMask = entries.contains { tag($0) == Tag.mask }
        var (access, permissions) = (defaults, mode & ~0o777)
        for at in entries {
            let shift: UInt32
            switch tag(at) {
            case Tag.owner: shift = 6
            case Tag.mask: shift = 3
            case Tag.group where !hasMask: shift = 3
            case Tag.other: shift = 0
            default: continue
            }
            let left = UInt32(defaults[at + 2]) & (mode >> shift) & 7
            access[at + 2] = UInt8(left)
            permissions |= left << shift
        }
        let isPlain = defaults.count == headerBytes + 3 * entryBytes
        return Inherited(mode: permissions, access: isPlain ? nil : access, defaults: defaults)
    }
}
