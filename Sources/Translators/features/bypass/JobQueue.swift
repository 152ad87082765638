import TranslatorCore

/// What runs beside the callers' fops: one task for each, children of the one that `run` is called in.
///
/// Bounded: an inode has at most one piece of work, a file of the backlog at most one reading.
final class JobQueue: Sendable {
    enum Job: Sendable {
        /// What the state of an inode asks for.
        case work(BypassInodeState.Work, Inode)
        /// Publish the end of the inode's last epoch, once the target's brick knows when it was written.
        case tellClosed(ClosedEpoch, Inode)
        /// Read on the target what is healed.
        case verify(Gfid)
        /// The same for the files that wait longest.
        case sweep
        /// Take back the marks that say that the target is ahead, if nothing is.
        case withdrawAhead
    }
    private let stream: AsyncStream<Job>
    private let input: AsyncStream<Job>.Continuation

    init() { (stream, input) = AsyncStream.makeStream() }

    func add(_ job: Job) { input.yield(job) }
    func finish() { input.finish() }

    /// Performs what is added until `finish`, and returns when all of it is done.
    func run(_ perform: @escaping @Sendable (Job) async -> Void) async {
        await withDiscardingTaskGroup { group in
            for await job in stream { group.addTask { await perform(job) } }
        }
    }
}
