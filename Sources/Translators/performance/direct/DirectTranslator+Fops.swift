import Synchronization
import TranslatorCore

// Opening and closing: the brick's process first, whose answer counts.
extension DirectTranslator {
    public func open(_ request: OpenRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let reply = try await wire.open(request, in: frame)
        await openInDirectory(request.fd, in: frame)
        return reply
    }

    public func create(_ request: CreateRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        let reply = try await wire.create(request, in: frame)
        await openInDirectory(request.fd, in: frame)
        return reply
    }

    /// A file that cannot be opened there goes over the wire for as long as it is open.
    private func openInDirectory(_ fd: Fd, in frame: Frame) async {
        let visit = serving.load(ordering: .acquiring)
        guard visit != 0 else { return counters.openedByWire.count() }
        do throws(FopError) {
            _ = try await directory.open(OpenRequest(fd: fd), in: frame)
        } catch {
            volume.log(.debug, "gfid \(fd.inode.gfid): goes over the wire, because its file cannot be opened: \(error)")
            return counters.openedByWire.count()
        }
        counters.openedDirect.count()
        let inode = fd.inode.contexts.findOrSet(at: slot) { DirectInode() }
        fd.contexts.set(DirectFd(visit: visit, inode: inode), at: slot)
    }

    public func flush(_ request: FlushRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        await tellTimes(of: request.fd.inode)
        return try await wire.flush(request, in: frame)
    }

    public func release(_ fd: Fd) async {
        if fd.contexts[slot] != nil {
            await tellTimes(of: fd.inode)
            fd.contexts.set(nil, at: slot)
            await directory.release(fd)
        }
        await wire.release(fd)
    }
}

// Data.
extension DirectTranslator {
    /// The file, if it is open in the directory that is used now.
    @inline(__always)
    private func direct(_ fd: Fd) -> DirectFd? {
        guard let file: DirectFd = fd.contexts.context(at: slot) else { return nil }
        return file.visit == serving.load(ordering: .acquiring) ? file : nil
    }

    public func readv(_ request: ReadRequest, in frame: Frame) async throws(FopError) -> ReadReply {
        guard direct(request.fd) != nil, request.xdata.isEmpty, !frame.recordsAccess else {
            return try await wire.readv(request, in: frame)
        }
        return try await directory.readv(request, in: frame)
    }

    /// What is asked beside the write, the brick's process has to answer.
    public func writev(_ request: WriteRequest, in frame: Frame) async throws(FopError) -> WriteReply {
        guard let file = direct(request.fd), request.xdata.isEmpty else {
            return try await wire.writev(request, in: frame)
        }
        let reply = try await directory.writev(request, in: frame)
        wrote(request.fd, file, in: frame)
        return reply
    }

    /// fdatasync(2) leaves the times to themselves.
    public func fsync(_ request: FsyncRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        guard direct(request.fd) != nil else { return try await wire.fsync(request, in: frame) }
        if !request.dataOnly { await tellTimes(of: request.fd.inode) }
        return try await directory.fsync(request, in: frame)
    }

    public func seek(_ request: SeekRequest, in frame: Frame) async throws(FopError) -> UInt64 {
        guard direct(request.fd) != nil else { return try await wire.seek(request, in: frame) }
        return try await directory.seek(request, in: frame)
    }

    public func rchecksum(_ request: RchecksumRequest, in frame: Frame) async throws(FopError) -> RchecksumReply {
        guard direct(request.fd) != nil else { return try await wire.rchecksum(request, in: frame) }
        return try await directory.rchecksum(request, in: frame)
    }

    public func fallocate(_ request: FallocateRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        guard let file = direct(request.fd) else { return try await wire.fallocate(request, in: frame) }
        let reply = try await directory.fallocate(request, in: frame)
        wrote(request.fd, file, in: frame)
        return reply
    }

    public func discard(_ request: DiscardRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        guard let file = direct(request.fd) else { return try await wire.discard(request, in: frame) }
        let reply = try await directory.discard(request, in: frame)
        wrote(request.fd, file, in: frame)
        return reply
    }

    public func zerofill(_ request: ZerofillRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        guard let file = direct(request.fd) else { return try await wire.zerofill(request, in: frame) }
        let reply = try await directory.zerofill(request, in: frame)
        wrote(request.fd, file, in: frame)
        return reply
    }

    public func copyFileRange(
        _ request: CopyFileRangeRequest, in frame: Frame
    ) async throws(FopError) -> CopyFileRangeReply {
        guard direct(request.source) != nil, let sink = direct(request.sink) else {
            return try await wire.copyFileRange(request, in: frame)
        }
        let reply = try await directory.copyFileRange(request, in: frame)
        wrote(request.sink, sink, in: frame)
        return reply
    }
}

// What says or changes when a file was written.
extension DirectTranslator {
    public func stat(_ request: StatRequest, in frame: Frame) async throws(FopError) -> StatReply {
        var reply = try await wire.stat(request, in: frame)
        corrected(&reply.iatt, request.target.inode)
        return reply
    }

    public func lookup(_ request: LookupRequest, in frame: Frame) async throws(FopError) -> LookupReply {
        var reply = try await wire.lookup(request, in: frame)
        if let inode = volume.environment.inodes.find(reply.iatt.gfid) { corrected(&reply.iatt, inode) }
        return reply
    }

    /// First, because a time that somebody sets must not meet a later one of before.
    public func setattr(_ request: SetattrRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        await tellTimes(of: request.target.inode)
        return try await wire.setattr(request, in: frame)
    }

    /// Whoever looks at marks looks at times next: they are to be as new.
    public func xattrop(_ request: XattropRequest, in frame: Frame) async throws(FopError) -> XattropReply {
        await tellTimes(of: request.target.inode)
        return try await wire.xattrop(request, in: frame)
    }
}
