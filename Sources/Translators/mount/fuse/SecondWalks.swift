import Synchronization
import TranslatorCore

/// Who is walking a path for the second time. Told that what it found under a name is gone (ESTALE), the kernel looks
/// every name of the path up once more, and only once: of a file that is replaced all the time it may have been gone
/// again. What it finds the second time the mount therefore holds open itself for a moment, and what is asked for next
/// is done to that file: it had the name while the call was under way.
final class SecondWalks: Sendable {
    struct Walk {
        /// By then the kernel has walked.
        let end: MonotonicTime
        /// What is to be done to what is found needs its name: a link of a file that has none is refused everywhere.
        let needsName: Bool
        /// The file that was found last, and where.
        var found: Place?
        var held: UInt64?
    }
    struct Place {
        let node: UInt64
        let parent: Inode
        let name: EntryName
    }
    /// How long a walk may take, and what it found is held open.
    static let patience = Duration.seconds(1)
    private static let walksMax = 256

    private let walks = Mutex<[UInt32: Walk]>([:])
    /// When the last of them ends, in nanoseconds of the clock. 0: nobody walks, and look-ups take no lock.
    private let lastEnd = Atomic<Int64>(0)

    /// This process (its thread, as the kernel calls it) is told ESTALE. One that this mount cannot tell from others,
    /// because it is in a PID namespace beside ours, has the number 0.
    func begin(_ process: UInt32, needsName: Bool, at now: MonotonicTime) {
        guard process != 0 else { return }
        walks.withLock { walks in
            if walks.count >= Self.walksMax { walks = walks.filter { $0.value.end > now } }
            guard walks.count < Self.walksMax || walks[process] != nil else { return }
            let end = now + Self.patience
            walks[process] = Walk(end: end, needsName: needsName, held: walks[process]?.held)
            lastEnd.store(end.nanoseconds, ordering: .relaxed)
        }
    }

    /// The walk that this process is in; nil, as good as always.
    func walk(_ process: UInt32, at now: () -> MonotonicTime) -> Walk? {
        if lastEnd.load(ordering: .relaxed) == 0 { return nil }
        let now = now()
        return walks.withLock { walks in
            if now.nanoseconds >= lastEnd.load(ordering: .relaxed) {
                walks.removeAll()
                lastEnd.store(0, ordering: .relaxed)
            }
            return walks[process].flatMap { $0.end > now ? $0 : nil }
        }
    }

    /// Notes what it found; answers what was held for it before.
    func found(_ place: Place, held: UInt64?, by process: UInt32) -> UInt64? {
        walks.withLock { walks in
            guard var walk = walks[process] else { return held }
            let before = walk.held
            (walk.found, walk.held) = (place, held)
            walks[process] = walk
            return before
        }
    }
}
