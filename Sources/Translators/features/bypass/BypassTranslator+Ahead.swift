import ReplicaState
import Synchronization
import TranslatorCore

// What other mounts learn before this one's first epoch, and until its last is healed: heal-protocol.md §3.1 step 9.
extension BypassTranslator {
    /// How long nothing has to be left to heal before the marks are taken back: one xattr for a burst of work, not one
    /// for each file.
    static let aheadIdle = Duration.seconds(5)

    private var root: FopTarget { .inode(volume.environment.inodes.inode(.root, type: .directory)) }
    private var aheadDomain: String { locks.ahead(of: mountID) }

    /// Returns when every replica that can be reached has the mark, down to its disk; the target too, because who heals
    /// the root's xattrs may take its for everybody's. `leaveAhead` is owed.
    func enterAhead() async throws(EpochRefusal) {
        while true {
            switch ahead.withLock({ $0.enter(up: replicaSet.up) }) {
            case .announced: return
            case .wait: await waitForAhead()
            case .announce:
                let isTold = await announceAhead()
                endAhead()
                guard isTold else { throw EpochRefusal(.failed) }
            }
        }
    }

    func leaveAhead() { ahead.withLock { $0.left() } }

    private func waitForAhead() async {
        await withCheckedContinuation { waiter in
            if !ahead.withLock({ $0.waits(waiter) }) { waiter.resume() }
        }
    }

    private func endAhead(isWithdrawn: Bool = false) {
        let woken = ahead.withLock { $0.ended(isWithdrawn: isWithdrawn) }
        woken.forEach { $0.resume() }
    }

    private func announceAhead() async -> Bool {
        let told = ahead.withLock { $0.locks.map { $0 != nil } }
        let name = String(marks.pendingKeys[targetPosition].dropFirst("trusted.afr.".count))
        let mark = AheadMark(mount: mountID, since: volume.environment.time.wallClock().seconds, target: name)
        let answers = await onReplicas(zip(replicaSet.up, told).map { $0 && !$1 }) { replica throws(FopError) in
            let lock = try await self.tryLock(self.root, on: replica, domain: self.aheadDomain)
            do throws(FopError) {
                try await self.setAhead(mark, on: replica)
            } catch {
                await self.unlock(lock, self.root)
                throw error
            }
            self.ahead.withLock { $0.announced(lock) }
        }
        alarm.set(aheadKeeper, at: now + Self.aheadIdle)
        for (replica, answer) in answers.enumerated() {
            // One that went down just now learns it when it is back.
            guard case .failure(let error) = answer, error != .notConnected else { continue }
            volume.log(
                .warning,
                "\"\(replicaSet.replicas[replica].name)\" cannot be told that \(target.name) is ahead: \(error)")
            return false
        }
        return replicaSet.up[targetPosition]
    }

    private func setAhead(_ mark: AheadMark, on replica: Int) async throws(FopError) {
        let one = replicaSet.replicas[replica]
        _ = try await one.setxattr(SetxattrRequest(root, xattrs: [mark.key: mark.value]), in: ownFrame())
        guard replicaSet.ensuresDurability else { return }
        let fd = Fd(inode: root.inode, flags: [])
        _ = try await one.opendir(OpendirRequest(fd: fd), in: ownFrame())
        let synced: Result<DoneReply, FopError>
        do throws(FopError) {
            synced = .success(try await one.fsyncdir(FsyncdirRequest(fd: fd, dataOnly: false), in: ownFrame()))
        } catch { synced = .failure(error) }
        await one.releasedir(fd)
        _ = try synced.get()
    }

    /// Takes the marks back where nothing of this mount is left to heal; else another look later.
    func withdrawAhead() async {
        if !hasAnythingAhead, ahead.withLock({ $0.beginWithdrawal(up: replicaSet.up) }) {
            // An epoch that was opened before the marks were taken hold of is seen now.
            let isStillClean = !hasAnythingAhead
            if isStillClean { await takeAheadBack() }
            endAhead(isWithdrawn: isStillClean)
        }
        if ahead.withLock({ $0.isAnnounced }) { alarm.set(aheadKeeper, at: now + Self.aheadIdle) }
    }

    /// Whether the target may hold anything of this mount's that another replica lacks.
    private var hasAnythingAhead: Bool {
        if backlog.withLock({ !$0.waiting.files.isEmpty || !$0.doubtful.isEmpty }) { return true }
        return active.all.contains { $0.guarded.withLock { $0.hasUnhealed || $0.state.hasEpoch } }
    }

    /// The mark first: while it stands, its lock says that somebody looks after it. Where one does not come off, none
    /// counts as set any more, so that all are told anew before the next epoch; what stays is the healer's to take off.
    private func takeAheadBack() async {
        let held = ahead.withLock { $0.locks }
        let key = AheadMark.key(of: mountID)
        _ = await onReplicas(held.map { $0 != nil }) { replica throws(FopError) in
            let request = RemovexattrRequest(self.root, names: [key])
            _ = try await self.replicaSet.replicas[replica].removexattr(request, in: self.ownFrame())
        }
        for lock in held.compactMap(\.self) { await unlock(lock, root) }
    }

    /// At the end of the mount: what stays marked the healer takes off, once it has healed it.
    func endOfAhead() async {
        // A healer's last confirmations may still be on their way.
        await sweep()
        await withdrawAhead()
        let left = ahead.withLock { $0.locks.compactMap(\.self) }
        for lock in left { await unlock(lock, root) }
    }
}
