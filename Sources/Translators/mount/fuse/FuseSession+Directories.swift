import CFuse
import FuseProtocol
import TranslatorCore

/// Reading directories.
extension FuseSession {
    func opendir(_ open: FuseOpen, _ call: FuseCall) async throws(FopError) {
        let node = try node(call.node)
        let fd = Fd(inode: node.inode, flags: openFlags(open.flags))
        _ = try await top.opendir(OpendirRequest(fd: fd), in: frame(call))
        nodes.opened(node)
        let number = handles.add(OpenHandle(fd: fd, node: node))
        if !call.queue.reply(call.unique, fuse_open_out(handle: number, flags: [])) { await closeDirectory(number) }
    }

    private func closeDirectory(_ number: UInt64) async {
        guard let handle = handles.remove(number) else { return }
        await top.releasedir(handle.fd)
        if let inode = nodes.closed(handle.node) { top.forget(inode) }
    }

    func releasedir(_ release: FuseRelease, _ call: FuseCall) async throws(FopError) {
        await closeDirectory(release.handle)
        call.queue.reply(call.unique)
    }

    func fsyncdir(_ number: UInt64, dataOnly: Bool, _ call: FuseCall) async throws(FopError) {
        _ = try await top.fsyncdir(FsyncdirRequest(fd: try handle(number).fd, dataOnly: dataOnly), in: frame(call))
        call.queue.reply(call.unique)
    }

    /// Asks on until something fits, or the directory ends: a reply without entries would end it for the kernel.
    func readdir(_ read: FuseRead, withAttributes: Bool, _ call: FuseCall) async throws(FopError) {
        let fd = try handle(read.handle).fd
        let frame = frame(call)
        var offset = read.offset
        while true {
            let request = ReaddirRequest(fd: fd, offset: offset, bytes: read.bytes)
            // Bricks of a cluster answer a READDIR with inode numbers of their own file system.
            let found =
                withAttributes || isClustered
                ? try await top.readdirp(request, in: frame) : try await top.readdir(request, in: frame)
            let shown = found.entries.filter { !HiddenNames.isHidden($0.name, in: fd.inode) }
            if !shown.isEmpty || found.entries.isEmpty || found.isEnd {
                return replyEntries(shown, bytes: read.bytes, withAttributes: withAttributes, call)
            }
            offset = found.entries[found.entries.count - 1].nextOffset
        }
    }

    private func replyEntries(_ entries: [DirectoryEntry], bytes: Int, withAttributes: Bool, _ call: FuseCall) {
        withUnsafeTemporaryAllocation(byteCount: bytes, alignment: 8) { buffer in
            var writer = FuseDirectoryWriter(buffer)
            var remembered: [Node] = []
            for entry in entries {
                guard withAttributes else {
                    let fits = writer.append(
                        entry.name, inodeNumber: entry.shownInodeNumber, nextOffset: entry.nextOffset, type: entry.type)
                    if fits { continue } else { break }
                }
                let (node, attributes) = known(entry)
                let fits = writer.append(
                    entry.name, inodeNumber: entry.shownInodeNumber, nextOffset: entry.nextOffset, type: entry.type,
                    entry: attributes)
                guard fits else {
                    if let node { forget(node.number, lookups: 1) }
                    break
                }
                if let node { remembered.append(node) }
            }
            let reply = UnsafeRawBufferPointer(rebasing: buffer[..<writer.count])
            if !call.queue.reply(call.unique, bytes: reply) {
                remembered.forEach { forget($0.number, lookups: 1) }
            }
        }
    }

    /// An entry as READDIRPLUS has it: "." and "..", and what the brick could not stat, are names only (node 0).
    private func known(_ entry: DirectoryEntry) -> (Node?, fuse_entry_out) {
        guard !entry.name.isDotOrDotDot, let iatt = entry.iatt, !iatt.gfid.isNone else {
            return (nil, fuse_entry_out())
        }
        let node = remember(iatt)
        return (node, self.entry(node, iatt))
    }
}

extension DirectoryEntry {
    /// As stat(2) has it, where the brick told whose name it is.
    fileprivate var shownInodeNumber: UInt64 {
        guard let iatt, !iatt.gfid.isNone else { return inodeNumber }
        return iatt.inodeNumber
    }
}
