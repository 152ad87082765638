import Synchronization
import TranslatorCore

extension BypassTranslator {
    public func open(_ request: OpenRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        if request.fd.flags.contains(.truncate), let file = context(request.fd.inode) {
            try checkNotStale(file)
            // replicate truncates, under its own lock: ours would be in its way.
            try await closeEpoch(file)
            file.guarded.withLock { $0.isUnsynced = true }
        }
        doubt(request.fd.inode)
        let reply = try await subvolume.open(request, in: frame)
        try await checkHeld(request.fd)
        counted(request.fd)
        return reply
    }

    /// ESTALE, upon which the kernel walks the path again, where the file is open, but not on the target that alone has
    /// what was written to it: its name has just been removed there, or replaced, and not yet everywhere.
    private func checkHeld(_ fd: Fd) async throws(FopError) {
        guard let file = context(fd.inode), replicaSet.up[targetPosition],
            file.guarded.withLock({ $0.hasUnhealed && $0.openFd == nil }),
            replicaSet.descriptor(of: fd, on: targetPosition) == nil
        else { return }
        do throws(FopError) { _ = try await dataFd(file) } catch {
            guard error.isAbsence else { return }
            await subvolume.release(fd)
            throw .stale
        }
    }

    public func create(_ request: CreateRequest, in frame: Frame) async throws(FopError) -> EntryReply {
        let reply = try await subvolume.create(request, in: frame)
        remember(request.entry.inode, as: request.entry.name, in: request.entry.parent)
        counted(request.fd)
        return reply
    }

    /// Whoever makes a file writes to it: its epoch is opened before the first write asks for it.
    public func anticipate(_ fd: Fd) async {
        guard fd.flags.canWrite, let file = context(fd.inode) else { return }
        await decideAndWork(file) { $0.anticipate() }
    }

    private func counted(_ fd: Fd) {
        guard fd.inode.type == .regular else { return }
        fd.contexts.set(CountedOpen(), at: slot)
        let file = makeContext(fd.inode)
        decide(file) { $0.openedFile() }
    }

    private func closeEpoch(_ file: BypassInode) async throws(FopError) {
        decide(file) { $0.close(.truncatedAtOpen, until: now) }
        while true {
            let (isOpen, version) = file.guarded.withLock { guarded in
                (
                    [.open, .draining].contains(guarded.state.phase) || guarded.state.phase == .releasing,
                    guarded.version
                )
            }
            guard isOpen else { return }
            try await file.change(since: version)
        }
    }

    /// The last close waits until the epoch is closed and everything is given back.
    public func release(_ fd: Fd) async {
        if fd.contexts[slot] != nil, let file = context(fd.inode) {
            fd.contexts.set(nil, at: slot)
            await decideAndWork(file) { $0.closedFile(at: now) }
            await finishLastClose(file)
        }
        await subvolume.release(fd)
    }

    private func finishLastClose(_ file: BypassInode) async {
        while true {
            let (isLast, isActive, version) = file.guarded.withLock { guarded in
                (guarded.state.opens == 0, guarded.state.isActive, guarded.version)
            }
            guard isLast else { return }
            if !isActive { break }
            file.cancelLockWait()
            await file.changeForSure(since: version)
        }
        await closeDataFd(file)
    }
}
