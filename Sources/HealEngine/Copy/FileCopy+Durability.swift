import TranslatorCore

extension FileCopy {
    /// fsync of the source before anything is copied: what the marks stand for was written before the inspection, and
    /// its mark, which a new file's writer leaves to us, is on disk before any sink differs from what it had. What
    /// comes later has marks of its own.
    func makeSourceDurable() async throws(CopyInterruption) {
        do throws(FopError) { try await fsync(source) } catch { throw .sourceFailed(error) }
    }

    /// fsync of the sinks: before the marks go, what they stood for is on disk everywhere (DESIGN §3.3, step 5).
    func makeSinksDurable(_ plan: HealPlan) async throws(CopyInterruption) {
        let sinks = plan.sinks.map(\.replica)
        await sync(sinks, dataOnly: false)
        if alive(sinks).isEmpty { throw .noSinkLeft }
    }

    /// A sink that fails drops out: the kernel tells of a failed write once, and a later fsync would not hear of it
    /// again.
    fileprivate func sync(_ sinks: [Int], dataOnly: Bool) async {
        let answers = await replicas.each(alive(sinks)) { [self] sink -> FopError? in
            do throws(FopError) { try await fsync(sink, dataOnly: dataOnly) } catch { return error }
            return nil
        }
        for (sink, error) in answers { if let error { drop(sink, error) } }
    }

    /// Also of a replica on which the file was not opened, being neither source nor sink.
    func fsync(_ replica: Int, dataOnly: Bool = false) async throws(FopError) {
        let request = FsyncRequest(fd: fds[replica] ?? .anonymous(inode), dataOnly: dataOnly)
        _ = try await replicas.replicas[replica].fsync(request, in: frame)
    }
}

/// Has the sinks write to their disks while the copy goes on: one fdatasync each at a time, of what was copied so far.
/// Without it all of a large file would wait in memory for the fsync at the end, and the disk would rest meanwhile.
struct SinkFlush: ~Copyable {
    private let copy: FileCopy
    private var movedBefore: UInt64 = 0
    private var running: Task<Void, Never>?

    init(_ copy: FileCopy) { self.copy = copy }

    /// Waits for the flush before, and starts one more unless nothing was moved since.
    mutating func next(_ sinks: [Int]) async {
        let moved = copy.tally.bytesMoved
        guard moved > movedBefore else { return }
        movedBefore = moved
        await finish()
        running = Task.detached(executorPreference: copy.replicas.environment.executor) { [copy] in
            await copy.sync(sinks, dataOnly: true)
        }
    }

    mutating func finish() async {
        await running?.value
        running = nil
    }
}
