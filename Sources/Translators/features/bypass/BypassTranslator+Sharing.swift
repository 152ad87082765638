import TranslatorCore

// Files that several mounts share: what is looked at again when a lock is taken, and what others wait for when one is
// given back or the file is closed (`fsync-at`).
extension BypassTranslator {
    public func flush(_ request: FlushRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let failure = await bringToOthers(at: .close, request.fd, in: frame)
        // The process's locks go with it, whatever became of its data.
        let reply = try await subvolume.flush(request, in: frame)
        if let failure { throw failure }
        return reply
    }

    public func lk(_ request: LkRequest, in frame: Frame) async throws(FopError) -> LkReply {
        let isRelease = request.command != .get && request.lock.kind == .unlock
        let failure = isRelease ? await bringToOthers(at: .unlock, request.fd, in: frame) : nil
        let reply = try await subvolume.lk(request, in: frame)
        if request.command != .get, !isRelease { doubt(request.fd.inode) }
        if let failure { throw failure }
        return reply
    }

    public func inodelk(_ request: InodelkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let isRelease = request.command == .release
        // flock(2) on bricks of this machine.
        let failure = isRelease ? await bringToOthers(at: .unlock, request.target.fd, in: frame) : nil
        let reply = try await subvolume.inodelk(request, in: frame)
        if !isRelease { doubt(request.target.inode) }
        if let failure { throw failure }
        return reply
    }

    /// Waits as fsync does where `fsync-at` names this moment. Answers why it waited in vain.
    private func bringToOthers(at moment: SyncMoment, _ fd: Fd?, in frame: Frame) async -> FopError? {
        let settings = settings
        guard settings.fsyncAt >= moment, settings.fsync != .local, let fd, fd.flags.canWrite,
            let file = context(fd.inode)
        else { return nil }
        do throws(FopError) { try await waitUntilHeld(file, by: fd, in: frame) } catch { return error }
        return nil
    }
}
