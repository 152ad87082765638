import CPosix
import Glibc
import Synchronization
import TranslatorCore

extension PosixTranslator {
    /// Positioned, unless `flags` has `.append`: then the kernel writes at the end in one step with finding it, among
    /// all processes (RWF_APPEND). `.dsync` and `.sync` make this write durable.
    public func writev(_ request: WriteRequest, in frame: Frame) async throws(FopError) -> WriteReply {
        let file = try file(request.fd)
        guard request.fd.flags.canWrite else { throw .badDescriptor }
        guard request.offset <= UInt64(Int64.max) - UInt64(request.payload.count) else { throw .fileTooLarge }
        try reserve.take(UInt64(request.payload.count), file.number, in: frame)
        var reply = WriteReply(bytes: 0)
        if !request.xdata.isEmpty { reply.xdata = try answers(to: request, of: file) }
        if let number = directDescriptor(for: request) {
            reply.bytes = try write(request.payload, to: number, at: request.offset, request.flags)
        } else if request.payload.count > Self.bufferedWriteMax,
            request.flags.isDisjoint(with: [.append, .sync, .dsync])
        {
            reply.bytes = try writeRest(request.payload, from: 0, to: file.number, at: request.offset, 0)
        } else {
            reply.bytes = try write(request.payload, to: file.number, at: request.offset, request.flags)
        }
        if hasMdata(request.fd.inode) { try file.touch(.content, at: frame.time) }
        return reply
    }

    /// Nil for what the kernel would not take with O_DIRECT: payloads in several pieces, and appends, whose offset is
    /// not known before.
    @inline(__always)
    private func directDescriptor(for request: WriteRequest) -> Int32? {
        guard request.flags.contains(.direct), !request.flags.contains(.append) else { return nil }
        guard request.payload.rest.isEmpty, let slice = request.payload.first else { return nil }
        return directDescriptor(request.fd, request.offset, slice.count, slice.bytes.baseAddress)
    }

    @inline(__always)
    private func hasMdata(_ inode: Inode) -> Bool {
        inode.contexts.context(at: slot, as: PosixInode.self)?.hasMdata.load(ordering: .relaxed) ?? false
    }

    private func answers(to request: WriteRequest, of file: BrickObject) throws(FopError) -> Xdata {
        var answers: Xdata = [:]
        for key in request.xdata.keys {
            switch key {
            case PosixXdataKey.writeIsAppend:
                var isAtEnd = request.flags.contains(.append)
                if !isAtEnd { isAtEnd = try file.status().st_size == off_t(request.offset) }
                answers[key] = .uint(isAtEnd ? 1 : 0)
            case XdataKey.openFdCount, PosixXdataKey.openActiveFdCount:
                answers[key] = .uint(UInt64(openFiles.count(of: request.fd.inode.gfid)))
            default: break
            }
        }
        return answers
    }

    /// Bytes that one call hands to the page cache. A file system with large folios (ext4 since Linux 6.16) keeps a
    /// stretch that was written at once in one folio, and every later write of 4 KiB walks all blocks of its folio:
    /// measured 15…20 µs after calls of 1 MiB, 4.5 µs after calls of 128 KiB, which take a twentieth longer themselves.
    /// Readahead makes no larger folios either, by default.
    private static var bufferedWriteMax: Int { 128 * 1024 }

    /// All of the payload, or as much as found room: then the bytes before the error count, and the next write meets
    /// it.
    private func write(
        _ payload: Payload, to number: Int32, at offset: UInt64, _ flags: OpenFlags
    ) throws(FopError) -> Int {
        var how: Int32 = 0
        if flags.contains(.sync) { how = RWF_SYNC } else if flags.contains(.dsync) { how = RWF_DSYNC }
        if flags.contains(.append) { how |= RWF_APPEND }
        let written = try PosixCall.run {
            payload.withIovecs { pwritev2(number, $0.baseAddress, Int32(min($0.count, 1024)), off_t(offset), how) }
        }
        if written == payload.count { return written }
        return try writeRest(payload, from: written, to: number, at: offset, how)
    }

