import CPosix
import Glibc
import ReplicaState
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// `features/index` on a real brick, watching the keys of a two-replica volume.
struct IndexedBrick {
    static let keys = ["trusted.afr.vol-client-0", "trusted.afr.vol-client-1"]
    let scratch: TemporaryDirectory
    let graph: Graph
    let frame = Frame(caller: .root)
    var top: any Translator { graph.top }
    var indices: String { scratch.appending("brick/.glusterfs/indices") }

    init(on scratch: TemporaryDirectory = TemporaryDirectory(), watching: String = keys.joined(separator: ","))
        async throws
    {
        self.scratch = scratch
        graph = try Graph.fromText(
            """
            volume posix
                type storage/posix
                option directory \(scratch.subdirectory("brick"))
            end-volume
            volume index
                type features/index
                option xattrop-pending-watchlist \(watching)
                subvolumes posix
            end-volume
            """)
        try await graph.start()
    }

    func makeFile(_ name: String = "file") async throws(FopError) -> Inode {
        let inode = graph.environment.inodes.inode(.random(), type: .regular)
        let root = graph.environment.inodes.inode(.root, type: .directory)
        let entry = NewEntry(parent: root, name: EntryName(name), inode: inode)
        _ = try await top.mknod(
            MknodRequest(entry: entry, mode: FileType.regular.rawValue | 0o644, device: 0), in: frame)
        return inode
    }

    func makeDirectory(_ name: String = "directory") async throws(FopError) -> Inode {
        let inode = graph.environment.inodes.inode(.random(), type: .directory)
        let root = graph.environment.inodes.inode(.root, type: .directory)
        let entry = NewEntry(parent: root, name: EntryName(name), inode: inode)
        _ = try await top.mkdir(MkdirRequest(entry: entry, mode: 0o755), in: frame)
        return inode
    }

    /// Adds to the counts against client 0 and client 1 and, where given, to dirty.
    @discardableResult func xattrop(
        _ inode: Inode, _ first: PendingCounts, _ second: PendingCounts, dirty: PendingCounts? = nil, xdata: Xdata = [:]
    ) async throws(FopError) -> XattropReply {
        var values: Xattrs = [Self.keys[0]: first.xattr, Self.keys[1]: second.xattr]
        values["trusted.afr.dirty"] = dirty?.xattr
        return try await top.xattrop(XattropRequest(.inode(inode), values: values, xdata: xdata), in: frame)
    }

    func virtualInode(_ kind: IndexKind) async throws -> Inode {
        let root = graph.environment.inodes.inode(.root, type: .directory)
        let reply = try await top.getxattr(GetxattrRequest(.inode(root), name: kind.gfidKey), in: frame)
        let gfid = try requireValue(Gfid(bytes: reply.xattrs[kind.gfidKey] ?? []))
        let inode = graph.environment.inodes.inode(gfid, type: .directory)
        _ = try await top.lookup(LookupRequest(.inode(inode)), in: frame)
        return inode
    }

    /// What a healer's crawl finds, by fops, `bytes` at a time.
    func list(_ directory: Inode, bytes: Int = 128 * 1024, xdata: Xdata = [:]) async throws -> [DirectoryEntry] {
        let fd = Fd(inode: directory, flags: .directory)
        _ = try await top.opendir(OpendirRequest(fd: fd), in: frame)
        var entries: [DirectoryEntry] = []
        var offset: UInt64 = 0
        while true {
            let request = ReaddirRequest(fd: fd, offset: offset, bytes: bytes, xdata: xdata)
            let reply = try await top.readdir(request, in: frame)
            entries += reply.entries
            guard let last = reply.entries.last, !reply.isEnd else { break }
            offset = last.nextOffset
        }
        await top.releasedir(fd)
        return entries.filter { !$0.name.isDotOrDotDot }
    }

    func list(_ kind: IndexKind) async throws -> Set<String> {
        Set(try await list(virtualInode(kind)).map(\.name.description))
    }

    /// Names on disk, base files too.
    func onDisk(_ folder: String) -> Set<String> {
        Set((try? IndexListing.names(in: "\(indices)/\(folder)"))??.map(\.description) ?? [])
    }
}

struct MissingValue: Error {}
func requireValue<Value>(_ value: Value?) throws -> Value {
    guard let value else { throw MissingValue() }
    return value
}
