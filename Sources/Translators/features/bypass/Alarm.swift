import HeapModule
import Synchronization
import TranslatorCore

/// Wakes for the nearest of many deadlines, one per inode: one task sleeps for all of them.
final class Alarm: Sendable {
    private struct Entry {
        let inode: Inode
        let deadline: MonotonicTime
    }
    private struct Due: Comparable {
        let deadline: MonotonicTime
        let gfid: Gfid
        static func < (a: Due, b: Due) -> Bool { (a.deadline, a.gfid) < (b.deadline, b.gfid) }
    }
    private struct State {
        /// Keeps the inodes alive that have something due.
        var entries: [Gfid: Entry] = [:]
        /// One for each entry, and those that an earlier deadline has replaced.
        var queue = Heap<Due>()
        var next = MonotonicTime(nanoseconds: .max)
        var sleeper: Task<Void, Never>?
        var idle: CheckedContinuation<Void, Never>?
        var isStopped = false
    }
    private enum Step {
        case fire([Inode])
        case sleep(until: MonotonicTime)
        case idle, end
    }
    private let time: any TimeSource
    private let executor: any TaskExecutor
    private let state = Mutex(State())

    init(_ time: any TimeSource, on executor: any TaskExecutor) { (self.time, self.executor) = (time, executor) }

    /// `inode` is due at `deadline`, or earlier if that was said before.
    func set(_ inode: Inode, at deadline: MonotonicTime) {
        let (sleeper, idle) = state.withLock { state -> (Task<Void, Never>?, CheckedContinuation<Void, Never>?) in
            guard !state.isStopped else { return (nil, nil) }
            if let known = state.entries[inode.gfid], known.deadline <= deadline { return (nil, nil) }
            state.entries[inode.gfid] = Entry(inode: inode, deadline: deadline)
            state.queue.insert(Due(deadline: deadline, gfid: inode.gfid))
            guard deadline < state.next else { return (nil, nil) }
            state.next = deadline
            defer { state.idle = nil }
            return (state.sleeper, state.idle)
        }
        sleeper?.cancel()
        idle?.resume()
    }

    /// Everything that has a deadline.
    var inodes: [Inode] { state.withLock { $0.entries.values.map(\.inode) } }

    func stop() {
        let (sleeper, idle) = state.withLock { state in
            state.isStopped = true
            (state.entries, state.queue) = ([:], [])
            defer { state.idle = nil }
            return (state.sleeper, state.idle)
        }
        sleeper?.cancel()
        idle?.resume()
    }

    /// Calls `fire` with what is due, each inode once per deadline, until `stop`.
    func run(_ fire: ([Inode]) -> Void) async {
        while true {
            let now = time.now()
            switch state.withLock({ Self.step(&$0, now) }) {
            case .end: return
            case .fire(let inodes): fire(inodes)
            case .idle: await idle()
            case .sleep(let deadline): await sleep(until: deadline)
            }
        }
    }

    private static func step(_ state: inout State, _ now: MonotonicTime) -> Step {
        if state.isStopped { return .end }
        var fired: [Inode] = []
        while let due = state.queue.min {
            // An entry that has another deadline by now is due at that one.
            guard let entry = state.entries[due.gfid], entry.deadline == due.deadline else {
                state.queue.removeMin()
                continue
            }
            guard due.deadline <= now else { break }
            state.queue.removeMin()
            state.entries[due.gfid] = nil
            fired.append(entry.inode)
        }
        state.next = state.queue.min?.deadline ?? MonotonicTime(nanoseconds: .max)
        if !fired.isEmpty { return .fire(fired) }
        return state.queue.isEmpty ? .idle : .sleep(until: state.next)
    }

    private func idle() async {
        await withCheckedContinuation { continuation in
            let waits = state.withLock { state in
                let waits = state.entries.isEmpty && !state.isStopped
                if waits { state.idle = continuation }
                return waits
            }
            if !waits { continuation.resume() }
        }
    }

    private func sleep(until deadline: MonotonicTime) async {
        let time = time
        let sleeper = Task(executorPreference: executor) { _ = try? await time.sleep(until: deadline) }
        let isLate = state.withLock { state in
            state.sleeper = sleeper
            return state.isStopped || state.next < deadline
        }
        if isLate { sleeper.cancel() }
        await sleeper.value
        state.withLock { $0.sleeper = nil }
    }
}