    /// What a short write left over, or all of a large one, slice by slice, in calls that end at multiples of
    /// `bufferedWriteMax` in the file.
    private func writeRest(
        _ payload: Payload, from first: Int, to number: Int32, at offset: UInt64, _ how: Int32
    ) throws(FopError) -> Int {
        var done = first
        var sliceStart = 0
        for slice in payload.slices {
            defer { sliceStart += slice.count }
            while done < sliceStart + slice.count {
                let bytes = Self.bufferedWriteMax - Int(offset + UInt64(done)) % Self.bufferedWriteMax
                let rest = UnsafeRawBufferPointer(rebasing: slice.bytes[(done - sliceStart)...].prefix(bytes))
                var vector = iovec(iov_base: UnsafeMutableRawPointer(mutating: rest.baseAddress), iov_len: rest.count)
                let more: Int
                do throws(FopError) {
                    more = try PosixCall.run { pwritev2(number, &vector, 1, off_t(offset) + off_t(done), how) }
                } catch {
                    if done > 0 { return done }
                    throw error
                }
                if more == 0 { return done }
                done += more
            }
        }
        return done
    }

    public func truncate(_ request: TruncateRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        guard request.size <= UInt64(Int64.max) else { throw .fileTooLarge }
        let brick = try brick
        let gfid = request.target.inode.gfid
        let file = try writableFile(request.target)
        return AttributesReply(
            attributes: try brick.changing(file, gfid, .content, frame) { () throws(FopError) in
                _ = try PosixCall.run { ftruncate(file.number, off_t(request.size)) }
            })
    }

    /// A descriptor that may be written: the fd's own, or the kept one of the gfid.
    private func writableFile(_ target: FopTarget) throws(FopError) -> BrickObject {
        guard let fd = target.fd else {
            switch target.inode.type {
            case .directory: throw .isDirectory
            default: return try anonymousFile(target.inode)
            }
        }
        guard fd.flags.canWrite else { throw .invalid }
        return try file(fd)
    }

    /// The attributes come without times: see `timelessIatt`.
    public func fsync(_ request: FsyncRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        let file = try file(request.fd)
        _ = try PosixCall.run { request.dataOnly ? fdatasync(file.number) : Glibc.fsync(file.number) }
        let iatt = try file.timelessIatt(request.fd.inode.gfid)
        return AttributesReply(attributes: PrePostIatt(pre: iatt, post: iatt))
    }

    public func fallocate(_ request: FallocateRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        let mode = request.keepsSize ? FALLOC_FL_KEEP_SIZE : 0
        return try allocate(request.fd, mode, request.offset, request.bytes, frame)
    }

    public func discard(_ request: DiscardRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try allocate(request.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, request.offset, request.bytes, frame)
    }

    public func zerofill(_ request: ZerofillRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        let mode = FALLOC_FL_ZERO_RANGE | (request.keepsSize ? FALLOC_FL_KEEP_SIZE : 0)
        do throws(FopError) {
            return try allocate(request.fd, mode, request.offset, request.bytes, frame)
        } catch {
            guard error == .notSupported else { throw error }
            return try writeZeros(request, frame)
        }
    }

    /// For file systems that cannot zero a range themselves.
    private func writeZeros(_ request: ZerofillRequest, _ frame: Frame) throws(FopError) -> AttributesReply {
        let file = try file(request.fd)
        var (at, end) = (request.offset, request.offset + request.bytes)
        if request.keepsSize { end = min(end, UInt64(try file.status().st_size)) }
        let zeros = volume.environment.pool.draft(bytes: IobufPool.pooledBytesMax)
        zeros.bytes.initializeMemory(as: UInt8.self, repeating: 0)
        return AttributesReply(
            attributes: try brick.changing(file, request.fd.inode.gfid, .content, frame) { () throws(FopError) in
                while at < end {
                    let count = Int(min(UInt64(zeros.bytes.count), end - at))
                    at += UInt64(try PosixCall.run { pwrite(file.number, zeros.bytes.baseAddress, count, off_t(at)) })
                }
            })
    }

