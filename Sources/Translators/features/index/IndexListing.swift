import CPosix
import Glibc
import TranslatorCore

/// A directory of an index, read entry by entry with the kernel's cookies. One user at a time.
final class IndexListing {
    struct Entry {
        let name: EntryName
        /// Continues behind this entry.
        let nextOffset: Int64
        let inodeNumber: UInt64
    }
    private let stream: OpaquePointer

    /// Nil when there is no such directory.
    init?(_ path: String) throws(FopError) {
        guard let opened = opendir(path) else {
            if errno == ENOENT { return nil }
            throw .last
        }
        stream = opened
    }

    deinit { closedir(stream) }

    /// Where to go on: a `nextOffset`, or 0 for the start.
    func seek(_ offset: Int64) {
        if offset == 0 { rewinddir(stream) } else { seekdir(stream, Int(offset)) }
    }

    /// Nil at the end.
    func next() throws(FopError) -> Entry? {
        errno = 0
        guard let entry = readdir(stream) else {
            if errno != 0 { throw .last }
            return nil
        }
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { EntryName(bytes: $0.prefix { $0 != 0 }) }
        return Entry(name: name, nextOffset: Int64(entry.pointee.d_off), inodeNumber: UInt64(entry.pointee.d_ino))
    }

    /// All names but "." and ".."; nil when there is no such directory.
    static func names(in path: String) throws(FopError) -> [EntryName]? {
        guard let listing = try IndexListing(path) else { return nil }
        var names: [EntryName] = []
        while let entry = try listing.next() { if !entry.name.isDotOrDotDot { names.append(entry.name) } }
        return names
    }
}
