import RangeMapping
import Synchronization
import TranslatorCore

/// Why a copy ended before its end. In every case nothing is taken off.
enum CopyInterruption: Error, Equatable, Sendable {
    case sourceFailed(FopError)
    /// The last sink dropped out.
    case noSinkLeft
    /// The healer is asked to leave; the windows in hand were finished.
    case stopped
}

/// Copies one file from its source to its sinks by windows, each under its own lock (DESIGN §3.3, step 4). A sink that
/// fails drops out alone.
final class FileCopy: Sendable {
    let replicas: HealReplicas
    let inode: Inode
    /// By replica; open on the source and on every sink.
    let fds: [Int: Fd]
    let source: Int
    let windowsInFlight: Int
    let tally: HealTally
    let frame = Frame.healer()
    private let failures = Mutex<[Int: FopError]>([:])
    /// Asked for each block by every window in flight: without the mutex for as long as nothing has failed.
    private let hasFailures = Atomic<Bool>(false)
    private let isStopping: @Sendable () -> Bool

    init(
        replicas: HealReplicas, inode: Inode, fds: [Int: Fd], source: Int, windowsInFlight: Int, tally: HealTally,
        isStopping: @escaping @Sendable () -> Bool
    ) {
        precondition(fds[source] != nil)
        precondition(HealWindow.inFlightMin...HealWindow.inFlightMax ~= windowsInFlight)
        (self.replicas, self.inode, self.fds, self.source) = (replicas, inode, fds, source)
        (self.windowsInFlight, self.tally, self.isStopping) = (windowsInFlight, tally, isStopping)
    }

    /// Sinks that dropped out, and why.
    var failed: [Int: FopError] { failures.withLock { $0 } }
    func drop(_ sink: Int, _ error: FopError) {
        precondition(sink != source)
        failures.withLock { $0[sink] = $0[sink] ?? error }
        hasFailures.store(true, ordering: .releasing)
    }
    func alive(_ sinks: [Int]) -> [Int] {
        guard hasFailures.load(ordering: .acquiring) else { return sinks }
        return failures.withLock { failures in sinks.filter { failures[$0] == nil } }
    }

    func sourceMap() -> SeekMapping { map(of: source) }
    func map(of replica: Int) -> SeekMapping {
        SeekMapping(replica: replicas.replicas[replica], fd: fds[replica]!, frame: frame)
    }

    /// Carries out a plan's work. `size` is the source's as the plan knew it.
    func run(_ plan: HealPlan) async throws(CopyInterruption) {
        var groups: [(work: HealPlan.Work, sinks: [Int])] = []
        for sink in plan.sinks {
            if let known = groups.firstIndex(where: { $0.work == sink.work }) {
                groups[known].sinks.append(sink.replica)
            } else {
                groups.append((sink.work, [sink.replica]))
            }
        }
        let size = plan.facts.iatts[source].size
        for (work, sinks) in groups {
            guard !alive(sinks).isEmpty else { continue }
            let job: CopyJob
            switch work {
            case .ranges(let ranges): job = CopyJob(ranges: ranges, end: ranges.end, byChecksum: false, sinks: sinks)
            case .whole(let byChecksum):
                job = CopyJob(
                    ranges: ByteRanges(ByteRange(start: 0, end: .max)), end: .max, byChecksum: byChecksum, sinks: sinks)
            }
            do throws(CopyInterruption) {
                try await copy(job, upTo: size)
                try await finish(job, copiedUpTo: size)
                try await matchAllocation(job)
            } catch .noSinkLeft {
                // Others may be left in another group.
                continue
            }
        }
        if alive(plan.sinks.map(\.replica)).isEmpty { throw .noSinkLeft }
    }

    func throwIfStopping() throws(CopyInterruption) {
        if isStopping() || Task.isCancelled { throw .stopped }
    }
}

/// What one group of sinks gets.
struct CopyJob: Sendable {
    let ranges: ByteRanges
    /// One past the last byte to make equal; the top of UInt64 for whole files.
    let end: UInt64
    let byChecksum: Bool
    let sinks: [Int]

    var isWhole: Bool { end == .max }
    /// The part before `size`.
    func ranges(from start: UInt64 = 0, upTo size: UInt64) -> ByteRanges {
        start < size ? ranges.intersection(ByteRange(start: start, end: size)) : ByteRanges()
    }
}
