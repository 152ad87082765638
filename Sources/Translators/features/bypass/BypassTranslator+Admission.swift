import Synchronization
import TranslatorCore

// Where a data fop goes, and its way back.
extension BypassTranslator {
    /// A data fop that may go to the target: its epoch, the descriptor, and the size where it runs alone.
    struct Admitted {
        let generation: Int32
        let access: BypassInodeState.Access
        let fd: Fd
        let size: UInt64?
    }
    enum Way {
        case target(Admitted)
        case replicate(Detour)
    }

    /// Nothing is allocated and nobody is asked while an epoch is open; else it waits until one is, or until it is
    /// known that none will be. EINTR when the task is cancelled while it waits, or the program gets a signal while
    /// `over-limit block` holds it: that may last, while an epoch's opening or end is soon over.
    func admit(
        _ file: BypassInode, _ access: BypassInodeState.Access, bytes: UInt64, in frame: Frame
    ) async throws(FopError) -> Way {
        var ticket: UInt64?
        while true {
            let (way, version, isHeld) = ask(file, access, bytes, &ticket)
            if let way { return way }
            do throws(FopError) {
                if isHeld {
                    try await file.change(since: version, for: frame, volume.environment.waits)
                } else {
                    try await file.change(since: version)
                }
            } catch {
                decide(file) { $0.withdraw(&ticket) }
                throw error
            }
        }
    }

    @inline(__always)
    private func ask(
        _ file: BypassInode, _ access: BypassInodeState.Access, _ bytes: UInt64, _ ticket: inout UInt64?
    ) -> (Way?, version: UInt64, isHeld: Bool) {
        let now = now
        var way: Way?
        let (outcome, woken, version, isHeld) = file.guarded.withLock { guarded in
            let (admission, outcome) = guarded.state.admit(access, bytes: bytes, ticket: &ticket, at: now)
            switch admission {
            case .target(let generation):
                way = .target(
                    Admitted(
                        generation: generation, access: access, fd: guarded.openFd!,
                        size: access == .exclusive ? guarded.state.size : nil))
            case .replicate(let reason): way = .replicate(reason)
            case .wait: break
            }
            return (outcome, outcome.wakes ? guarded.takeWaiters() : [], guarded.version, guarded.state.isHeldBack)
        }
        if !outcome.isNothing { act(on: outcome, file, woken) }
        return (way, version, isHeld)
    }

    /// The fop has landed or failed.
    @inline(__always)
    func leave(_ file: BypassInode, _ admitted: Admitted, size effect: BypassInodeState.SizeEffect) {
        decide(file) { $0.leave(admitted.access, in: admitted.generation, size: effect) }
    }

    /// Before a fop goes through replicate because of `reason`: counted, and refused where that is asked for.
    func detour(_ file: BypassInode?, _ reason: Detour) async throws(FopError) {
        counters.detoured(reason)
        guard let file else { return }
        if reason == .leaseRefused && settings.answersBusy {
            counters.writesBusy.count()
            throw .busy
        }
        try checkNotStale(file)
        await informReplicate(of: file)
        file.guarded.withLock { $0.isUnsynced = true }
    }

    /// Before replicate reads this file, or takes its size: since it last asked the replicas, most of them have grown
    /// old.
    func informReplicate(of file: BypassInode) async {
        let isOld = file.guarded.withLock { guarded in
            defer { guarded.replicateKnows = true }
            return !guarded.replicateKnows
        }
        if isOld { _ = try? await subvolume.lookup(LookupRequest(.inode(file.inode)), in: ownFrame()) }
    }

    /// EIO while the only up-to-date replica is down: as AFR answers where no replica is readable.
    func checkNotStale(_ file: BypassInode) throws(FopError) {
        if file.guarded.withLock({ $0.hasUnhealed }) && !replicaSet.up[targetPosition] { throw .io }
    }

    func checkNotStale(_ inode: Inode) throws(FopError) { if let file = context(inode) { try checkNotStale(file) } }

    /// A fop of a known range, beside others.
    func together<Reply>(
        _ file: BypassInode?, offset: UInt64, bytes: UInt64, size effect: BypassInodeState.SizeEffect, in frame: Frame,
        onTarget: (Fd) async throws(FopError) -> Reply, onReplicas: () async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply {
        guard let file else {
            try await detour(nil, .notOpen)
            return try await onReplicas()
        }
        guard offset <= UInt64(Int64.max), bytes <= UInt64(Int64.max) - offset else { throw .fileTooLarge }
        switch try await admit(file, .shared, bytes: bytes, in: frame) {
        case .replicate(let reason):
            try await detour(file, reason)
            return try await onReplicas()
        case .target(let admitted):
            return try await recorded(file, admitted, offset: offset, bytes: bytes) { () throws(FopError) in
                (try await onTarget(admitted.fd), effect)
            }
        }
    }

    /// A fop whose range depends on the size, with no other data fop beside it. `range` answers what may change.
    func alone<Reply>(
        _ file: BypassInode?, in frame: Frame,
        range: (_ size: UInt64) throws(FopError) -> (offset: UInt64, bytes: UInt64),
        onTarget: (Fd, _ size: UInt64) async throws(FopError) -> (Reply, BypassInodeState.SizeEffect),
        onReplicas: () async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply {
        guard let file else {
            try await detour(nil, .notOpen)
            return try await onReplicas()
        }
        switch try await admit(file, .exclusive, bytes: 0, in: frame) {
        case .replicate(let reason):
            try await detour(file, reason)
            return try await onReplicas()
        case .target(let admitted):
            let size: UInt64, changed: (offset: UInt64, bytes: UInt64)
            do throws(FopError) {
                size = try await sizeOnTarget(file, admitted)
                changed = try range(size)
            } catch {
                leave(file, admitted, size: .none)
                throw error
            }
            decide(file) { $0.record(bytes: changed.bytes, in: admitted.generation, at: now) }
            return try await recorded(file, admitted, offset: changed.offset, bytes: changed.bytes) {
                () throws(FopError) in
                try await onTarget(admitted.fd, size)
            }
        }
    }

    private func sizeOnTarget(_ file: BypassInode, _ admitted: Admitted) async throws(FopError) -> UInt64 {
        if let size = admitted.size { return size }
        let size = try await target.stat(StatRequest(.fd(admitted.fd)), in: ownFrame()).iatt.size
        file.guarded.withLock { $0.state.learn(size: size) }
        return size
    }

    /// Journal, change, publish. The record stands whatever became of the change; a range of nothing has none.
    private func recorded<Reply>(
        _ file: BypassInode, _ admitted: Admitted, offset: UInt64, bytes: UInt64,
        _ change: () async throws(FopError) -> (Reply, BypassInodeState.SizeEffect)
    ) async throws(FopError) -> Reply {
        let record =
            bytes == 0
            ? nil
            : file.observer!.writeBegins(
                file.gfid, generation: admitted.generation, offset: offset, bytes: bytes)
        do throws(FopError) {
            let (reply, effect) = try await change()
            if let record { file.observer!.writeEnded(record) }
            counters.wroteLocally(bytes: Int(clamping: bytes))
            leave(file, admitted, size: effect)
            return reply
        } catch {
            if let record { file.observer!.writeEnded(record) }
            leave(file, admitted, size: .unknown)
            throw error
        }
    }
}
