import CPosix
import Checksums
import Glibc
import TranslatorCore

/// `trusted.gfid2path.<hash>`: one xattr per name of an object that is no directory, by which its paths are found. The
/// value is `<parent gfid>/<name>`, the hash XXH64 of the value, 16 lowercase hex digits. Source:
/// gluster-disk-format.md §1.1.
struct GfidToPath: Equatable, Sendable {
    static let keyPrefix = "trusted.gfid2path."
    /// Further names are not recorded: ext4 gives all xattrs of an inode about one block, and pending counts must fit.
    static let namesMax = 24

    let parent: Gfid
    let name: EntryName

    init(parent: Gfid, name: EntryName) { (self.parent, self.name) = (parent, name) }

    /// Nil for what is no such value.
    init?(value: [UInt8]) {
        guard value.count > 37, value[36] == UInt8(ascii: "/") else { return nil }
        guard let parent = Gfid(String(decoding: value[..<36], as: UTF8.self)) else { return nil }
        self.init(parent: parent, name: EntryName(bytes: value[37...]))
    }

    var value: [UInt8] { Array("\(parent)/".utf8) + name.bytes }

    var key: String {
        let digits = String(Checksums.xxh64(value), radix: 16)
        return Self.keyPrefix + String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension BrickObject {
    /// Best effort, as bricks have it: a file whose xattrs are full keeps its names all the same.
    func recordPath(_ path: GfidToPath) throws(FopError) {
        do throws(FopError) {
            try setXattr(path.key, path.value)
        } catch {
            guard error == .noSpace || error == .outOfRange || error == FopError(E2BIG) else { throw error }
        }
    }

    func forgetPath(_ path: GfidToPath) throws(FopError) {
        do throws(FopError) { try removeXattr(path.key) } catch { if error != .noData { throw error } }
    }
}
