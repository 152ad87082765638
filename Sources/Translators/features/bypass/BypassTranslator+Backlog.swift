import ReplicaState
import Synchronization
import TranslatorCore

/// What is not healed yet, and what is being looked after.
struct Backlog {
    var waiting = HealBacklog()
    /// Files whose newest epoch may be marked and never written in, with that epoch: as long as nobody has read whether
    /// it is, also while the inode is forgotten.
    var doubtful: [Gfid: Int32] = [:]
    var overLimit = Hysteresis<UInt64>()
    /// Files whose xattrs are being read.
    var verifying: Set<Gfid> = []

    /// Whether the target alone may have what was written to it.
    func isWaiting(_ gfid: Gfid) -> Bool { waiting.contains(gfid) || doubtful[gfid] != nil }
}

// What the healer has done, and what follows when it does too little: DESIGN §3.1 step 7.
extension BypassTranslator {
    /// How often files that wait for the healer are looked at on the target, for confirmations that got lost.
    static let sweepPause = Duration.seconds(10)
    /// Where files were found to be gone: whoever deletes many has deleted more.
    static let sweepPauseAfterGone = Duration.milliseconds(100)
    static let sweepFiles = 64

    /// A healer says that replica `replica` has healed this file through `generation`: a hint. The target's xattrs are
    /// read, and what they say counts. Any thread.
    public func confirmed(gfid: Gfid, generation: Int32, replica: Int) {
        if let inode = volume.environment.inodes.find(gfid), let file = context(inode) {
            file.wake()
            if file.guarded.withLock({ $0.newestIsDoubtful }) { return jobs.add(.verify(gfid)) }
        }
        addVerification(of: gfid)
    }

    private func addVerification(of gfid: Gfid) {
        let isNew = backlog.withLock { backlog in
            backlog.isWaiting(gfid) && backlog.verifying.insert(gfid).inserted
        }
        if isNew { jobs.add(.verify(gfid)) }
    }

    /// Reads what the target says of this file. Answers whether it has none any more.
    @discardableResult
    func verify(_ gfid: Gfid) async -> Bool {
        let inode = volume.environment.inodes.find(gfid) ?? Inode(gfid: gfid, type: .regular)
        let fd = context(inode)?.guarded.withLock { $0.openFd }
        backlog.withLock { _ = $0.verifying.remove(gfid) }
        do throws(FopError) {
            learn(try await xattrop(fd.map { .fd($0) } ?? .inode(inode), marks.reading), of: gfid)
            return false
        } catch {
            guard error.isAbsence else { return false }
            isGone(gfid)
            return true
        }
    }

    /// Gone with its last name, and nobody has it open: there is nothing left to heal, and nothing to explain.
    private func isGone(_ gfid: Gfid) {
        backlog.withLock { backlog in
            backlog.waiting.forget(gfid)
            backlog.doubtful[gfid] = nil
        }
        updateLimit()
        let file = volume.environment.inodes.find(gfid).flatMap { context($0) }
        // One that is written through a descriptor comes here again after its last close.
        if file?.guarded.withLock({ $0.state.hasEpoch }) ?? false { return }
        observer?.epochsHealed(gfid, through: .max)
    }

    func sweep() async {
        let (waiting, doubtful) = backlog.withLock {
            ($0.waiting.next(Self.sweepFiles), $0.doubtful.keys.sorted().prefix(Self.sweepFiles))
        }
        var goneCount = 0
        for gfid in waiting + doubtful where await verify(gfid) { goneCount += 1 }
        sweepLater(after: goneCount > 0 ? Self.sweepPauseAfterGone : Self.sweepPause)
    }

    /// While anything waits for the healer.
    func sweepLater(after pause: Duration = sweepPause) {
        let isIdle = backlog.withLock { $0.waiting.files.isEmpty && $0.doubtful.isEmpty }
        if !isIdle { alarm.set(sweeper, at: now + pause) }
    }

    /// The target's xattrs say so: decides what was healed.
    func learn(_ counts: EpochCounts, of gfid: Gfid) {
        let through = counts.healedThrough
        let isNews = backlog.withLock { backlog in
            if let epoch = backlog.doubtful[gfid], through >= epoch || through == counts.opened {
                backlog.doubtful[gfid] = nil
            }
            return backlog.waiting.healed(gfid, through: through)
        }
        let file = volume.environment.inodes.find(gfid).flatMap { context($0) }
        file?.guarded.withLock { guarded in
            guarded.counts = counts
            // A doubtful one that is not there any more, or never was, is no hindrance.
            let isHealed = through >= guarded.newest || (guarded.newestIsDoubtful && through == counts.opened)
            if !guarded.state.hasEpoch && isHealed { (guarded.hasUnhealed, guarded.newestIsDoubtful) = (false, false) }
        }
        if let file { tellReplicate(of: file) }
        guard isNews else { return }
        observer?.epochsHealed(gfid, through: through)
        updateLimit()
        if let file, limitPassed(by: file, at: now) == nil { decide(file) { $0.endDetour([.lag, .backlog]) } }
    }

    /// Which limit this file may not pass, if any; on the way back it must be below half of it.
    func limitPassed(by file: BypassInode, at now: MonotonicTime) -> Detour? {
        let settings = settings
        let wasLate = file.guarded.withLock { $0.state.detourReason == .lag }
        return backlog.withLock { backlog in
            if backlog.overLimit.isOver { return .backlog }
            guard let limit = settings.lagMax else { return nil }
            let lag = backlog.waiting.lag(of: file.gfid, at: now)
            return (wasLate ? lag >= limit / 2 : lag > limit) ? .lag : nil
        }
    }

    func closeOverLimit(_ file: BypassInode, _ reason: Detour) {
        let settings = settings
        counters.limitHits.count()
        if reason == .lag {
            volume.log(
                .warning,
                "gfid \(file.gfid): not healed for more than max-lag (\(settings.lagMax!)): its writes \(overLimitWords(settings)) until that is half; is the healer running? see healctl status"
            )
        }
        let blocks = settings.blocksOverLimit && !replicaSet.up.contains(false)
        decide(file) { $0.close(reason == .lag ? .lag : .backlog, until: later(), blocks: blocks) }
    }

    private func overLimitWords(_ settings: BypassSettings) -> String {
        settings.blocksOverLimit ? "wait" : "go through replicate"
    }

    /// The backlog has grown or shrunk: whether it is past its limit now.
    func updateLimit() {
        let settings = settings
        let (changed, isOver, bytes) = backlog.withLock { backlog in
            let limit = settings.backlogBytesMax
            let isCrowded = backlog.waiting.files.count >= HealBacklog.filesMax
            let changed = backlog.overLimit.update(
                isCrowded ? .max : backlog.waiting.bytes, limit: limit ?? .max - 1, half: (limit ?? .max - 1) / 2)
            return (changed, backlog.overLimit.isOver, backlog.waiting.bytes)
        }
        guard changed else { return }
        if isOver {
            volume.log(
                .warning,
                "\(bytes) bytes are not healed, more than max-backlog: writes \(overLimitWords(settings)) until it is half; is the healer running? see healctl status"
            )
            for file in active.all where file.guarded.withLock({ $0.state.phase == .open }) {
                closeOverLimit(file, .backlog)
            }
        } else {
            volume.log(.info, "\(bytes) bytes are not healed, less than half of max-backlog: writes are bypassed again")
            for inode in alarm.inodes {
                if let file = context(inode) { decide(file) { $0.endDetour([.backlog]) } }
            }
        }
    }
}
