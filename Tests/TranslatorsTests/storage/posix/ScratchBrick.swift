import CPosix
import Glibc
import Translators
import TranslatorCore
import TranslatorTesting

/// A brick in a temporary directory, served by `storage/posix` as a volfile would have it.
final class ScratchBrick: Sendable {
    let scratch: TemporaryDirectory
    let directory: String
    let graph: Graph
    let posix: PosixTranslator
    let frame: Frame
    let root: Inode

    /// `at` serves a directory that is there already, as a second process would.
    init(
        options: String = "", at other: ScratchBrick? = nil, directory: String? = nil,
        environment: GraphEnvironment = GraphEnvironment(log: .silent), frame: Frame = Frame(caller: .root)
    ) async throws {
        scratch = other?.scratch ?? TemporaryDirectory("posix")
        self.directory = other?.directory ?? directory ?? scratch.subdirectory("brick")
        graph = try Graph.fromText(
            "volume brick\n    type storage/posix\n    option directory \(self.directory)\n\(options)\nend-volume\n",
            environment: environment)
        posix = graph.top as! PosixTranslator
        try await graph.start()
        self.frame = frame
        root = environment.inodes.inode(.root, type: .directory)
    }

    func stop() async { await graph.stop() }

    func inode(_ type: FileType = .regular) -> Inode { graph.environment.inodes.inode(.random(), type: type) }

    func entry(_ name: EntryName, in parent: Inode? = nil, _ type: FileType = .regular, xdata: Xdata = [:]) -> NewEntry
    {
        NewEntry(parent: parent ?? root, name: name, inode: inode(type), xdata: xdata)
    }

    /// Makes a file and leaves it open.
    func create(
        _ name: EntryName, in parent: Inode? = nil, mode: UInt32 = 0o644, flags: OpenFlags = .readWrite,
        xdata: Xdata = [:],
        as frame: Frame? = nil
    ) async throws -> Fd {
        let entry = entry(name, in: parent, xdata: xdata)
        let fd = Fd(inode: entry.inode, flags: flags)
        _ = try await posix.create(CreateRequest(entry: entry, fd: fd, mode: mode), in: frame ?? self.frame)
        return fd
    }

    func mkdir(_ name: EntryName, in parent: Inode? = nil, mode: UInt32 = 0o755, as frame: Frame? = nil) async throws
        -> Inode
    {
        let entry = entry(name, in: parent, .directory)
        _ = try await posix.mkdir(MkdirRequest(entry: entry, mode: mode), in: frame ?? self.frame)
        return entry.inode
    }

    func open(_ inode: Inode, _ flags: OpenFlags = .readWrite) async throws -> Fd {
        let fd = Fd(inode: inode, flags: flags)
        _ = try await posix.open(OpenRequest(fd: fd), in: frame)
        return fd
    }

    @discardableResult
    func write(_ bytes: [UInt8], to fd: Fd, at offset: UInt64 = 0, flags: OpenFlags? = nil, xdata: Xdata = [:])
        async throws -> WriteReply
    {
        try await posix.writev(
            WriteRequest(fd: fd, offset: offset, payload: payload(bytes), flags: flags, xdata: xdata), in: frame)
    }

    func payload(_ bytes: [UInt8]) -> Payload {
        let draft = graph.environment.pool.draft(bytes: bytes.count)
        draft.bytes.copyBytes(from: bytes)
        return Payload(draft.freeze(count: bytes.count))
    }

    func read(_ fd: Fd, at offset: UInt64 = 0, bytes: Int = 1 << 16) async throws -> [UInt8] {
        try await posix.readv(ReadRequest(fd: fd, offset: offset, bytes: bytes), in: frame).payload.copiedBytes()
    }

    func lookup(_ name: EntryName, in parent: Inode? = nil, xdata: Xdata = [:]) async throws -> LookupReply {
        try await posix.lookup(LookupRequest(.name(name, parent: parent ?? root), xdata: xdata), in: frame)
    }

    func lookup(_ inode: Inode, xdata: Xdata = [:]) async throws -> LookupReply {
        try await posix.lookup(LookupRequest(.inode(inode), xdata: xdata), in: frame)
    }

    func unlink(_ name: EntryName, in parent: Inode? = nil) async throws {
        _ = try await posix.unlink(UnlinkRequest(parent: parent ?? root, name: name), in: frame)
    }

    func rename(
        _ old: EntryName, in oldParent: Inode? = nil, to new: EntryName, into newParent: Inode? = nil,
        flags: RenameFlags = []
    ) async throws -> RenameReply {
        try await posix.rename(
            RenameRequest(
                oldParent: oldParent ?? root, oldName: old, newParent: newParent ?? root, newName: new, flags: flags),
            in: frame)
    }

    func xattrop(
        _ target: FopTarget, _ values: Xattrs, _ operation: XattropRequest.Operation = .addArray
    ) async throws -> Xattrs {
        try await posix.xattrop(XattropRequest(target, operation: operation, values: values), in: frame).values
    }

    /// Every entry of a directory, `bytes` of reply at a time.
    func list(_ directory: Inode, bytes: Int = 4096, withAttributes: Bool = true) async throws -> [DirectoryEntry] {
        let fd = Fd(inode: directory, flags: .directory)
        _ = try await posix.opendir(OpendirRequest(fd: fd), in: frame)
        var all: [DirectoryEntry] = []
        var offset: UInt64 = 0
        while true {
            let request = ReaddirRequest(fd: fd, offset: offset, bytes: bytes)
            let reply =
                withAttributes
                ? try await posix.readdirp(request, in: frame) : try await posix.readdir(request, in: frame)
            all += reply.entries
            guard !reply.isEnd, let last = reply.entries.last else { break }
            offset = last.nextOffset
        }
        await posix.releasedir(fd)
        return all
    }

    // MARK: - Behind its back

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    func handle(_ gfid: Gfid) -> String {
        let text = gfid.description
        return path(".glusterfs/\(text.prefix(2))/\(text.dropFirst(2).prefix(2))/\(text)")
    }

    static func status(_ path: String) -> Glibc.stat? {
        var status = Glibc.stat()
        return lstat(path, &status) == 0 ? status : nil
    }

    static func linkTarget(_ path: String) -> String? {
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &target, target.count)
        return count < 0 ? nil : String(decoding: target.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// The error that `body` throws, or nil.
func failure(_ body: () async throws -> Void) async -> FopError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? FopError
    }
}
