import CPosix
import Glibc
import Synchronization

/// A task executor on a few threads of its own that may block in system calls: where chains that suspended go on, and
/// where the healer works. The runtime's cooperative pool never blocks.
public final class IOExecutor: TaskExecutor, Sendable {
    private struct State {
        var jobs: [UnownedJob] = []
        var head = 0
    }
    private let state = Mutex(State())
    private let semaphore = Semaphore()
    public let threadCount: Int

    public static let shared = IOExecutor(name: "io", threads: 4)

    public init(name: String, threads: Int) {
        precondition(threads > 0)
        threadCount = threads
        for number in 0..<threads {
            WorkerThread.start(name: "\(name)-\(number)") { [self] in run() }
        }
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs.append(job) }
        semaphore.signal()
    }

    private func run() {
        while true {
            semaphore.wait()
            let job: UnownedJob? = state.withLock { state in
                guard state.head < state.jobs.count else { return nil }
                let job = state.jobs[state.head]
                state.head += 1
                // Amortised: the consumed front goes when it is the larger half.
                if state.head == state.jobs.count || state.head > 1024 {
                    state.jobs.removeFirst(state.head)
                    state.head = 0
                }
                return job
            }
            job?.runSynchronously(on: asUnownedTaskExecutor())
        }
    }
}

/// A counting semaphore (sem_overview(7)), at a stable address.
final class Semaphore: Sendable {
    // Safe because sem_t is made for use by many threads and lives as long as this object.
    nonisolated(unsafe) private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(semaphore, 0, 0) }
    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }
    func signal() { sem_post(semaphore) }
    func wait() { while sem_wait(semaphore) != 0 && errno == EINTR {} }
}
