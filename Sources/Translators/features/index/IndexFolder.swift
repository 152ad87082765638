import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// The three indices of a brick. Source: gluster-disk-format.md §2.1, gluster-wire.md §11.
enum IndexKind: String, CaseIterable, Sendable {
    case xattrop, dirty
    case entryChanges = "entry-changes"

    /// GETXATTR of the root with this name answers the gfid under which the index is a directory.
    var gfidKey: String {
        switch self {
        case .xattrop: "glusterfs.xattrop_index_gfid"
        case .dirty: "glusterfs.xattrop_dirty_gfid"
        case .entryChanges: "glusterfs.xattrop_entry_changes_gfid"
        }
    }
    /// GETXATTR with this name, or `link-count` in a LOOKUP, answers how many entries there are.
    var countKey: String? {
        switch self {
        case .xattrop: "glusterfs.xattrop_index_count"
        case .dirty: "glusterfs.xattrop_dirty_count"
        case .entryChanges: nil
        }
    }
}

/// The indices on disk: `<base>/<kind>/<gfid>`, each entry a hard link to a zero-byte base file `<kind>-<uuid>` beside
/// it.
///
/// Every path is made from the top each time: another process, or an operator, may take away a base file or a directory
/// at any moment, and it is made anew. Any thread.
final class IndexFolder: Sendable {
    let path: String
    /// Random per start and the same in all three; another one once a base has no room for links.
    private let base = Mutex(Gfid.random())
    /// link(2): base file, entry.
    private let makeLink: @Sendable (String, UnsafePointer<CChar>) -> Int32

    /// A test hands in a link(2) of its own.
    init(path: String, link: @escaping @Sendable (String, UnsafePointer<CChar>) -> Int32 = { Glibc.link($0, $1) }) {
        self.path = path
        makeLink = link
    }

    /// Makes what is missing of the directories.
    func prepare() throws(FopError) {
        for kind in IndexKind.allCases { try makeDirectories(directory(kind)) }
    }

    func directory(_ kind: IndexKind) -> String { "\(path)/\(kind.rawValue)" }
    func entryChanges(_ gfid: Gfid) -> String { "\(directory(.entryChanges))/\(gfid)" }

    /// Base files are no entries.
    static func isBase(_ name: some StringProtocol, of kind: IndexKind) -> Bool { name.hasPrefix(kind.rawValue + "-") }
    func currentBase(of kind: IndexKind) -> String { "\(kind.rawValue)-\(base.withLock { $0 })" }

    // MARK: - Entries

    /// True when there was none before.
    func insert(_ gfid: Gfid, into kind: IndexKind) throws(FopError) -> Bool {
        try link(kind, Array("\(directory(kind))/\(gfid)".utf8), parent: directory(kind))
    }

    func contains(_ gfid: Gfid, in kind: IndexKind) -> Bool {
        var status = Glibc.stat()
        return lstat("\(directory(kind))/\(gfid)", &status) == 0
    }

    func remove(_ gfid: Gfid, from kind: IndexKind) throws(FopError) {
        if unlink("\(directory(kind))/\(gfid)") != 0, errno != ENOENT { throw .last }
    }

    /// Notes a name that was touched in the directory `gfid`. True when it was not noted before.
    @discardableResult func insertChange(_ name: EntryName, in gfid: Gfid) throws(FopError) -> Bool {
        let parent = entryChanges(gfid)
        return try link(.entryChanges, Array(parent.utf8) + [UInt8(ascii: "/")] + name.bytes, parent: parent)
    }

    /// False when there was no such note.
    @discardableResult func removeChange(_ name: EntryName, in gfid: Gfid) throws(FopError) -> Bool {
        let path = Array(entryChanges(gfid).utf8) + [UInt8(ascii: "/")] + name.bytes
        if withCPath(path, unlink) == 0 { return true }
        if errno == ENOENT || errno == ENOTDIR { return false }
        throw .last
    }

    /// All notes of the directory `gfid`, and their directory. False when there was none.
    @discardableResult func removeChanges(in gfid: Gfid) throws(FopError) -> Bool {
        let path = entryChanges(gfid)
        // A name noted meanwhile by another process makes rmdir fail: then it goes round again, or stays with its note.
        for _ in 0..<3 {
            guard let names = try IndexListing.names(in: path) else { return false }
            for name in names { try removeChange(name, in: gfid) }
            if rmdir(path) == 0 || errno == ENOENT { return true }
            guard errno == ENOTEMPTY || errno == EEXIST else { throw .last }
        }
        throw .notEmpty
    }

    /// Entries of `kind`, as far as `limit`.
    func count(_ kind: IndexKind, limit: Int = .max) throws(FopError) -> Int {
        guard let listing = try IndexListing(directory(kind)) else { return 0 }
        var count = 0
        while let entry = try listing.next(), count < limit {
            if !entry.name.isDotOrDotDot, Gfid(entry.name.description) != nil { count += 1 }
        }
        return count
    }

    /// Removes a base file that is not ours and has no entries left. One that another process still uses is made anew.
    func removeIfStale(base name: String, of kind: IndexKind) {
        guard name != currentBase(of: kind) else { return }
        let path = "\(directory(kind))/\(name)"
        var status = Glibc.stat()
        if lstat(path, &status) == 0, status.st_nlink == 1 { unlink(path) }
    }

    // MARK: - Links

    /// Tries per entry: a base vanishes or fills up once, twice by bad luck.
    private static let triesMax = 8

    private func link(_ kind: IndexKind, _ entry: [UInt8], parent: String) throws(FopError) -> Bool {
        var last = FopError.io
        for _ in 0..<Self.triesMax {
            let uuid = base.withLock { $0 }
            let basePath = "\(directory(kind))/\(kind.rawValue)-\(uuid)"
            if withCPath(entry, { makeLink(basePath, $0) }) == 0 { return true }
            last = .last
            switch last.code {
            case EEXIST: return false
            case ENOENT:
                try makeDirectories(parent)
                try makeBase(basePath)
            case EMLINK: base.withLock { if $0 == uuid { $0 = .random() } }
            default: throw last
            }
        }
        throw last
    }

    /// Mode 0000, empty.
    private func makeBase(_ path: String) throws(FopError) {
        let file = cposix_open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0)
        if file >= 0 {
            close(file)
        } else if errno != EEXIST && errno != EACCES {
            throw .last
        }
    }

    private func makeDirectories(_ path: String) throws(FopError) {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, path != self.path, let slash = path.lastIndex(of: "/") else { throw .last }
        let parent = String(path[..<slash])
        guard parent.hasPrefix(self.path) else { throw .noEntry }
        try makeDirectories(parent)
        if mkdir(path, 0o700) != 0 && errno != EEXIST { throw .last }
    }

    private func withCPath<Result>(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        (bytes + [0]).withUnsafeBytes { body($0.assumingMemoryBound(to: CChar.self).baseAddress!) }
    }
}
