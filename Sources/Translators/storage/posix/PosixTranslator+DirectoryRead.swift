import CPosix
import Glibc
import Synchronization
import TranslatorCore

extension PosixTranslator {
    public func readdir(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        try list(request, withAttributes: false)
    }

    public func readdirp(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        try list(request, withAttributes: true)
    }

    public func fsyncdir(_ request: FsyncdirRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let directory = try file(request.fd)
        try PosixCall.run { request.dataOnly ? fdatasync(directory.number) : Glibc.fsync(directory.number) }
        return DoneReply()
    }

    /// What an entry counts of the caller's room (`ReaddirRequest.bytes`).
    private static let entryBytes = 24, attributesBytes = 152

    private func list(_ request: ReaddirRequest, withAttributes: Bool) throws(FopError) -> ReaddirReply {
        let brick = try brick
        let fd = request.fd
        let reader: DirectoryReader
        if let context: PosixFd = fd.contexts.context(at: slot) {
            guard let stream = context.stream else { throw .notDirectory }
            reader = stream
        } else {
            guard fd.isAnonymous else { throw openFds.isLost(fd) ? .badFileState : .badDescriptor }
            reader = DirectoryReader(try DirectoryStream(copying: try brick.directory(fd.inode.gfid)))
        }
        let read = reader.stream.withLock { stream in
            Result { () throws(FopError) in
                try Self.read(request, from: &stream, withAttributes, isRoot: fd.inode.gfid == .root)
            }
        }
        let (raw, isEnd) = try read.get()
        let directory = try brick.directory(fd.inode.gfid)
        var entries: [DirectoryEntry] = []
        entries.reserveCapacity(raw.count)
        for entry in raw {
            if let full = try describe(entry, in: directory, fd.inode.gfid, request.xdata, withAttributes) {
                entries.append(full)
            }
        }
        // All of them removed since they were read: the caller must not take that for the end.
        if entries.isEmpty && !isEnd, let last = raw.last {
            return try list(
                ReaddirRequest(fd: fd, offset: last.nextOffset, bytes: request.bytes, xdata: request.xdata),
                withAttributes: withAttributes)
        }
        return ReaddirReply(entries: entries, isEnd: isEnd)
    }

    /// As many entries as fit; at least one, unless it is the end.
    private static func read(
        _ request: ReaddirRequest, from stream: inout DirectoryStream, _ withAttributes: Bool, isRoot: Bool
    ) throws(FopError) -> (entries: [DirectoryStream.Entry], isEnd: Bool) {
        try stream.seek(to: request.offset)
        var entries: [DirectoryStream.Entry] = []
        var room = request.bytes
        while true {
            let before = stream.offset
            guard let entry = try stream.next() else { return (entries, true) }
            if isRoot && entry.name == EntryName(BrickFolder.hidden) { continue }
            room -= entryBytes + entry.name.bytes.count + (withAttributes ? attributesBytes : 0)
            if room < 0 && !entries.isEmpty {
                stream.giveBack(to: before)
                return (entries, false)
            }
            entries.append(entry)
        }
    }

    /// Nil for a name that was removed meanwhile.
    private func describe(
        _ entry: DirectoryStream.Entry, in directory: BrickObject, _ parent: Gfid, _ xdata: Xdata,
        _ withAttributes: Bool
    ) throws(FopError) -> DirectoryEntry? {
        let brick = try brick
        var full = DirectoryEntry(
            name: entry.name, inodeNumber: entry.inodeNumber, nextOffset: entry.nextOffset, type: entry.type)
        if entry.name.isDotOrDotDot {
            var gfid = parent
            if entry.name.bytes.count == 2, parent != .root {
                gfid = try brick.directoryHandle(parent)?.parent ?? .root
            }
            full.inodeNumber = gfid == .root ? 1 : gfid.inodeNumber
            return full
        }
        do throws(FopError) {
            let object = try brick.object(named: entry.name, in: directory)
            // Half an object: looking it up says why.
            guard let gfid = try brick.gfid(of: object) else { return full }
            full.inodeNumber = gfid.inodeNumber
            guard withAttributes || entry.type == .unknown else { return full }
            let status = try object.status()
            full.type = FileType(mode: status.st_mode)
            guard withAttributes else { return full }
            full.iatt = try brick.iatt(object, gfid, status: status)
            if !xdata.isEmpty { full.xdata = try answers(to: xdata, of: object, gfid, status) }
            return full
        } catch {
            if error == .noEntry { return nil }
            throw error
        }
    }
}
