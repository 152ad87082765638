import CPosix
import Glibc
import TranslatorCore

/// Reads a directory's entries in the file system's order, from any cookie that it gave before (getdents64(2)). The
/// cookies are the kernel's `d_off`: stable while the directory changes, on ext4 a hash. One owner at a time.
struct DirectoryStream {
    struct Entry {
        let name: EntryName
        let inodeNumber: UInt64
        /// Continues behind this entry.
        let nextOffset: UInt64
        let type: FileType
    }
    private static let bufferBytes = 32 * 1024

    let object: BrickObject
    private var buffer: [UInt8] = []
    private var position = 0, filled = 0
    /// Of the entry that `next` gave last; 0 when it cannot be given back.
    private var lastBytes = 0
    /// The cookie of what `next` reads.
    private(set) var offset: UInt64 = 0

    /// `object` is an open directory whose file position is this stream's alone.
    init(owning object: BrickObject) { self.object = object }

    /// Opens the directory again: the position of a shared descriptor is shared too.
    init(copying object: BrickObject) throws(FopError) {
        let number = try PosixCall.run {
            cposix_openat(object.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        }
        self.init(owning: BrickObject(open: number))
    }

    /// Nil at the end.
    mutating func next() throws(FopError) -> Entry? {
        if position == filled { try fill() }
        guard position < filled else { return nil }
        let entry = buffer.withUnsafeBytes { raw -> (Entry, Int) in
            // struct linux_dirent64: u64 d_ino, s64 d_off, u16 d_reclen, u8 d_type, d_name up to a NUL.
            let at = position
            let bytes = Int(raw.loadUnaligned(fromByteOffset: at + 16, as: UInt16.self))
            let name = raw[(at + 19)..<(at + bytes)].prefix { $0 != 0 }
            let entry = Entry(
                name: EntryName(bytes: name),
                inodeNumber: raw.loadUnaligned(fromByteOffset: at, as: UInt64.self),
                nextOffset: raw.loadUnaligned(fromByteOffset: at + 8, as: UInt64.self),
                type: FileType(mode: UInt32(raw[at + 18]) << 12))
            return (entry, bytes)
        }
        (position, lastBytes) = (position + entry.1, entry.1)
        offset = entry.0.nextOffset
        return entry.0
    }

    /// Gives the last entry back: `next` reads it again. `cookie` is the offset from before it was read.
    mutating func giveBack(to cookie: UInt64) {
        precondition(lastBytes > 0, "only the last entry can be given back, once")
        (position, offset, lastBytes) = (position - lastBytes, cookie, 0)
    }

    private mutating func fill() throws(FopError) {
        if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: Self.bufferBytes) }
        (position, filled) = (0, 0)
        var failure: FopError?
        filled = buffer.withUnsafeMutableBytes { memory in
            do throws(FopError) {
                return try PosixCall.run { getdents64(object.number, memory.baseAddress!, memory.count) }
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
    }

    /// Goes on at `cookie`; free when that is where it stands. Reading at the end again sees what came since.
    mutating func seek(to cookie: UInt64) throws(FopError) {
        if cookie == offset && position < filled { return }
        guard cookie <= UInt64(Int64.max) else { throw .invalid }
        (position, filled, lastBytes) = (0, 0, 0)
        try PosixCall.run { lseek(object.number, off_t(cookie), SEEK_SET) }
        offset = cookie
    }
}
