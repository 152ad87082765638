import ReplicaState
import TranslatorCore

// Locks of applications, and of translators above: one replica after the other, so that two who want the same lock meet
// on the first.
extension ReplicateTranslator {
    public func lk(_ request: LkRequest, in frame: Frame) async throws(FopError) -> LkReply {
        let fd = fd(request.fd)
        func send(_ lock: PosixLock, _ command: LkRequest.Command, _ replica: Int) async throws(FopError) -> LkReply {
            try await ensureOpen(fd, on: replica, in: frame)
            return try await replicas[replica].lk(
                LkRequest(fd: fd.inner, command: command, lock: lock, xdata: request.xdata), in: frame)
        }
        if request.command == .get {
            return try await firstUp { replica throws(FopError) in try await send(request.lock, .get, replica) }
        }
        if request.lock.kind == .unlock {
            return try await everywhere { replica throws(FopError) in
                try await send(request.lock, request.command, replica)
            }
        }
        let unlock = PosixLock(kind: .unlock, range: request.lock.range, pid: request.lock.pid)
        let reply = try await inOrder(
            { replica throws(FopError) in try await send(request.lock, request.command, replica) },
            undo: { replica throws(FopError) in _ = try await send(unlock, .set, replica) })
        doubt(fd.inode)
        return reply
    }

    public func inodelk(_ request: InodelkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let target = target(request.target)
        func send(_ command: LockCommand, _ replica: Int) async throws(FopError) -> DoneReply {
            let target = target.fd?.target(on: replica) ?? .inode(target.inode)
            let inner = InodelkRequest(
                target, domain: request.domain, command: command, mode: request.mode, range: request.range,
                xdata: request.xdata)
            return try await replicas[replica].inodelk(inner, in: frame)
        }
        let reply = try await carryOut(request.command, by: send)
        if request.command != .release { doubt(target.inode) }
        return reply
    }

    public func entrylk(_ request: EntrylkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        func send(_ command: LockCommand, _ replica: Int) async throws(FopError) -> DoneReply {
            let inner = EntrylkRequest(
                .inode(request.target.inode), domain: request.domain, name: request.name, command: command,
                mode: request.mode, xdata: request.xdata)
            return try await replicas[replica].entrylk(inner, in: frame)
        }
        return try await carryOut(request.command, by: send)
    }

    private func carryOut(
        _ command: LockCommand, by send: (LockCommand, _ replica: Int) async throws(FopError) -> DoneReply
    ) async throws(FopError) -> DoneReply {
        if command == .release {
            return try await everywhere { replica throws(FopError) in try await send(.release, replica) }
        }
        return try await inOrder(
            { replica throws(FopError) in try await send(command, replica) },
            undo: { replica throws(FopError) in _ = try await send(.release, replica) })
    }

    private func firstUp<Reply>(
        _ send: (_ replica: Int) async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply {
        var failure = FopError.notConnected
        for (replica, isUp) in connections.up.enumerated() where isUp {
            do throws(FopError) { return try await send(replica) } catch {
                guard error.isAboutReplica else { throw error }
                failure = error
            }
        }
        throw failure
    }

    /// Granted by a quorum and refused by none, or by none at all.
    private func inOrder<Reply>(
        _ send: (_ replica: Int) async throws(FopError) -> Reply,
        undo: (_ replica: Int) async throws(FopError) -> Void
    ) async throws(FopError) -> Reply {
        let (connections, settings) = (connections, settings)
        try settings.quorum.check(connections.up)
        var granted = nobody
        var reply: Reply?
        var failure: FopError?
        for (replica, isUp) in connections.up.enumerated() where isUp {
            do throws(FopError) {
                reply = try await send(replica)
                granted[replica] = true
            } catch {
                failure = failure ?? error
                if !error.isAboutReplica { break }
            }
        }
        if let reply, failure?.isAboutReplica ?? true, settings.quorum.isMet(by: granted) { return reply }
        for replica in granted.indices.reversed() where granted[replica] {
            do throws(FopError) { try await undo(replica) } catch {
                volume.log(.warning, "cannot take back a lock on \"\(replicas[replica].name)\": \(error)")
            }
        }
        throw failure ?? .readOnly
    }

    private func everywhere<Reply: Sendable>(
        _ send: (_ replica: Int) async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply {
        var reply: Reply?
        var failure = FopError.notConnected
        for (replica, isUp) in connections.up.enumerated() where isUp {
            do throws(FopError) { reply = try await send(replica) } catch { failure = error }
        }
        guard let reply else { throw failure }
        return reply
    }
}
