import TranslatorCore
import WireProtocol

// A lock that waits is a call without an answer: it takes no thread, and no frame-timeout.
extension ClientTranslator {
    public func inodelk(_ request: InodelkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let (brick, number) = try reachByGfidToo(request.target)
        let arguments = InodelkArguments(request, fd: number)
        guard request.command == .acquire else { return try await brick.call(arguments, in: frame).result.doneReply() }
        return try await waiting { () async throws(FopError) in
            try await brick.call(arguments, in: frame, isPatient: true).result.doneReply()
        } giveBack: {
            // By the inode: the file may be closed by now, and its number mean nothing, or another one.
            let release = InodelkRequest(
                .inode(request.target.inode), domain: request.domain, command: .release, mode: request.mode,
                range: request.range)
            _ = try? await brick.call(InodelkArguments(release), in: frame)
        }
    }

    public func entrylk(_ request: EntrylkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let (brick, number) = try await reach(request.target)
        let arguments = EntrylkArguments(request, fd: number)
        guard request.command == .acquire else { return try await brick.call(arguments, in: frame).result.doneReply() }
        return try await waiting { () async throws(FopError) in
            try await brick.call(arguments, in: frame, isPatient: true).result.doneReply()
        } giveBack: {
            let release = EntrylkRequest(
                .inode(request.target.inode), domain: request.domain, name: request.name, command: .release,
                mode: request.mode)
            _ = try? await brick.call(EntrylkArguments(release), in: frame)
        }
    }

    public func lk(_ request: LkRequest, in frame: Frame) async throws(FopError) -> LkReply {
        let (brick, number) = try await reach(request.fd)
        let arguments = LkArguments(request, fd: number, owner: frame.lockOwner)
        if request.command == .get { return try await brick.call(arguments, in: frame).result.lkReply() }
        let inode = request.fd.inode.contexts.findOrSet(at: slot) { ClientInode() }
        let reply: LkReply
        if request.command == .set {
            reply = try await brick.call(arguments, in: frame).result.lkReply()
        } else {
            reply = try await waiting { () async throws(FopError) in
                try await brick.call(arguments, in: frame, isPatient: true).result.lkReply()
            } giveBack: {
                // Locks of one owner merge: what it held there before, or got meanwhile, is to stay.
                for lock in inode.withLocks(on: brick, { $0.undoing(request.lock, of: frame.lockOwner) }) {
                    let undo = LkRequest(fd: request.fd, command: .set, lock: lock)
                    _ = try? await brick.call(LkArguments(undo, fd: number, owner: frame.lockOwner), in: frame)
                }
            }
        }
        inode.withLocks(on: brick) { $0.changed(request.lock, of: frame.lockOwner, by: ObjectIdentifier(request.fd)) }
        let context: ClientFd? = request.fd.contexts.context(at: slot)
        context?.changed(request.lock, of: frame.lockOwner)
        return reply
    }

    /// Waits for `call`. A cancelled task gets EINTR at once; the brick cannot be told to forget it, so it answers some
    /// day, and `giveBack` undoes what it granted then.
    private func waiting<Reply: Sendable>(
        _ call: @escaping @Sendable () async throws(FopError) -> Reply,
        giveBack: @escaping @Sendable () async -> Void
    ) async throws(FopError) -> Reply {
        let wait = AbandonableWait<Reply>()
        // Sent before anything that the caller sends next.
        Task.immediate(executorPreference: volume.environment.executor) {
            let result: Result<Reply, FopError>
            do throws(FopError) { result = .success(try await call()) } catch { result = .failure(error) }
            if !wait.answer(result), case .success = result { await giveBack() }
        }
        return try await wait.value()
    }
}
