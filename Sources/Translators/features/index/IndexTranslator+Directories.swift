import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// The virtual directories by which a healer reads the indices and cleans them (gluster-wire.md §11).
extension IndexTranslator {
    /// What a virtual inode stands for.
    enum Place: Equatable {
        case index(IndexKind)
        /// The names noted for one directory, below `entry-changes`.
        case changes(of: Gfid)
    }

    func place(_ inode: Inode) -> Place? {
        for (kind, gfid) in virtualGfids where gfid == inode.gfid { return .index(kind) }
        return inode.contexts.context(at: slot, as: ChangesOf.self).map { .changes(of: $0.directory) }
    }

    private func path(_ place: Place) -> String {
        switch place {
        case .index(let kind): folder.directory(kind)
        case .changes(let gfid): folder.entryChanges(gfid)
        }
    }

    // MARK: - Finding them

    /// The virtual gfid of an index (16 bytes), or its number of entries (8 bytes, big-endian).
    public func getxattr(_ request: GetxattrRequest, in frame: Frame) async throws(FopError) -> GetxattrReply {
        guard let name = request.name else { return try await subvolume.getxattr(request, in: frame) }
        for kind in IndexKind.allCases {
            if name == kind.gfidKey { return GetxattrReply(xattrs: [name: virtualGfids[kind]!.bytes]) }
            if name == kind.countKey {
                let count = UInt64(try folder.count(kind))
                return GetxattrReply(xattrs: [name: withUnsafeBytes(of: count.bigEndian) { Array($0) }])
            }
        }
        return try await subvolume.getxattr(request, in: frame)
    }

    public func lookup(_ request: LookupRequest, in frame: Frame) async throws(FopError) -> LookupReply {
        switch request.target {
        case .inode(let inode):
            if let place = place(inode) {
                let iatt = try attributes(of: place, as: inode.gfid)
                return LookupReply(iatt: iatt, xdata: typeAnswer(request.xdata))
            }
        case .name(let name, let parent):
            if let place = place(parent) { return try lookup(name, in: place, request.xdata) }
        }
        var reply = try await subvolume.lookup(request, in: frame)
        if let key = request.xdata[XdataKey.linkCount]?.string,
            let kind = IndexKind.allCases.first(where: { $0.countKey == key })
        {
            // Only zero or not is asked: the first entry decides.
            reply.xdata[XdataKey.linkCount] = .int(Int64(try folder.count(kind, limit: 1)))
        }
        return reply
    }

    /// The notes of one directory get a gfid for as long as somebody keeps the inode.
    private func lookup(_ name: EntryName, in place: Place, _ xdata: Xdata) throws(FopError) -> LookupReply {
        guard let gfid = Gfid(name.description) else { throw .noEntry }
        switch place {
        case .changes: throw .noEntry
        case .index(.entryChanges):
            let inode = volume.environment.inodes.inode(.random(), type: .directory)
            let iatt = try attributes(of: .changes(of: gfid), as: inode.gfid)
            inode.contexts.set(ChangesOf(directory: gfid), at: slot)
            return LookupReply(iatt: iatt, xdata: typeAnswer(xdata), inode: inode)
        case .index(let kind):
            var status = Glibc.stat()
            guard lstat("\(folder.directory(kind))/\(gfid)", &status) == 0 else { throw .last }
            var iatt = Iatt()
            (iatt.gfid, iatt.mode, iatt.nlink) = (gfid, status.st_mode, UInt32(clamping: status.st_nlink))
            return LookupReply(iatt: iatt)
        }
    }

    public func stat(_ request: StatRequest, in frame: Frame) async throws(FopError) -> StatReply {
        guard let place = place(request.target.inode) else { return try await subvolume.stat(request, in: frame) }
        return StatReply(iatt: try attributes(of: place, as: request.target.inode.gfid))
    }

    private func attributes(of place: Place, as gfid: Gfid) throws(FopError) -> Iatt {
        var status = Glibc.stat()
        if lstat(path(place), &status) != 0 {
            // An index that vanished is an empty one; it is made anew when there is something to list.
            guard errno == ENOENT, case .index = place else { throw .last }
            (status.st_mode, status.st_nlink) = (FileType.directory.rawValue | 0o700, 2)
        }
        var iatt = Iatt()
        (iatt.gfid, iatt.mode, iatt.nlink) = (gfid, status.st_mode, UInt32(clamping: status.st_nlink))
        (iatt.uid, iatt.gid, iatt.size) = (status.st_uid, status.st_gid, UInt64(status.st_size))
        iatt.mtime = Timestamp(seconds: Int64(status.st_mtim.tv_sec), nanoseconds: UInt32(status.st_mtim.tv_nsec))
        iatt.ctime = Timestamp(seconds: Int64(status.st_ctim.tv_sec), nanoseconds: UInt32(status.st_ctim.tv_nsec))
        iatt.atime = iatt.mtime
        return iatt
    }

    private func typeAnswer(_ asked: Xdata) -> Xdata {
        asked["glusterfs.index-ia-type-get-req"] == nil ? [:] : ["glusterfs.index-ia-type-get-rsp": .uint(2)]
    }

    // MARK: - Reading them

    public func opendir(_ request: OpendirRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        guard let place = place(request.fd.inode) else { return try await subvolume.opendir(request, in: frame) }
        request.fd.contexts.set(try OpenIndex(place: place, path: path(place)), at: slot)
        return DoneReply()
    }

