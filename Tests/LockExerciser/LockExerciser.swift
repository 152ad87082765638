import CPosix
import Glibc
import Synchronization
import TranslatorCore
import Translators

/// A process that has a brick open and takes locks on its root as it is told on its standard input, for tests with
/// several real processes. One command a line, `NAME ID ARGUMENTS`; answers and events come as lines with the same ID:
///
/// | command | answer |
/// | --- | --- |
/// | `lock ID OWNER read\|write START LENGTH DOMAIN` | `granted ID`, once it is, or `failed ID ERRNO` |
/// | `try …` | the same, at once |
/// | `unlock …` | `released ID` or `failed ID ERRNO` |
/// | `entry ID OWNER lock\|try\|unlock NAME DOMAIN` | as above; NAME `*` is the whole directory |
/// | `cancel ID` | the wait of `lock ID` ends: `failed ID 4` |
/// | `wanted ID START LENGTH DOMAIN` | `wanted ID true\|false` |
/// | `count ID DOMAIN` | `count ID NUMBER` |
/// | `add ID OWNER START LENGTH DOMAIN TIMES FILE` | adds 1 to the number in FILE so often, each time under the lock:
/// `added ID WORST-WAIT-MICROSECONDS` | | `measure ID DOMAIN TIMES` | `measured ID NANOSECONDS` for one lock and unlock
/// | | `posix ID OWNER get\|set\|wait read\|write\|unlock START LENGTH` | `granted ID KIND START LENGTH`, `failed ID
/// ERRNO` | | `mark ID TIMES` | adds 65,536 to `trusted.afr.vol-client-1` of the root and takes it off again, so often:
/// `marked ID` |
///
/// `contended DOMAIN START LENGTH` is a contention notice; `ready` comes first.
@main struct LockExerciser {
    static func main() async throws {
        guard CommandLine.arguments.count == 2 else {
            print("usage: LockExerciser BRICK-DIRECTORY", to: 2)
            exit(64)
        }
        let graph: Graph
        do {
            graph = try Graph(
                Volfile(volfile(CommandLine.arguments[1]), file: "lock-exerciser.vol"),
                registry: TranslatorRegistry(InTreeTranslators.all + [Announcer.self]),
                environment: GraphEnvironment())
            try await graph.start()
        } catch {
            print("\(error)", to: 2)
            exit(1)
        }
        let exerciser = Exerciser(graph)
        print("ready", to: 1)
        // A thread for the pipe: the cooperative pool does not block.
        let lines = AsyncStream<String> { stream in
            WorkerThread.start(name: "commands") {
                while let line = readLine() { stream.yield(line) }
                stream.finish()
            }
        }
        for await line in lines { exerciser.start(line) }
        await graph.stop()
    }

    private static func volfile(_ brick: String) -> String {
        """
        volume posix
            type storage/posix
            option directory \(brick)
        end-volume
        volume locks
            type features/locks
            subvolumes posix
        end-volume
        volume index
            type features/index
            option xattrop-pending-watchlist trusted.afr.vol-client-1
            subvolumes locks
        end-volume
        volume announcer
            type testing/announcer
            subvolumes index
        end-volume
        """
    }
}

/// One write call a line, so that lines of several threads do not mix.
func print(_ line: String, to descriptor: Int32) {
    let bytes = Array((line + "\n").utf8)
    _ = write(descriptor, bytes, bytes.count)
}

/// `testing/announcer`: prints contention notices.
final class Announcer: Translator {
    static let type: TranslatorType = "testing/announcer"
    static let needs: SubvolumeNeed = .exactly(1)
    let volume: Volume
    init(_ volume: Volume) throws(VolfileError) { self.volume = volume }

    func notify(_ event: GraphEvent, from subvolume: any Translator) {
        if case .inodelkContention(_, let domain, let range) = event {
            print("contended \(domain) \(range.start) \(range.length)", to: 1)
        }
    }
}

final class Exerciser: Sendable {
    private let graph: Graph
    private let inode: Inode
    private let fd: Fd
    private let waits = Mutex<[String: Task<Void, Never>]>([:])

    init(_ graph: Graph) {
        self.graph = graph
        inode = graph.environment.inodes.inode(.root, type: .directory)
        fd = Fd(inode: inode, flags: .readWrite)
    }

    func start(_ line: String) {
        let words = line.split(separator: " ").map(String.init)
        guard words.count >= 2 else { return }
        let id = words[1]
        if words[0] == "cancel" {
            waits.withLock { $0[id] }?.cancel()
            return
        }
        let task = Task(executorPreference: IOExecutor.shared) {
            do throws(FopError) { try await self.run(words) } catch { print("failed \(id) \(error.code)", to: 1) }
        }
        waits.withLock { $0[id] = task }
    }

