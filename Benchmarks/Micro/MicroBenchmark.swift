import CPosix
import Glibc
import HealProtocol
import HealTransport
import Synchronization
import TranslatorCore
import TranslatorTesting

/// Nanoseconds of processor time of the small steps of DESIGN §6: a layer, a request's start, a record's journal and
/// publication. Prints a line `name nanoseconds` each; `Benchmarks/run micro` reads them.
@main enum MicroBenchmark {
    static let rounds = 5

    static func main() async throws {
        let bare = try await best { [bare = try graph([])] in try await nanosecondsOfWrite(bare) }
        for (name, layer) in [("layer", passing), ("layer-io-stats", "type debug/io-stats")] {
            let chain = try graph([String](repeating: layer, count: 6))
            report(name, (try await best { try await nanosecondsOfWrite(chain) } - bare) / 6)
        }
        report("request-start", await best { nanosecondsOfStart() })
        try journal()
        try publisher()
    }

    static func report(_ name: String, _ nanoseconds: Double) { print("\(name) \(Int(nanoseconds.rounded()))") }

    /// The least of several rounds: what others do on the machine only adds.
    static func best(_ body: () async throws -> Double) async rethrows -> Double {
        var least = Double.infinity
        for _ in 0..<rounds { least = min(least, try await body()) }
        return least
    }

    /// Of this thread's processor time, in nanoseconds for each of `times`.
    static func cost(_ times: Int, _ body: () -> Void) -> Double {
        let before = processorNanoseconds
        body()
        return Double(processorNanoseconds - before) / Double(times)
    }
    static var processorNanoseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }

    // Layers.

    /// A translator that takes a write in hand and passes it on; io-stats reads the clock twice and counts as well.
    static let passing = "type encryption/rot-13\n option encrypt-write off"

    /// The layers, bottom first, over a brick that does nothing.
    static func graph(_ layers: [String]) throws -> Graph {
        var text = "volume layer-0\n type testing/inert\nend-volume\n"
        for (number, layer) in layers.enumerated() {
            text += "volume layer-\(number + 1)\n \(layer)\n subvolumes layer-\(number)\nend-volume\n"
        }
        return try Graph.fromText(text)
    }

    static func nanosecondsOfWrite(_ graph: Graph) async throws -> Double {
        let times = 100_000
        let payload = Payload(graph.environment.pool.draft().freeze(count: 4096))
        let file = Fd(inode: Inode(gfid: .root, type: .regular), flags: .readWrite)
        let write = WriteRequest(fd: file, offset: 0, payload: payload)
        let frame = Frame(caller: .root), top = graph.top
        let before = processorNanoseconds
        for _ in 0..<times { _ = try await top.writev(write, in: frame) }
        return Double(processorNanoseconds - before) / Double(times)
    }

    /// A task begun on this thread as a FUSE worker does it, with a chain that does nothing.
    static func nanosecondsOfStart() -> Double {
        let times = 100_000
        let executor = IOExecutor.shared
        return cost(times) {
            for number in 0..<times {
                Task.immediate(executorPreference: executor) { sink.store(number, ordering: .relaxed) }
            }
        }
    }
    static let sink = Atomic<Int>(0)

    // Records.

    static let identity = JournalIdentity(
        volume: .random(), writer: .random(), boot: .random(), replicaSet: 0, target: 0)

    static func record(_ sequence: UInt64) -> WriteRecord {
        WriteRecord(
            volume: identity.volume, replicaSet: 0, target: 0, writer: identity.writer, boot: identity.boot,
            gfid: .root, generation: 1, sequence: sequence, kind: .range(offset: sequence << 12, bytes: 4096))
    }

    static func brick(_ scratch: TemporaryDirectory) -> String {
        let brick = scratch.subdirectory("brick")
        mkdir("\(brick)/.glusterfs", 0o700)
        return brick
    }

    static func journal() throws {
        for threads in [1, 4] {
            var least = Double.infinity
            for _ in 0..<rounds {
                let scratch = TemporaryDirectory("micro")
                let journal = try JournalWriter(brick: brick(scratch), identity: identity)
                least = min(
                    least,
                    together(threads) { thread in
                        cost(100_000) {
                            for number in 1...UInt64(100_000) { _ = journal.append(record(number)) }
                        }
                    })
                journal.close()
            }
            report("journal-append-\(threads)", least)
        }
    }

    /// Begin and end of a recorded write as `features/bypass` calls them.
    static func publisher() throws {
        for threads in [1, 4] {
            var least = Double.infinity
            for _ in 0..<rounds {
                let scratch = TemporaryDirectory("micro")
                let journal = try JournalWriter(brick: brick(scratch), identity: identity)
                let publisher = try RecordPublisher(
                    identity: identity, journal: journal,
                    directory: try RuntimeDirectory(volume: identity.volume, base: scratch.path)
                ) { _ in }
                least = min(
                    least,
                    together(threads) { _ in
                        cost(20_000) {
                            for number in UInt64(0)..<20_000 {
                                let sequence = publisher.writeBegins(
                                    .root, generation: 1, offset: number << 12, bytes: 4096)
                                publisher.writeEnded(
                                    .root, generation: 1, sequence: sequence, offset: number << 12, bytes: 4096)
                            }
                        }
                    })
                publisher.close()
            }
            report("record-\(threads)", least)
        }
    }

    /// The mean of what `body` answers on each of several threads at once.
    static func together(_ threads: Int, _ body: @escaping @Sendable (Int) -> Double) -> Double {
        let results = Results(threads)
        for thread in 0..<threads {
            WorkerThread.start(name: "bench-\(thread)") { results.add(body(thread)) }
        }
        return results.mean()
    }
}

/// Figures of several threads, waited for.
private final class Results: Sendable {
    private let count: Int
    private let figures = Mutex<[Double]>([])
    init(_ count: Int) { self.count = count }
    func add(_ figure: Double) { figures.withLock { $0.append(figure) } }
    func mean() -> Double {
        while true {
            let all = figures.withLock { $0 }
            if all.count == count { return all.reduce(0, +) / Double(count) }
            usleep(1_000)
        }
    }
}
