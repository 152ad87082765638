import Synchronization
import TranslatorCore

// When files were written in the directory: the brick's process keeps the times itself, and is told.
extension DirectTranslator: LateTimes {
    /// The brick's process is told that much later at most, unless it is needed earlier.
    static let timesLateMax = Duration.seconds(1)

    /// `fd` was written in the directory. Healers, which have no time, put times right themselves.
    @inline(__always)
    func wrote(_ fd: Fd, _ file: DirectFd, in frame: Frame) {
        guard frame.time != .zero else { return }
        let isFirst = file.inode.late.withLock { late in
            late.time = max(late.time, frame.time)
            defer { late.isTold = false }
            return late.isTold
        }
        if isFirst { late.add(fd.inode) }
    }

    private func context(_ inode: Inode) -> DirectInode? { inode.contexts.context(at: slot) }

    public func areTimesLate(of inode: Inode) -> Bool {
        context(inode)?.late.withLock { !$0.isTold || $0.telling != nil } ?? false
    }

    /// One after the other for each inode. Later callers wait for the one under way, and then for what came after it.
    public func tellTimes(of inode: Inode) async {
        guard let file = context(inode) else { return }
        let telling = file.late.withLock { late -> Task<Void, Never>? in
            guard !late.isTold else { return late.telling }
            late.isTold = true
            let (time, before) = (late.time, late.telling)
            let task = Task(executorPreference: volume.environment.executor) { [self] in
                await before?.value
                await tell(time, of: inode, file)
            }
            late.telling = task
            late.tellings += 1
            return task
        }
        await telling?.value
    }

    func tellAllTimes() async { for inode in late.take() { await tellTimes(of: inode) } }

    /// A setattr of ctime alone: its frame's time becomes mtime and ctime, unless they are later already. By the inode,
    /// never by the fd: that may be closed by now, or not be open any more since the brick's process was away.
    private func tell(_ time: Timestamp, of inode: Inode, _ file: DirectInode) async {
        var iatt = Iatt()
        iatt.ctime = time
        var failure: FopError?
        do throws(FopError) {
            _ = try await wire.setattr(
                SetattrRequest(.inode(inode), iatt: iatt, valid: .ctime), in: Frame(caller: .root, time: time))
            counters.timesTold.count()
        } catch {
            failure = error
            if error != .notConnected {
                volume.log(.debug, "gfid \(inode.gfid): its times were not told: \(error)")
            }
        }
        let isLateAgain = file.late.withLock { late in
            late.tellings -= 1
            if late.tellings == 0 { late.telling = nil }
            switch failure {
            // The brick is away; when it is back it is told.
            case .notConnected?: late.isTold = false
            // Its last name went: whoever still has it open here goes on seeing when it was written.
            case .noEntry?, .stale?: late.isNameless = true
            default: break
            }
            if late.isTold && late.telling == nil && !late.isNameless { late.time = .zero }
            return !late.isTold
        }
        if isLateAgain { late.add(inode) }
    }

    /// As the brick will say when it has been told.
    func corrected(_ iatt: inout Iatt, _ inode: Inode) {
        guard let time = context(inode)?.late.withLock({ $0.time }), time != .zero else { return }
        (iatt.mtime, iatt.ctime) = (max(iatt.mtime, time), max(iatt.ctime, time))
    }
}
