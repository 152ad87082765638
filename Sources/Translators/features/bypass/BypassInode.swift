import Synchronization
import TranslatorCore

/// What `features/bypass` hangs on an inode, above all of a regular file: its state, who waits for it to change, the
/// descriptor on the target and the locks. All of it is in one mutex, held for decisions only.
final class BypassInode: Sendable {
    struct Waiter {
        let number: UInt64
        let continuation: CheckedContinuation<Bool, Never>
    }
    enum DataFd {
        case none, opening
        case open(Fd)
    }
    /// Whether the target may be read though no epoch is open, and until when that is believed.
    struct Belief {
        let isReadable: Bool
        let until: MonotonicTime
    }
    /// The name under which the inode was last seen. Kept only where `bypass-rules` has patterns, then for directories
    /// too.
    struct Place {
        let parent: Inode
        let name: EntryName
    }
    /// Locks held for the lease and for the epoch. Touched by the one task that works for this inode.
    struct Locks {
        var lease: [HeldLock] = []
        var mark: HeldLock?
        var epoch: HeldLock?
    }
    struct Guarded {
        var state: BypassInodeState
        /// Grows whenever those that wait are to ask again.
        var version: UInt64 = 0
        var waiters: [Waiter] = []
        var cancelled: Set<UInt64> = []
        var dataFd = DataFd.none
        var locks = Locks()
        /// The wait for a lock that the inode's task is in.
        var lockWait: Task<Result<HeldLock, FopError>, Never>?
        /// What the target held when it was last read, or marked.
        var counts: EpochCounts?
        /// Whether the target has epochs of this mount that are not known to be healed: only it is up to date. `newest`
        /// is the last of them.
        var hasUnhealed: Bool
        var newest: Int32
        /// Nobody knows whether `newest` is marked on disk: the xattrop's reply got lost.
        var newestIsDoubtful = false
        /// Whether replicate has looked at the marks since the last epoch: what it believed before is old.
        var replicateKnows = true
        var place: Place?
        /// The target went down since `dataFd` was opened.
        var dataFdIsStale = false
        var belief: Belief?
        var isChecking = false
        /// Somebody opened or locked the file after the check began that is under way.
        var doubtsCheck = false
        /// Whether data fops went through replicate since the last fsync there.
        var isUnsynced = false
        /// Whether it was said that its marks find no room.
        var saidNoRoom = false

        mutating func takeWaiters() -> [Waiter] {
            version += 1
            defer { waiters = [] }
            return waiters
        }
        var openFd: Fd? { if case .open(let fd) = dataFd { fd } else { nil } }
    }

    let guarded: Mutex<Guarded>
    /// The inode holds this object, and whoever uses it holds the inode.
    unowned let inode: Inode
    let observer: (any WriteObserver)?
    var gfid: Gfid { inode.gfid }

    /// `newest`: the last epoch of this mount that waits for the healer, from before the inode was last forgotten.
    init(_ inode: Inode, timing: BypassInodeState.Timing, observer: (any WriteObserver)?, newest: Int32?) {
        (self.inode, self.observer) = (inode, observer)
        guarded = Mutex(
            Guarded(state: BypassInodeState(timing: timing), hasUnhealed: newest != nil, newest: newest ?? 0))
    }

    /// From now on only the target has everything.
    func epochStarts(_ counts: EpochCounts) {
        guarded.withLock { guarded in
            (guarded.counts, guarded.hasUnhealed, guarded.newest) = (counts, true, counts.opened)
            (guarded.newestIsDoubtful, guarded.replicateKnows) = (false, false)
        }
    }

    /// The mark of this epoch may be on disk, and nothing was written under it. Who reads the mark believes it, so
    /// until it is read only the target counts as good: whoever wrote elsewhere would be accused, and accuse.
    func epochMayHaveStarted(_ generation: Int32) {
        guarded.withLock { guarded in
            (guarded.hasUnhealed, guarded.newest) = (true, max(guarded.newest, generation))
            (guarded.newestIsDoubtful, guarded.replicateKnows) = (true, false)
        }
    }

    func handle(_ fd: Fd?) -> FopTarget { fd.map { .fd($0) } ?? .inode(inode) }

    /// Changes the state under the mutex: the answer, what is to be done now, and whom to wake.
    @inline(__always)
    func decide<Result>(
        _ change: (inout BypassInodeState) -> (Result, BypassInodeState.Outcome)
    ) -> (Result, BypassInodeState.Outcome, woken: [Waiter]) {
        guarded.withLock { guarded in
            let (result, outcome) = change(&guarded.state)
            return (result, outcome, outcome.wakes ? guarded.takeWaiters() : [])
        }
    }

    var version: UInt64 { guarded.withLock { $0.version } }

    /// Waits until the state has changed since `version` was read, whatever becomes of the task: for what must be done.
    func changeForSure(since version: UInt64) async {
        _ = await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
            let hasChanged = guarded.withLock { guarded in
                guard guarded.version == version else { return true }
                guarded.waiters.append(Waiter(number: UniqueNumber.next(), continuation: continuation))
                return false
            }
            if hasChanged { continuation.resume(returning: true) }
        }
    }

    /// Waits until the state has changed since `version` was read. EINTR when the task is cancelled.
    func change(since version: UInt64) async throws(FopError) {
        try await change(since: version, as: UniqueNumber.next())
    }

    private func change(since version: UInt64, as number: UInt64) async throws(FopError) {
        let changed = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = guarded.withLock { guarded in
                    if guarded.cancelled.remove(number) != nil { return false }
                    if guarded.version != version { return true }
                    guarded.waiters.append(Waiter(number: number, continuation: continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            giveUp(number)
        }
        guarded.withLock { _ = $0.cancelled.remove(number) }
        if !changed { throw .interrupted }
    }

    /// The waiter of this number does not wait any longer, or will not begin to.
    private func giveUp(_ number: UInt64) {
        let waiter = guarded.withLock { guarded -> Waiter? in
            guard let position = guarded.waiters.firstIndex(where: { $0.number == number }) else {
                guarded.cancelled.insert(number)
                return nil
            }
            return guarded.waiters.remove(at: position)
        }
        waiter?.continuation.resume(returning: false)
    }

    /// The same; a signal to the program that asks ends it too.
    func change(since version: UInt64, for frame: Frame, _ waits: InterruptibleWaits) async throws(FopError) {
        let number = UniqueNumber.next()
        guard waits.begin(frame.unique, { self.giveUp(number) }) else { throw .interrupted }
        defer { waits.end(frame.unique) }
        try await change(since: version, as: number)
    }

    /// Whoever waits asks again.
    func wake() {
        for waiter in guarded.withLock({ $0.takeWaiters() }) { waiter.continuation.resume(returning: true) }
    }

    /// Ends the wait for a lock, if the inode's task is in one: what is opened is not wanted any more.
    func cancelLockWait() { guarded.withLock { $0.lockWait }?.cancel() }
}

/// Hung on an open file whose inode counts it.
final class CountedOpen: Sendable {}
