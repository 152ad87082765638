import CPosix
import Glibc
import HealProtocol
import TranslatorCore

extension FileReference {
    /// Reads what a person typed: a gfid, with or without `<gfid:…>`; a file on a mount of the volume, which says its
    /// gfid; else a path from the volume's root.
    init(typed text: String) {
        if let gfid = Gfid(text) {
            self = .gfid(gfid)
        } else if text.hasPrefix("<gfid:"), text.hasSuffix(">"), let gfid = Gfid(String(text.dropFirst(6).dropLast())) {
            self = .gfid(gfid)
        } else if let gfid = Self.gfid(ofMountedFile: text) {
            self = .gfid(gfid)
        } else {
            self = .path(text)
        }
    }

    /// GlusterFS's virtual xattr `glusterfs.gfid.string`.
    private static func gfid(ofMountedFile path: String) -> Gfid? {
        let value = [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
            count = max(0, getxattr(path, "glusterfs.gfid.string", buffer.baseAddress, 64))
        }
        return Gfid(String(decoding: value.prefix { $0 != 0 }, as: UTF8.self))
    }
}
