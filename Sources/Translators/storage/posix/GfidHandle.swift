import CPosix
import Glibc
import TranslatorCore

/// Where a brick keeps its own things, relative to its root.
enum BrickFolder {
    static let hidden = ".glusterfs"
    static let unlinked = ".glusterfs/unlink"
    static let landfill = ".glusterfs/landfill"
    static let healthCheck = ".glusterfs/health_check"
    /// Ours: lock files, journals. Genuine bricks leave it alone.
    static let bypass = ".glusterfs/bypass"
    /// Ours: directories being made, before they get their name.
    static let staging = ".glusterfs/bypass/staging"
    static let xattropLock = ".glusterfs/bypass/xattrop-lock"
    static let presence = ".glusterfs/bypass/presence"

    static let unlinkedPrefix: StaticString = ".glusterfs/unlink/"
    static let landfillPrefix: StaticString = ".glusterfs/landfill/"
    static let stagingPrefix: StaticString = ".glusterfs/bypass/staging/"
}

/// The paths by which an inode is reached without its name: `.glusterfs/aa/bb/<gfid>`, a hard link for everything but
/// directories, for those a symlink `../../pp/qq/<parent gfid>/<name>`. Source: gluster-disk-format.md §1.
enum GfidHandle {
    private static let digits = StaticString("0123456789abcdef")

    /// Calls `body` with `.glusterfs/aa/bb/<gfid>`, relative to the brick's root. No allocation.
    static func withPath<Result>(
        _ gfid: Gfid, _ body: (UnsafePointer<CChar>) throws(FopError) -> Result
    ) throws(FopError) -> Result {
        try withText(prefix: ".glusterfs/", gfid, fans: true, body)
    }

    /// Calls `body` with `<folder><gfid>`, where `folder` ends with a slash.
    static func withPath<Result>(
        _ gfid: Gfid, in folder: StaticString, _ body: (UnsafePointer<CChar>) throws(FopError) -> Result
    ) throws(FopError) -> Result {
        try withText(prefix: folder, gfid, fans: false, body)
    }

    private static func withText<Result>(
        prefix: StaticString, _ gfid: Gfid, fans: Bool, _ body: (UnsafePointer<CChar>) throws(FopError) -> Result
    ) throws(FopError) -> Result {
        try withUnsafeTemporaryAllocation(byteCount: 96, alignment: 1) { memory throws(FopError) in
            var at = 0
            func put(_ byte: UInt8) {
                memory[at] = byte
                at += 1
            }
            func putHex(_ byte: UInt8) {
                put(digits.utf8Start[Int(byte >> 4)])
                put(digits.utf8Start[Int(byte & 15)])
            }
            for position in 0..<prefix.utf8CodeUnitCount { put(prefix.utf8Start[position]) }
            if fans {
                putHex(gfid.firstByte)
                put(UInt8(ascii: "/"))
                putHex(gfid.secondByte)
                put(UInt8(ascii: "/"))
            }
            for position in 0..<16 {
                if position == 4 || position == 6 || position == 8 || position == 10 { put(UInt8(ascii: "-")) }
                let word = position < 8 ? gfid.high : gfid.low
                putHex(UInt8(truncatingIfNeeded: word >> UInt64((7 - position % 8) * 8)))
            }
            put(0)
            return try body(UnsafePointer(memory.baseAddress!.assumingMemoryBound(to: CChar.self)))
        }
    }

    /// The two levels of folder that hold the handle: `.glusterfs/aa`, `.glusterfs/aa/bb`.
    static func folders(of gfid: Gfid) -> (outer: String, inner: String) {
        let text = gfid.description
        let outer = ".glusterfs/" + text.prefix(2)
        return (outer, outer + "/" + text.dropFirst(2).prefix(2))
    }

    /// What a directory's handle points at: `../../pp/qq/<parent gfid>/<name>`.
    static func directoryTarget(parent: Gfid, name: EntryName) -> [UInt8] {
        let text = parent.description
        return Array("../../\(text.prefix(2))/\(text.dropFirst(2).prefix(2))/\(text)/".utf8) + name.bytes
    }

    /// Reads `directoryTarget` back; nil when it is something else.
    static func parse(directoryTarget target: [UInt8]) -> (parent: Gfid, name: EntryName)? {
        // "../../" + "pp/qq/" + 36 + "/" are 49 bytes.
        guard target.count > 49, target.starts(with: "../../".utf8), target[48] == UInt8(ascii: "/") else { return nil }
        guard let parent = Gfid(String(decoding: target[12..<48], as: UTF8.self)) else { return nil }
        let name = EntryName(bytes: target[49...])
        guard !name.bytes.contains(UInt8(ascii: "/")), directoryTarget(parent: parent, name: name) == target else {
            return nil
        }
        return (parent, name)
    }
}
