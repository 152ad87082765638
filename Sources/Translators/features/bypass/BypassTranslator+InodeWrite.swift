import Synchronization
import TranslatorCore

// Everything that changes data: DESIGN §3.1 step 3.
extension BypassTranslator {
    public func writev(_ request: WriteRequest, in frame: Frame) async throws(FopError) -> WriteReply {
        guard let file = context(request.fd.inode) else {
            try await detour(nil, .notOpen)
            return try await subvolume.writev(request, in: frame)
        }
        if request.flags.contains(.append) || request.fd.flags.contains(.append) {
            let reply = try await append(request, to: file, in: frame)
            if request.flags.contains(.dsync) { try await waitUntilHeld(file, by: request.fd, in: frame) }
            return reply
        }
        let reply: WriteReply
        do throws(FopError) {
            reply = try await write(request, to: file, in: frame)
        } catch {
            // The target went down under it: the same bytes at the same place may go through replicate instead.
            guard error == .notConnected, !replicaSet.up[targetPosition] else { throw error }
            reply = try await write(request, to: file, in: frame)
        }
        // O_SYNC and O_DSYNC are an fsync with each write: one bit to test where they are not asked for.
        if request.flags.contains(.dsync) { try await waitUntilHeld(file, by: request.fd, in: frame) }
        return reply
    }

    /// The hot path: one mutex to enter, the journal's store, the target's write, one mutex to leave.
    private func write(
        _ request: WriteRequest, to file: BypassInode, in frame: Frame
    ) async throws(FopError) -> WriteReply {
        let bytes = UInt64(request.payload.count)
        guard request.offset <= UInt64(Int64.max), bytes <= UInt64(Int64.max) - request.offset else {
            throw .fileTooLarge
        }
        switch try await admit(file, .shared, bytes: bytes, in: frame) {
        case .replicate(let reason):
            try await detour(file, reason)
            return try await subvolume.writev(request, in: frame)
        case .target(let admitted):
            return try await write(request, at: request.offset, to: file, admitted, in: frame)
        }
    }

    private func write(
        _ request: WriteRequest, at offset: UInt64, to file: BypassInode, _ admitted: Admitted, in frame: Frame
    ) async throws(FopError) -> WriteReply {
        let bytes = request.payload.count
        let onTarget = WriteRequest(
            fd: admitted.fd, offset: offset, payload: request.payload, flags: request.flags.subtracting(.append),
            xdata: request.xdata)
        if bytes == 0 {
            defer { leave(file, admitted, size: .none) }
            return try await target.writev(onTarget, in: frame)
        }
        let observer = file.observer!
        let record = observer.writeBegins(
            file.gfid, generation: admitted.generation, offset: offset, bytes: UInt64(bytes))
        do throws(FopError) {
            let reply = try await target.writev(onTarget, in: frame)
            observer.writeEnded(record)
            counters.wroteLocally(bytes: reply.bytes)
            leave(file, admitted, size: .atLeast(offset + UInt64(reply.bytes)))
            return reply
        } catch {
            // The record stays: part of it may have been written.
            observer.writeEnded(record)
            leave(file, admitted, size: .unknown)
            throw error
        }
    }

    /// The end of the file is found, and kept from moving, while no other data fop runs.
    private func append(
        _ request: WriteRequest, to file: BypassInode, in frame: Frame
    ) async throws(FopError) -> WriteReply {
        let bytes = UInt64(request.payload.count)
        return try await alone(file, in: frame) { (size) throws(FopError) in
            guard size <= UInt64(Int64.max), bytes <= UInt64(Int64.max) - size else { throw .fileTooLarge }
            return (size, bytes)
        } onTarget: { (fd, size) throws(FopError) in
            let onTarget = WriteRequest(
                fd: fd, offset: size, payload: request.payload, flags: request.flags.subtracting(.append),
                xdata: request.xdata)
            let reply = try await target.writev(onTarget, in: frame)
            return (reply, .exactly(size + UInt64(reply.bytes)))
        } onReplicas: { () throws(FopError) in
            try await subvolume.writev(request, in: frame)
        }
    }

    public func truncate(_ request: TruncateRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await alone(context(request.target.inode), in: frame) { (size) throws(FopError) in
            guard request.size <= UInt64(Int64.max) else { throw .fileTooLarge }
            return (min(size, request.size), max(size, request.size) - min(size, request.size))
        } onTarget: { (fd, _) throws(FopError) in
            if let own = request.target.fd, !own.flags.canWrite { throw .invalid }
            let onTarget = TruncateRequest(.fd(fd), size: request.size, xdata: request.xdata)
            return (try await target.truncate(onTarget, in: frame), .exactly(request.size))
        } onReplicas: { () throws(FopError) in
            try await subvolume.truncate(request, in: frame)
        }
    }
}