    public func releasedir(_ fd: Fd) async { if place(fd.inode) == nil { await subvolume.releasedir(fd) } }

    public func readdirp(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        guard place(request.fd.inode) != nil else { return try await subvolume.readdirp(request, in: frame) }
        return try await readdir(request, in: frame)
    }

    public func readdir(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        guard place(request.fd.inode) != nil else { return try await subvolume.readdir(request, in: frame) }
        guard let open = request.fd.contexts.context(at: slot, as: OpenIndex.self) else { throw .badDescriptor }
        let (entries, bases, isEnd) = try open.read(from: request.offset, bytes: request.bytes)
        if case .index(let kind) = open.place { for base in bases { folder.removeIfStale(base: base, of: kind) } }
        guard request.xdata["get-gfid-type"] != nil else { return ReaddirReply(entries: entries, isEnd: isEnd) }
        var typed = entries
        for position in typed.indices { typed[position].type = await type(of: typed[position].name, in: frame) }
        return ReaddirReply(entries: typed, isEnd: isEnd)
    }

    private func type(of name: EntryName, in frame: Frame) async -> FileType {
        guard let gfid = Gfid(name.description) else { return .unknown }
        let reply = try? await subvolume.stat(StatRequest(.inode(Inode(gfid: gfid, type: .unknown))), in: frame)
        return reply?.iatt.type ?? .unknown
    }

    // MARK: - Cleaning them

    /// Takes a stale entry off. One whose counts are not zero is not stale: EBUSY, whoever asks was mistaken or
    /// overtaken.
    public func unlink(_ request: UnlinkRequest, in frame: Frame) async throws(FopError) -> RemoveReply {
        switch place(request.parent) {
        case nil: return try await subvolume.unlink(request, in: frame)
        case .changes(let gfid):
            guard try folder.removeChange(request.name, in: gfid) else { throw .noEntry }
        case .index(.entryChanges): throw .isDirectory
        case .index(let kind):
            guard let gfid = Gfid(request.name.description) else { throw .noEntry }
            let watch = kind == .dirty ? dirty : pending
            try await brick.withXattropLock(on: gfid) { _ throws(FopError) in
                if await hasCounts(gfid, watch, in: frame) { throw .busy }
                try folder.remove(gfid, from: kind)
            }
        }
        return RemoveReply(parent: PrePostIatt(pre: Iatt(), post: Iatt()))
    }

    private func hasCounts(_ gfid: Gfid, _ watch: XattropWatch, in frame: Frame) async -> Bool {
        let inode = Inode(gfid: gfid, type: .unknown)
        guard let reply = try? await subvolume.getxattr(GetxattrRequest(.inode(inode)), in: frame) else { return false }
        return watch.areZero(reply.xattrs) == false
    }

    public func rmdir(_ request: RmdirRequest, in frame: Frame) async throws(FopError) -> RemoveReply {
        switch place(request.parent) {
        case nil: return try await subvolume.rmdir(request, in: frame)
        case .index(.entryChanges):
            guard let gfid = Gfid(request.name.description) else { throw .noEntry }
            if !request.isRecursive, let names = try IndexListing.names(in: folder.entryChanges(gfid)), !names.isEmpty {
                throw .notEmpty
            }
            guard try folder.removeChanges(in: gfid) else { throw .noEntry }
        case .index, .changes: throw .notDirectory
        }
        return RemoveReply(parent: PrePostIatt(pre: Iatt(), post: Iatt()))
    }
}

/// Hung on the virtual inode of one directory's notes.
private final class ChangesOf: Sendable {
    let directory: Gfid
    init(directory: Gfid) { self.directory = directory }
}

/// An index directory that somebody reads.
private final class OpenIndex: Sendable {
    let place: IndexTranslator.Place
    private let listing: Mutex<IndexListing?>

    init(place: IndexTranslator.Place, path: String) throws(FopError) {
        self.place = place
        // What vanished is empty, but for a directory's notes, which were looked up just now.
        let opened = try IndexListing(path)
        if opened == nil, case .changes = place { throw .noEntry }
        listing = Mutex(opened)
    }

    /// Names of entries, "." and ".." among them, and the base files that were met.
    func read(
        from offset: UInt64, bytes: Int
    ) throws(FopError) -> (entries: [DirectoryEntry], bases: [String], isEnd: Bool) {
        try listing.withLock { listing throws(FopError) in
            guard let listing else { return ([], [], true) }
            var entries: [DirectoryEntry] = []
            var bases: [String] = []
            var room = bytes
            listing.seek(Int64(bitPattern: offset))
            while let entry = try listing.next() {
                if case .index(let kind) = place, IndexFolder.isBase(entry.name.description, of: kind) {
                    bases.append(entry.name.description)
                    continue
                }
                room -= 24 + entry.name.bytes.count
                // An entry that does not fit is read again next time; one always goes.
                if room < 0, !entries.isEmpty { return (entries, bases, false) }
                entries.append(
                    DirectoryEntry(
                        name: entry.name, inodeNumber: entry.inodeNumber,
                        nextOffset: UInt64(bitPattern: entry.nextOffset), type: .unknown))
            }
            return (entries, bases, true)
        }
    }
}