    private func allocate(
        _ fd: Fd, _ mode: Int32, _ offset: UInt64, _ bytes: UInt64, _ frame: Frame
    ) throws(FopError) -> AttributesReply {
        let file = try file(fd)
        guard fd.flags.canWrite else { throw .badDescriptor }
        guard bytes > 0 else { throw .invalid }
        guard offset <= UInt64(Int64.max), bytes <= UInt64(Int64.max) - offset else { throw .fileTooLarge }
        if mode & FALLOC_FL_PUNCH_HOLE == 0 { try reserve.take(bytes, atOnce: true, file.number, in: frame) }
        return AttributesReply(
            attributes: try brick.changing(file, fd.inode.gfid, .content, frame) { () throws(FopError) in
                _ = try PosixCall.run { Glibc.fallocate(file.number, mode, off_t(offset), off_t(bytes)) }
            })
    }

    public func copyFileRange(
        _ request: CopyFileRangeRequest, in frame: Frame
    ) async throws(FopError) -> CopyFileRangeReply {
        let (source, sink) = (try file(request.source), try file(request.sink))
        guard request.source.flags.canRead, request.sink.flags.canWrite else { throw .badDescriptor }
        let limit = UInt64(Int64.max)
        guard request.sourceOffset <= limit, request.sinkOffset <= limit else { throw .invalid }
        var (from, to) = (off64_t(request.sourceOffset), off64_t(request.sinkOffset))
        try reserve.take(request.bytes, sink.number, in: frame)
        // The kernel copies at most 2 GiB less a page at a time, and says how much.
        let wanted = Int(clamping: request.bytes)
        let copied = try PosixCall.run { copy_file_range(source.number, &from, sink.number, &to, wanted, 0) }
        if copied > 0, hasMdata(request.sink.inode) { try sink.touch(.content, at: frame.time) }
        return CopyFileRangeReply(bytes: UInt64(copied))
    }

    /// Mode after owner, because a change of owner takes set-uid bits off; times last. ctime is mdata's alone: no file
    /// system lets it be set.
    public func setattr(_ request: SetattrRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        let gfid = request.target.inode.gfid
        let object = try objectToChange(request.target)
        let (wanted, valid) = (request.iatt, request.valid)
        let brick = try brick
        // Healers restore the ctime too; for all others the change itself moves it. Of ctime alone: see the request.
        let touched: TouchedTimes = valid == .ctime ? .content : valid.contains(.ctime) ? [] : .ctime
        return AttributesReply(
            attributes: try brick.changing(object, gfid, touched, frame) {
                () throws(FopError) in
                if valid.contains(.uid) || valid.contains(.gid) {
                    try object.changeOwner(
                        uid: valid.contains(.uid) ? wanted.uid : .max, gid: valid.contains(.gid) ? wanted.gid : .max)
                }
                if valid.contains(.mode) { try changeMode(of: object, wanted, valid) }
                try setTimes(object, wanted, valid)
            })
    }

    /// A symlink has no mode of its own. Healers send one with its owner all the same, and bricks take it.
    private func changeMode(of object: BrickObject, _ wanted: Iatt, _ valid: AttributeMask) throws(FopError) {
        do throws(FopError) { try object.changeMode(wanted.permissions) } catch {
            guard error == .notSupported, valid != .mode else { throw error }
        }
    }

    private func setTimes(_ object: BrickObject, _ wanted: Iatt, _ valid: AttributeMask) throws(FopError) {
        guard !valid.isDisjoint(with: .times), valid != .ctime else { return }
        if valid.contains(.atime) || valid.contains(.mtime) {
            let unchanged = timespec(tv_sec: 0, tv_nsec: cposix_utime_omit())
            try object.changeTimes(
                atime: valid.contains(.atime) ? wanted.atime.timespec : unchanged,
                mtime: valid.contains(.mtime) ? wanted.mtime.timespec : unchanged)
        }
        guard var mdata = try object.mdata() else { return }
        if valid.contains(.atime) { mdata.atime = wanted.atime }
        if valid.contains(.mtime) { mdata.mtime = wanted.mtime }
        if valid.contains(.ctime) { mdata.ctime = wanted.ctime }
        try object.setXattr(Mdata.key, mdata.xattr)
    }
}
