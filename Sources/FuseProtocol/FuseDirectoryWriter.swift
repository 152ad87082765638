import CFuse
import TranslatorCore

/// Packs directory entries into a reply, each at a multiple of 8 bytes. Source: linux/fuse.h, `struct fuse_dirent`,
/// `struct fuse_direntplus`.
public struct FuseDirectoryWriter {
    private let bytes: UnsafeMutableRawBufferPointer
    public private(set) var count = 0

    /// Writes into `bytes`, which is as long as the kernel asked for; valid while they are.
    public init(_ bytes: UnsafeMutableRawBufferPointer) { self.bytes = bytes }

    private static let direntBytes = 24
    private static func padded(_ count: Int) -> Int { (count + 7) & ~7 }

    /// False when there is no room left: this entry is for the next request.
    public mutating func append(_ name: EntryName, inodeNumber: UInt64, nextOffset: UInt64, type: FileType) -> Bool {
        append(name, inodeNumber: inodeNumber, nextOffset: nextOffset, type: type, entry: nil)
    }

    /// With attributes, for READDIRPLUS. An entry with node 0 is a name only, and not remembered.
    public mutating func append(
        _ name: EntryName, inodeNumber: UInt64, nextOffset: UInt64, type: FileType, entry: fuse_entry_out?
    ) -> Bool {
        let prefix = entry == nil ? 0 : MemoryLayout<fuse_entry_out>.size
        let total = Self.padded(prefix + Self.direntBytes + name.bytes.count)
        guard total <= bytes.count - count else { return false }
        let place = bytes.baseAddress! + count
        if let entry { place.storeBytes(of: entry, as: fuse_entry_out.self) }
        let dirent = place + prefix
        dirent.storeBytes(of: inodeNumber, as: UInt64.self)
        dirent.storeBytes(of: nextOffset, toByteOffset: 8, as: UInt64.self)
        dirent.storeBytes(of: UInt32(name.bytes.count), toByteOffset: 16, as: UInt32.self)
        dirent.storeBytes(of: type.directoryEntryType, toByteOffset: 20, as: UInt32.self)
        name.bytes.withUnsafeBytes {
            (dirent + Self.direntBytes).copyMemory(from: $0.baseAddress!, byteCount: $0.count)
        }
        let used = prefix + Self.direntBytes + name.bytes.count
        (place + used).initializeMemory(as: UInt8.self, repeating: 0, count: total - used)
        count += total
        return true
    }
}