    private func run(_ words: [String]) async throws(FopError) {
        let id = words[1]
        switch words[0] {
        case "lock", "try", "unlock":
            let commands: [String: LockCommand] = ["lock": .acquire, "try": .tryAcquire, "unlock": .release]
            try await inodelk(
                commands[words[0]]!, owner: words[2], mode: words[3] == "read" ? .read : .write,
                range(words[4], words[5]), words[6])
            print("\(words[0] == "unlock" ? "released" : "granted") \(id)", to: 1)
        case "entry":
            let commands: [String: LockCommand] = ["lock": .acquire, "try": .tryAcquire, "unlock": .release]
            _ = try await graph.top.entrylk(
                EntrylkRequest(
                    .inode(inode), domain: words[5], name: words[4] == "*" ? nil : EntryName(words[4]),
                    command: commands[words[3]]!), in: frame(words[2]))
            print("\(words[3] == "unlock" ? "released" : "granted") \(id)", to: 1)
        case "wanted":
            let isWanted = graph.top.lockContention!.isWanted(.root, domain: words[4], range: range(words[2], words[3]))
            print("wanted \(id) \(isWanted)", to: 1)
        case "count":
            let asked: Xdata = [XdataKey.inodelkDomainCount: .string(words[2])]
            let reply = try await graph.top.stat(StatRequest(.inode(inode), xdata: asked), in: frame("1"))
            print("count \(id) \(reply.xdata[XdataKey.inodelkCount]!.integer!)", to: 1)
        case "add":
            let worst = try await add(
                owner: words[2], range(words[3], words[4]), words[5], times: Int(words[6])!, file: words[7])
            print("added \(id) \(worst.wholeNanoseconds / 1000)", to: 1)
        case "measure": try await measure(id, domain: words[2], times: Int(words[3])!)
        case "posix": try await posix(words)
        case "mark":
            for _ in 0..<Int(words[2])! { for delta in [65_536, -65_536] as [Int32] { try await mark(delta) } }
            print("marked \(id)", to: 1)
        default: print("failed \(id) \(ENOSYS)", to: 1)
        }
    }

    private func frame(_ owner: String) -> Frame {
        Frame(caller: .root, lockOwner: LockOwner(rawValue: UInt64(owner)!))
    }
    private func range(_ start: String, _ length: String) -> LockRange {
        LockRange(start: UInt64(start)!, length: UInt64(length)!)
    }

    private func inodelk(
        _ command: LockCommand, owner: String, mode: LockMode = .write, _ range: LockRange, _ domain: String
    ) async throws(FopError) {
        _ = try await graph.top.inodelk(
            InodelkRequest(.inode(inode), domain: domain, command: command, mode: mode, range: range), in: frame(owner))
    }

    /// Reads, adds one, writes: loses additions whenever two processes do it at once.
    private func add(
        owner: String, _ range: LockRange, _ domain: String, times: Int, file: String
    ) async throws(FopError) -> Duration {
        let descriptor = cposix_open(file, O_RDWR | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw .last }
        defer { close(descriptor) }
        var worst = Duration.zero
        let clock = graph.environment.time
        for _ in 0..<times {
            let before = clock.now()
            try await inodelk(.acquire, owner: owner, range, domain)
            worst = max(worst, clock.now() - before)
            var number: UInt64 = 0
            pread(descriptor, &number, 8, 0)
            number += 1
            sched_yield()
            pwrite(descriptor, &number, 8, 0)
            try await inodelk(.release, owner: owner, range, domain)
        }
        return worst
    }

    private func measure(_ id: String, domain: String, times: Int) async throws(FopError) {
        let clock = graph.environment.time
        try await inodelk(.acquire, owner: "1", .whole, domain)
        try await inodelk(.release, owner: "1", .whole, domain)
        let before = clock.now()
        for _ in 0..<times {
            try await inodelk(.acquire, owner: "1", .whole, domain)
            try await inodelk(.release, owner: "1", .whole, domain)
        }
        print("measured \(id) \((clock.now() - before).wholeNanoseconds / Int64(times))", to: 1)
    }

    private func mark(_ delta: Int32) async throws(FopError) {
        let counts = withUnsafeBytes(of: delta.bigEndian) { Array($0) } + [UInt8](repeating: 0, count: 8)
        _ = try await graph.top.xattrop(
            XattropRequest(.inode(inode), values: ["trusted.afr.vol-client-1": counts]), in: frame("1"))
    }

    private func posix(_ words: [String]) async throws(FopError) {
        let commands: [String: LkRequest.Command] = ["get": .get, "set": .set, "wait": .setWait]
        let kinds: [String: PosixLock.Kind] = ["read": .read, "write": .write, "unlock": .unlock]
        let lock = PosixLock(kind: kinds[words[4]]!, range: range(words[5], words[6]), pid: getpid())
        let reply = try await graph.top.lk(
            LkRequest(fd: fd, command: commands[words[3]]!, lock: lock), in: frame(words[2]))
        print("granted \(words[1]) \(reply.lock.kind) \(reply.lock.range.start) \(reply.lock.range.length)", to: 1)
    }
}
