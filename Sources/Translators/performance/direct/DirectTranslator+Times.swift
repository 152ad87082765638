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
            guard late.fd == nil else { return false }
            late.fd = fd
            return true
        }
        if isFirst { late.add(fd.inode) }
    }

    private func context(_ inode: Inode) -> DirectInode? { inode.contexts.context(at: slot) }

    public func areTimesLate(of inode: Inode) -> Bool {
        context(inode)?.late.withLock { $0.fd != nil || $0.telling != nil } ?? false
    }

    /// One after the other for each inode. Later callers wait for the one under way, and then for what came after it.
    public func tellTimes(of inode: Inode) async {
        guard let file = context(inode) else { return }
        let telling = file.late.withLock { late -> Task<Void, Never>? in
            guard late.fd != nil || late.telling != nil else { return nil }
            guard let fd = late.fd else { return late.telling }
            late.fd = nil
            let (time, before) = (late.time, late.telling)
            let task = Task(executorPreference: volume.environment.executor) { [self] in
                await before?.value
                await tell(time, of: fd, file)
            }
            late.telling = task
            late.tellings += 1
            return task
        }
        await telling?.value
    }

    func tellAllTimes() async { for inode in late.take() { await tellTimes(of: inode) } }

    /// A setattr that sets nothing: its frame's time becomes mtime and ctime, unless they are later already.
    private func tell(_ time: Timestamp, of fd: Fd, _ file: DirectInode) async {
        let frame = Frame(caller: .root, time: time)
        var failure: FopError?
        // By the inode where the fd is closed by now, or not open any more since the brick's process was away.
        for target in [FopTarget.fd(fd), .inode(fd.inode)] {
            do throws(FopError) {
                _ = try await wire.setattr(SetattrRequest(target, iatt: Iatt(), valid: []), in: frame)
                failure = nil
            } catch {
                failure = error
            }
            if failure == nil || failure == .notConnected { break }
        }
        if failure == nil { counters.timesTold.count() }
        if let failure, failure != .notConnected {
            volume.log(.debug, "gfid \(fd.inode.gfid): its times were not told: \(failure)")
        }
        let isLateAgain = file.late.withLock { late in
            late.tellings -= 1
            if late.tellings == 0 { late.telling = nil }
            // The brick is away; when it is back it is told.
            if failure == .notConnected, late.fd == nil { late.fd = fd }
            if late.fd == nil && late.telling == nil { late.time = .zero }
            return late.fd != nil
        }
        if isLateAgain { late.add(fd.inode) }
    }

    /// As the brick will say when it has been told.
    func corrected(_ iatt: inout Iatt, _ inode: Inode) {
        guard let time = context(inode)?.late.withLock({ $0.time }), time != .zero else { return }
        (iatt.mtime, iatt.ctime) = (max(iatt.mtime, time), max(iatt.ctime, time))
    }
}
