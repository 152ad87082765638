import CFuse
import CPosix
import FuseProtocol
import Glibc
import TranslatorCore

/// Where a file's bytes are: reserving, punching, finding and copying them.
extension FuseSession {
    func fallocate(_ request: FuseFallocate, _ call: FuseCall) async throws(FopError) {
        let handle = try handle(request.handle)
        let (fd, offset, bytes) = (handle.fd, request.offset, request.bytes)
        let frame = frame(call)
        let keepsSize = request.mode & UInt32(FALLOC_FL_KEEP_SIZE) != 0
        try await killPrivileges(handle.node, .fd(fd), call, frame, mayBeKept: true)
        switch Int32(request.mode) & ~FALLOC_FL_KEEP_SIZE {
        case 0:
            _ = try await top.fallocate(
                FallocateRequest(fd: fd, offset: offset, bytes: bytes, keepsSize: keepsSize), in: frame)
        case FALLOC_FL_PUNCH_HOLE:
            guard keepsSize else { throw .notSupported }
            _ = try await top.discard(DiscardRequest(fd: fd, offset: offset, bytes: bytes), in: frame)
        case FALLOC_FL_ZERO_RANGE:
            _ = try await top.zerofill(
                ZerofillRequest(fd: fd, offset: offset, bytes: bytes, keepsSize: keepsSize), in: frame)
        default: throw .notSupported
        }
        call.queue.reply(call.unique)
    }

    func lseek(_ number: UInt64, _ offset: UInt64, _ whence: UInt32, _ call: FuseCall) async throws(FopError) {
        let what: SeekWhat
        switch Int32(whence) {
        case SEEK_DATA: what = .data
        case SEEK_HOLE: what = .hole
        default: throw .invalid
        }
        let handle = try handle(number)
        // It does not write out by itself what it keeps dirty before it asks for data and holes.
        if isWriteback { await invalidate(handle.node, call.queue) }
        let found = try await top.seek(SeekRequest(fd: handle.fd, offset: offset, what: what), in: frame(call))
        call.queue.reply(call.unique, fuse_lseek_out(offset: found))
    }

    func copyFileRange(_ copy: FuseCopyFileRange, _ call: FuseCall) async throws(FopError) {
        guard copy.flags == 0 else { throw .invalid }
        let source = try handle(copy.source)
        let sink = try handle(copy.sink)
        let frame = frame(call)
        try await killPrivileges(sink.node, .fd(sink.fd), call, frame, mayBeKept: true)
        let reply = try await top.copyFileRange(
            CopyFileRangeRequest(
                source: source.fd, sourceOffset: copy.sourceOffset, sink: sink.fd, sinkOffset: copy.sinkOffset,
                bytes: copy.isReply64 ? copy.bytes : min(copy.bytes, UInt64(UInt32.max))), in: frame)
        if copy.isReply64 {
            call.queue.reply(call.unique, cfuse_copy_file_range_out(bytes_copied: reply.bytes))
        } else {
            call.queue.reply(call.unique, fuse_write_out(size: UInt32(reply.bytes), padding: 0))
        }
    }
}
