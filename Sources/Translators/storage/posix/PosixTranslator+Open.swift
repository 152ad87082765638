import CPosix
import Glibc
import Synchronization
import TranslatorCore

extension PosixTranslator {
    /// EISDIR for a directory, ELOOP for a symlink, EINVAL for a device, fifo or socket: the kernel opens those itself.
    public func open(_ request: OpenRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let fd = request.fd
        let gfid = fd.inode.gfid
        let opening = serving.load(ordering: .relaxed)
        openFiles.opened(gfid)
        do throws(FopError) {
            let file = try openFile(fd.inode, fd.flags)
            if fd.flags.contains(.truncate), !settings.isVisiting { try file.touch(.content, at: frame.time) }
            let stamp = request.xdata[XdataKey.changeStamp] == nil ? nil : ChangeStamp.of(try file.status())
            try hang(file, on: fd, opening, stamp)
            return DoneReply(xdata: stamp.map { [XdataKey.changeStamp: .uint($0)] } ?? [:])
        } catch {
            closed(gfid)
            throw error
        }
    }

    /// Hangs an open file on its fd, with the second descriptor that O_DIRECT needs. The caller counted it as open, and
    /// asked before it was which `opening` of the directory serves. `stamp`: of the file just before, if it has one.
    func hang(_ file: BrickObject, on fd: Fd, _ opening: UInt64, _ stamp: UInt64? = nil) throws(FopError) {
        let context = fd.inode.contexts.findOrSet(at: slot) { PosixInode() }
        if settings.isVisiting {
            // Its handle is changed by others; what it led to must say who it is.
            guard try brick.gfid(of: file) == fd.inode.gfid else { throw .stale }
        } else if stamp == nil || context.stampWithoutMdata.load(ordering: .relaxed) != stamp {
            if try file.mdata() != nil {
                context.hasMdata.store(true, ordering: .relaxed)
            } else if let stamp {
                context.stampWithoutMdata.store(stamp, ordering: .relaxed)
            }
        }
        let direct = openDirect(file, fd.flags)
        fd.contexts.set(PosixFd(file: file, direct: direct, inode: context, opening: opening), at: slot)
        openFds.add(fd)
    }

    func openFile(_ inode: Inode, _ flags: OpenFlags) throws(FopError) -> BrickObject {
        let brick = try brick
        switch inode.type {
        case .regular: break
        case .unknown:
            let type = FileType(mode: try brick.object(inode.gfid, type: .unknown).status().st_mode)
            if type != .regular { throw Self.refusalToOpen(type) }
        default: throw Self.refusalToOpen(inode.type)
        }
        // Durability comes with each write, the end of an append from `pwritev2`, and O_DIRECT has its own descriptor.
        var kept: OpenFlags = [.writeOnly, .readWrite, .truncate, .noAtime]
        // Who serves the brick has truncated it already; others may have written since.
        if settings.isVisiting { kept.remove(.truncate) }
        return BrickObject(open: try brick.openHandle(inode.gfid, flags.intersection(kept).rawValue))
    }

    private static func refusalToOpen(_ type: FileType) -> FopError {
        switch type {
        case .directory: .isDirectory
        case .symlink: FopError(ELOOP)
        default: .invalid
        }
    }

    /// Nil when nobody asked or the file system has no direct access: unaligned requests go through the cache anyway.
    private func openDirect(_ file: BrickObject, _ flags: OpenFlags) -> Descriptor? {
        guard flags.contains(.direct) else { return nil }
        let number = try? file.withProcPath { path throws(FopError) in
            try PosixCall.run { cposix_open(path, flags.accessMode | O_DIRECT | O_CLOEXEC, 0) }
        }
        return number.map { Descriptor(taking: $0) }
    }

    public func release(_ fd: Fd) async {
        openFds.remove(fd)
        guard fd.contexts.context(at: slot, as: PosixFd.self) != nil else { return }
        fd.contexts.set(nil, at: slot)
        closed(fd.inode.gfid)
    }

    /// One open file fewer; the last close of an unlinked one takes its handle away.
    func closed(_ gfid: Gfid) {
        if openFiles.closed(gfid) { try? brick.removeUnlinked(gfid) }
    }

    public func opendir(_ request: OpendirRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let fd = request.fd
        let opening = serving.load(ordering: .relaxed)
        let directory = try brick.directory(fd.inode.gfid)
        let context = fd.inode.contexts.findOrSet(at: slot) { PosixInode() }
        let stream = try DirectoryStream(copying: directory)
        fd.contexts.set(PosixFd(directory: stream, inode: context, opening: opening), at: slot)
        openFds.add(fd)
        return DoneReply()
    }

    public func releasedir(_ fd: Fd) async {
        openFds.remove(fd)
        fd.contexts.set(nil, at: slot)
    }

    public func flush(_ request: FlushRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        _ = try file(request.fd)
        return DoneReply()
    }

    /// A file that nobody opened: one kept descriptor per gfid, for reading and writing where that is possible.
    func anonymousFile(_ inode: Inode) throws(FopError) -> BrickObject {
        let brick = try brick
        if inode.type == .directory { return try brick.directory(inode.gfid) }
        if let kept = brick.files[inode.gfid] {
            // Made anew under the same gfid by a healer in another process: the kept one has no name any more.
            if try kept.status().st_nlink > 0 { return kept }
            brick.files.drop(inode.gfid)
        }
        let file: BrickObject
        do throws(FopError) {
            file = try openFile(inode, .readWrite)
        } catch {
            guard error == FopError(ETXTBSY) || error == .notPermitted || error == .readOnly else { throw error }
            file = try openFile(inode, [])
        }
        if !settings.isVisiting, try file.mdata() != nil {
            inode.contexts.findOrSet(at: slot) { PosixInode() }.hasMdata.store(true, ordering: .relaxed)
        }
        brick.files.keep(file, as: inode.gfid)
        return file
    }
}
