import CPosix
import Checksums
import Glibc
import Synchronization
import TranslatorCore

extension PosixTranslator {
    /// What a fop works on: the fd's own descriptor, or the object of the gfid. EBADF for an fd that was not opened
    /// here.
    func object(_ target: FopTarget) throws(FopError) -> BrickObject {
        switch target {
        case .inode(let inode): return try brick.object(inode.gfid, type: inode.type)
        case .fd(let fd):
            if fd.isAnonymous { return try brick.object(fd.inode.gfid, type: fd.inode.type) }
            return try file(fd)
        }
    }

    /// The descriptor that a fop reads or writes data through. Anonymous fds share a kept one per file.
    @inline(__always)
    func file(_ fd: Fd) throws(FopError) -> BrickObject {
        let now = serving.load(ordering: .relaxed)
        guard now != 0 else { throw .notConnected }
        if let context: PosixFd = fd.contexts.context(at: slot), context.opening == now { return context.object }
        return try fd.isAnonymous ? anonymousFile(fd.inode) : openAgain(fd)
    }

    public func stat(_ request: StatRequest, in frame: Frame) async throws(FopError) -> StatReply {
        let gfid = request.target.inode.gfid
        let object = try object(request.target)
        let status = try object.status()
        return StatReply(
            iatt: try brick.iatt(object, gfid, status: status),
            xdata: request.xdata.isEmpty ? [:] : try answers(to: request.xdata, of: object, gfid, status))
    }

    public func readlink(_ request: ReadlinkRequest, in frame: Frame) async throws(FopError) -> ReadlinkReply {
        let brick = try brick
        let object = try brick.object(request.inode.gfid, type: request.inode.type)
        let status = try object.status()
        guard FileType(mode: status.st_mode) == .symlink else { throw .invalid }
        return ReadlinkReply(
            target: try object.linkTarget(), iatt: try brick.iatt(object, request.inode.gfid, status: status))
    }

    public func readv(_ request: ReadRequest, in frame: Frame) async throws(FopError) -> ReadReply {
        let file = try file(request.fd)
        guard request.fd.flags.canRead else { throw .badDescriptor }
        guard request.offset <= UInt64(Int64.max), request.bytes >= 0 else { throw .invalid }
        guard request.bytes > 0 else { return ReadReply(payload: .empty, isEndOfFile: false) }
        var draft = volume.environment.pool.draft(bytes: request.bytes)
        let number = directDescriptor(request.fd, request.offset, request.bytes, draft.bytes.baseAddress) ?? file.number
        let got = try read(number, into: &draft, bytes: request.bytes, at: request.offset)
        return ReadReply(payload: Payload(draft.freeze(count: got)), isEndOfFile: got < request.bytes)
    }

    /// Reads until `bytes` are there or the file ends: pread(2) may give less in between.
    private func read(
        _ number: Int32, into draft: inout IobufDraft, bytes: Int, at offset: UInt64
    ) throws(FopError) -> Int {
        let start = draft.bytes.baseAddress!
        var got = 0
        while got < bytes {
            let more = try PosixCall.run { pread(number, start + got, bytes - got, off_t(offset) + off_t(got)) }
            if more == 0 { break }
            got += more
            // A read that came short has met the end; what is left is not aligned for O_DIRECT any more.
            if got % IobufPool.alignment != 0 { break }
        }
        return got
    }

    /// The O_DIRECT descriptor, when the file has one and the request is aligned so that the kernel takes it.
    @inline(__always)
    func directDescriptor(_ fd: Fd, _ offset: UInt64, _ bytes: Int, _ memory: UnsafeRawPointer?) -> Int32? {
        guard fd.flags.contains(.direct) else { return nil }
        let all = UInt64(bytes) | offset | UInt64(UInt(bitPattern: memory))
        guard all & UInt64(IobufPool.alignment - 1) == 0 else { return nil }
        return fd.contexts.context(at: slot, as: PosixFd.self)?.direct?.number
    }

    public func seek(_ request: SeekRequest, in frame: Frame) async throws(FopError) -> UInt64 {
        let file = try file(request.fd)
        guard request.offset <= UInt64(Int64.max) else { throw .noSuchAddress }
        let whence = request.what == .data ? SEEK_DATA : SEEK_HOLE
        return UInt64(try PosixCall.run { lseek(file.number, off_t(request.offset), whence) })
    }

    public func rchecksum(_ request: RchecksumRequest, in frame: Frame) async throws(FopError) -> RchecksumReply {
        let file = try file(request.fd)
        guard request.offset <= UInt64(Int64.max), request.bytes >= 0 else { throw .invalid }
        var draft = volume.environment.pool.draft(bytes: request.bytes)
        let got = try read(file.number, into: &draft, bytes: request.bytes, at: request.offset)
        let bytes = UnsafeRawBufferPointer(start: draft.bytes.baseAddress, count: got)
        let asksForZeros = request.xdata[XdataKey.checkZeroFilled] != nil
        let strong =
            settings.checksumsAreSHA256
            ? Checksums.sha256(bytes) : Checksums.md5(bytes) + [UInt8](repeating: 0, count: 16)
        return RchecksumReply(
            weak: Checksums.weak(bytes), strong: strong, isSHA256: settings.checksumsAreSHA256,
            isAllZero: asksForZeros ? bytes.isAllZero : nil)
    }

    public func statfs(_ request: StatfsRequest, in frame: Frame) async throws(FopError) -> FileSystemStatus {
        let root = try brick.root
        var status = statvfs()
        try PosixCall.run { fstatvfs(root.number, &status) }
        var reply = FileSystemStatus()
        (reply.blockSize, reply.fragmentSize) = (UInt64(status.f_bsize), UInt64(status.f_frsize))
        (reply.blocks, reply.blocksFree) = (UInt64(status.f_blocks), UInt64(status.f_bfree))
        reply.blocksAvailable = UInt64(status.f_bavail)
        (reply.files, reply.filesFree) = (UInt64(status.f_files), UInt64(status.f_ffree))
        reply.filesAvailable = UInt64(status.f_favail)
        (reply.fileSystemID, reply.flags) = (UInt64(status.f_fsid), UInt64(status.f_flag))
        reply.nameBytesMax = UInt64(status.f_namemax)
        return reply
    }

    /// By mode, owner and groups, as the kernel does for a mount that leaves it to us; ACLs are not asked.
    public func access(_ request: AccessRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let brick = try brick
        let iatt = try brick.iatt(
            try brick.object(request.inode.gfid, type: request.inode.type), request.inode.gfid)
        guard iatt.allows(request.mask & 7, to: frame.caller) else { throw .accessDenied }
        return DoneReply()
    }
}

extension Iatt {
    /// access(2): `mask` of 4 read, 2 write, 1 execute.
    func allows(_ mask: UInt32, to caller: Caller) -> Bool {
        if caller.uid == 0 || caller.pid < 0 {
            return mask & 1 == 0 || isDirectory || mode & 0o111 != 0
        }
        let isInGroup = caller.gid == gid || caller.groups.contains(gid)
        let granted = caller.uid == uid ? mode >> 6 : isInGroup ? mode >> 3 : mode
        return mask & ~granted == 0
    }
}
