import Synchronization
import TranslatorCore

extension BypassTranslator {
    /// Inside a target on this machine where both files are up to date there; else by reading and writing, each its own
    /// way. Never through replicate: every replica would copy from its own, perhaps old, source.
    public func copyFileRange(
        _ request: CopyFileRangeRequest, in frame: Frame
    ) async throws(FopError) -> CopyFileRangeReply {
        guard request.source.flags.canRead, request.sink.flags.canWrite else { throw .badDescriptor }
        if target.localBrick != nil, let sink = context(request.sink.inode),
            let source = await sourceOnTarget(request)
        {
            let bytes = min(request.bytes, source.size - min(source.size, request.sourceOffset))
            if bytes == 0 { return CopyFileRangeReply(bytes: 0) }
            let reply: CopyFileRangeReply? = try await together(
                sink, offset: request.sinkOffset, bytes: bytes, size: .unknown, in: frame
            ) { (fd) throws(FopError) in
                let onTarget = CopyFileRangeRequest(
                    source: source.fd, sourceOffset: request.sourceOffset, sink: fd, sinkOffset: request.sinkOffset,
                    bytes: bytes, xdata: request.xdata)
                return try await target.copyFileRange(onTarget, in: frame)
            } onReplicas: { () throws(FopError) in
                nil
            }
            if let reply { return reply }
        }
        return try await copyByHand(request, in: frame)
    }

    /// The source's descriptor on the target and its size, if the target's copy is the one to read.
    private func sourceOnTarget(_ request: CopyFileRangeRequest) async -> (fd: Fd, size: UInt64)? {
        guard let source = context(request.source.inode), case .target(let fd?) = try? await readWay(source) else {
            return nil
        }
        guard let size = try? await target.stat(StatRequest(.fd(fd)), in: ownFrame()).iatt.size else { return nil }
        return (fd, size)
    }

    private static let copyBytes = 128 * 1024

    private func copyByHand(
        _ request: CopyFileRangeRequest, in frame: Frame
    ) async throws(FopError) -> CopyFileRangeReply {
        var done: UInt64 = 0
        while done < request.bytes {
            let wanted = Int(min(UInt64(Self.copyBytes), request.bytes - done))
            do throws(FopError) {
                let read = try await readv(
                    ReadRequest(fd: request.source, offset: request.sourceOffset + done, bytes: wanted), in: frame)
                if read.payload.count == 0 { break }
                let write = WriteRequest(fd: request.sink, offset: request.sinkOffset + done, payload: read.payload)
                let written = try await writev(write, in: frame).bytes
                done += UInt64(written)
                if written < read.payload.count || read.payload.count < wanted { break }
            } catch {
                if done > 0 { break }
                throw error
            }
        }
        return CopyFileRangeReply(bytes: done)
    }
}
