import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// Runs every task of a simulation on one thread, one step after the other, in an order that a seed decides: seed in,
/// same run out.
///
/// Of the tasks that can go on any may be next; the clock moves only when none can. Tasks must be started here, or
/// prefer this executor: a graph's do that has it in its environment. One that ends up on another thread is a defect,
/// and traps.
public final class SeededExecutor: TaskExecutor, Sendable {
    public let clock: ManualClock
    private struct State {
        var ready: [UnownedJob] = []
        var random: SeededRandom
        var thread: pid_t?
        var stepCount: UInt64 = 0
    }
    private let state: Mutex<State>

    public init(seed: UInt64, clock: ManualClock = ManualClock()) {
        self.clock = clock
        state = Mutex(State(random: SeededRandom(seed: seed)))
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { state in
            Self.checkIsOurs(state)
            state.ready.append(job)
        }
    }

    /// Begins a task of the simulation.
    @discardableResult
    public func start(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task(executorPreference: self) { await body() }
    }

    /// The next number that the seed gives.
    public func number() -> UInt64 {
        state.withLock { state in
            Self.checkIsOurs(state)
            return state.random.next()
        }
    }
    public func number(in range: Range<Int>) -> Int { range.lowerBound + Int(number() % UInt64(range.count)) }
    /// True `percent` times in a hundred.
    public func happens(_ percent: Int) -> Bool { number(in: 0..<100) < percent }
    /// For whatever draws many numbers: a generator of its own.
    public func generator() -> SeededRandom { SeededRandom(seed: number()) }

    /// How many steps were made so far.
    public var stepCount: UInt64 { state.withLock { $0.stepCount } }

    /// Makes steps on the calling thread until `isDone`, which is asked after each. False: `stepsMax` were made, or
    /// nothing is left that could go on.
    public func run(stepsMax: Int, until isDone: () -> Bool) -> Bool {
        state.withLock { state in
            precondition(state.thread == nil, "one thread runs it")
            state.thread = gettid()
        }
        defer { state.withLock { $0.thread = nil } }
        for _ in 0..<stepsMax {
            if isDone() { return true }
            guard let job = next() else {
                if clock.advanceToNextDeadline() { continue }
                return false
            }
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
        return isDone()
    }

    private func next() -> UnownedJob? {
        state.withLock { state in
            guard !state.ready.isEmpty else { return nil }
            state.stepCount += 1
            let position = Int(state.random.next() % UInt64(state.ready.count))
            state.ready.swapAt(position, state.ready.count - 1)
            return state.ready.removeLast()
        }
    }

    private static func checkIsOurs(_ state: State) {
        precondition(
            state.thread == nil || state.thread == gettid(),
            "a task of the simulation runs on another thread: it was started without this executor")
    }
}
