import CPosix
import Glibc
import HealProtocol
import HealTransport
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

/// The real `healctl` against a real control socket, whose healer is the test.
@Suite struct CommandTests {
    final class Healer: Sendable {
        let scratch = TemporaryDirectory("bh")
        let directory: RuntimeDirectory
        let status: Mutex<HealStatus>
        let asked = Mutex<[ControlRequest]>([])
        let publisher: HealerPublisher
        private let server = Mutex<ControlServer?>(nil)

        init(_ first: HealStatus, reply: @escaping @Sendable (ControlRequest) async -> ControlReply? = { _ in nil })
            throws
        {
            status = Mutex(first)
            directory = try RuntimeDirectory(volume: first.volumeID, base: scratch.path)
            publisher = try HealerPublisher(directory: directory, healer: first.healer)
            let made = try ControlServer(directory: directory, healer: first.healer) { [self] request in
                asked.withLock { $0.append(request) }
                if let special = await reply(request) { return special }
                var current = status.withLock { $0 }
                current.time = SystemTimeSource().wallClock()
                if case .status = request { return .status(current) }
                return .done("did it")
            }
            server.withLock { $0 = made }
        }
        func stop() {
            server.withLock { $0.take() }?.close()
            publisher.close()
        }
        deinit { stop() }
        var requests: [ControlRequest] { asked.withLock { $0.filter { $0 != .status } } }
    }

    @Test func `keygen makes a pair once, the secret for its owner alone`() async throws {
        let scratch = TemporaryDirectory("bk"), path = scratch.appending("key")
        let first = try await Run(["keygen", path], at: scratch.path).done()
        #expect(first.code == 0)
        #expect(try KeyFile.publicKeys(in: "\(path).pub").map { "\($0.z85)\n" } == [first.out])
        #expect("\(try KeyFile.secretKey(in: path).publicHalf.z85)\n" == first.out)
        let second = try await Run(["keygen", path], at: scratch.path).done()
        #expect(second.code == 1)
        #expect(second.err == "healctl: cannot make \(path): File exists\n")
    }

    @Test func `status answers, and with check its exit code tells the state`() async throws {
        let healer = try Healer(Example.clean)
        defer { healer.stop() }
        let plain = try await Run(["status"], healer).done()
        #expect(plain.code == 0)
        #expect(plain.out.hasPrefix("volume vmstore  CLEAN  lag 0 s"))
        #expect(try await Run(["status", "--check"], healer).done().code == 0)
        healer.status.withLock { $0 = Example.healing }
        #expect(try await Run(["status", "--check"], healer).done().code == 1)
        healer.status.withLock { $0 = Example.failed }
        #expect(try await Run(["status", "--check"], healer).done().code == 2)
        #expect(try await Run(["status", "vmstore"], healer).done().code == 0)
        let unknown = try await Run(["status", "other"], healer).done()
        #expect(unknown.code == 4)
        #expect(unknown.err == "healctl: no healer runs for a volume \"other\"; there is: vmstore\n")
    }

    @Test func `what the healer cannot see makes every answer an incomplete one`() async throws {
        let healer = try Healer(Example.unseen)
        defer { healer.stop() }
        #expect(try await Run(["status", "--check"], healer).done().code == 3)
        #expect(try await Run(["status"], healer).done().code == 3)
        let wait = try await Run(["wait", "--timeout", "0.2s"], healer).done()
        #expect(wait.code == 124)
        #expect(wait.err.hasPrefix("healctl: /bricks/b: the index cannot be read: EIO; to fix: look at its disk\n"))
    }

    @Test func `the JSON of status is one line that reads back`() async throws {
        let healer = try Healer(Example.healing)
        defer { healer.stop() }
        let run = try await Run(["status", "--json"], healer).done()
        #expect(run.code == 0)
        #expect(run.out.filter { $0 == "\n" }.count == 1)
        let object = try JSONObject(JSONText(parsing: run.out), "status")
        #expect(try object.text("schema") == "healctl.status/1")
        let statuses = try object.list("volumes", HealStatus.init(json:))
        #expect(statuses.first?.backlog == Example.healing.backlog)
    }

    @Test func `no healer, a dead one and a place that is not there are told apart, with what to do`() async throws {
        let scratch = TemporaryDirectory("bh")
        let none = try await Run(["status"], at: scratch.path).done()
        #expect(none.code == 4)
        #expect(none.err.contains("start one with: healer --volfile FILE"))
        let nowhere = try await Run(["status"], at: scratch.appending("nowhere")).done()
        #expect(nowhere.code == 4)
        #expect(nowhere.err.contains("does not exist"))

        // What kill -9 leaves.
        let directory = try RuntimeDirectory(volume: Example.volumeID, base: scratch.path)
        let path = try Self.leaveDeadSocket(in: directory, Example.healer)
        let dead = try await Run(["status"], at: scratch.path).done()
        #expect(dead.code == 4)
        #expect(dead.err.contains("has died and left \(path) behind: start it again"))
    }

    /// A socket on which nobody listens any more.
    @discardableResult
    static func leaveDeadSocket(in directory: RuntimeDirectory, _ healer: Gfid) throws -> String {
        try directory.create()
        let path = "\(directory.path)/\(healer).control"
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        _ = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                cposix_bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        close(socket)
        return path
    }

    @Test func `what a killed healer left behind makes no answer of its successor incomplete`() async throws {
        let healer = try Healer(Example.clean)
        defer { healer.stop() }
        try Self.leaveDeadSocket(in: healer.directory, .random())
        for arguments in [["status"], ["status", "--check"], ["status", "vmstore"], ["wait", "--timeout", "5s"]] {
            let run = try await Run(arguments, healer).done()
            #expect(run.code == 0 && run.err.isEmpty, "\(arguments): \(run.code) \(run.err)")
        }
        // Where nobody took over, a worker of all volumes is missing; of the one that was asked about, none is.
        let other = try RuntimeDirectory(volume: .random(), base: healer.directory.base)
        try Self.leaveDeadSocket(in: other, .random())
        #expect(try await Run(["status"], healer).done().code == 3)
        #expect(try await Run(["status", "vmstore"], healer).done().code == 0)
        #expect(try await Run(["status", "\(Example.volumeID)"], healer).done().code == 0)
    }

    @Test func `wait ends when it is clean, and with 124 when time runs out`() async throws {
        let healer = try Healer(Example.healing)
        defer { healer.stop() }
        let late = try await Run(["wait", "--until", "clean", "--timeout", "100ms"], healer).done()
        #expect(late.code == 124)
        #expect(late.err.contains("vmstore healing 78.4%"))
        #expect(try await Run(["wait", "--until", "lag=5s", "--timeout", "10s"], healer).done().code == 0)
        let waiting = try Run(["wait"], healer)
        let isAsking = await eventually { healer.asked.withLock { $0.count > 5 } }
        #expect(isAsking)
        healer.status.withLock { $0 = Example.clean }
        #expect(try await waiting.done().code == 0)
    }

    @Test func `wait does not believe that it is clean before the healer has read the indices`() async throws {
        let looks = Mutex(0), marked = Mutex<(() -> Void)?>(nil)
        let healer = try Healer(Example.clean) { request in
            guard request == .look else { return nil }
            if looks.withLock({
                $0 += 1
                return $0
            }) == 1 {
                marked.withLock { $0 }?()
            }
            return nil
        }
        defer { healer.stop() }
        // The first look finds marks; they are healed a little later.
        marked.withLock { $0 = { [weak healer] in healer?.status.withLock { $0 = Example.healing } } }
        let waiting = try Run(["wait"], healer)
        #expect(
            await eventually {
                healer.asked.withLock { $0.suffix(3) == [.status, .status, .status] } && looks.withLock { $0 } == 1
            })
        healer.status.withLock { $0 = Example.clean }
        #expect(try await waiting.done().code == 0)
        // Once: what is marked later by those who write all the time is no reason to wait for ever.
        #expect(looks.withLock { $0 } == 1)
        #expect(healer.asked.withLock { $0.last } == .status)
    }

    @Test func `wait asks again where the indices could not be read`() async throws {
        let looks = Mutex(0)
        let healer = try Healer(Example.clean) { request in
            guard request == .look else { return nil }
            let count = looks.withLock {
                $0 += 1
                return $0
            }
            return count == 1 ? .failed(ControlFailure(.replicaDown, "not all indices could be read")) : nil
        }
        defer { healer.stop() }
        #expect(try await Run(["wait"], healer).done().code == 0)
        #expect(looks.withLock { $0 } == 2)
    }

    @Test func `commands reach the healer as they were meant`() async throws {
        let healer = try Healer(Example.healing)
        defer { healer.stop() }
        let commands: [([String], ControlRequest)] = [
            (["queue", "pause"], .pause), (["queue", "resume", "--volume", "vmstore"], .resume),
            (["queue", "retry"], .retry(nil)),
            (["queue", "retry", "images/a"], .retry(.path("images/a"))),
            (["heal", "\(Example.file)"], .heal(.gfid(Example.file), waits: false)),
        ]
        for (arguments, request) in commands {
            let run = try await Run(arguments, healer).done()
            #expect(run.code == 0)
            #expect(run.out == "did it\n")
            #expect(healer.requests.last == request)
        }
    }

    @Test func `heal waits for the end, and tells a failure from running out of time`() async throws {
        let heal = Example.clean.history[0]
        let outcome = Mutex<ControlReply?>(.healed(heal))
        let healer = try Healer(Example.healing) { request in
            guard case .heal = request else { return nil }
            if let reply = outcome.withLock({ $0 }) { return reply }
            try? await Task.sleep(for: .seconds(3_600))
            return nil
        }
        defer { healer.stop() }
        let healed = try await Run(["heal", "a", "--wait"], healer).done()
        #expect(healed.code == 0)
        #expect(healed.out.contains("1.9 GiB in 6 s (range)"))
        outcome.withLock { $0 = .failed(ControlFailure(.healFailed, "sink beta is full")) }
        let failed = try await Run(["heal", "a", "--wait"], healer).done()
        #expect(failed.code == 2)
        #expect(failed.err == "healctl: sink beta is full\n")
        outcome.withLock { $0 = nil }
        #expect(try await Run(["heal", "a", "--wait", "--timeout", "200ms"], healer).done().code == 124)
        #expect(try await Run(["heal", "a", "--timeout", "1s"], healer).done().code == 64)
    }

    @Test func `a watch that is piped prints a line for each tick, and survives the healer's restart`() async throws {
        let healer = try Healer(Example.healing)
        defer { healer.stop() }
        let run = try Run(["status", "--watch=0.1"], healer)
        #expect(await run.readLine()?.contains("vmstore healing 78.4%") == true)
        #expect(await run.readLine()?.contains("eta=6s") == true)
        healer.stop()
        var line = await run.readLine()
        while let current = line, !current.contains("unknown") { line = await run.readLine() }
        #expect(line?.contains("start one with") == true)
        run.interrupt()
    }

    @Test func `events begin with what is so, and go on with what changes`() async throws {
        let healer = try Healer(Example.healing)
        defer { healer.stop() }
        let run = try Run(["events", "--json"], healer)
        let first = try JSONObject(JSONText(parsing: try #require(await run.readLine())), "event")
        #expect(try first.text("event") == "status")
        let event = HealEvent(volume: "vmstore", time: Example.noon, change: .finished(Example.clean.history[0]))
        healer.publisher.publish(event)
        #expect(try HealEvent(json: JSONText(parsing: try #require(await run.readLine()))) == event)
        run.interrupt()
    }

    @Test func `what cannot be meant is a usage error`() async throws {
        let scratch = TemporaryDirectory("bh")
        for arguments in [
            ["bogus"], ["status", "--bogus"], ["wait", "--until", "x"], ["status", "--si", "--bytes"], ["heal"],
        ] {
            #expect(try await Run(arguments, at: scratch.path).done().code == 64)
        }
    }
}

/// One run of `healctl`.
final class Run {
    private var pid: pid_t = 0
    private let out: Int32, err: Int32
    private var unread: [UInt8] = []

    convenience init(_ arguments: [String], _ healer: CommandTests.Healer) throws {
        try self.init(arguments, at: healer.directory.base)
    }

    init(_ arguments: [String], at base: String) throws {
        var outEnds: [Int32] = [0, 0], errEnds: [Int32] = [0, 0]
        try #require(pipe2(&outEnds, Int32(O_CLOEXEC)) == 0)
        try #require(pipe2(&errEnds, Int32(O_CLOEXEC)) == 0)
        (out, err) = (outEnds[0], errEnds[0])
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, outEnds[1], 1)
        posix_spawn_file_actions_adddup2(&actions, errEnds[1], 2)
        // Whatever runs the tests may ignore Ctrl-C, and the pool's threads block it: children inherit both.
        var attributes = posix_spawnattr_t(), defaults = sigset_t(), blocked = sigset_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        sigemptyset(&defaults)
        sigaddset(&defaults, SIGINT)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        sigemptyset(&blocked)
        posix_spawnattr_setsigmask(&attributes, &blocked)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        let program = try Self.buildDirectory() + "/healctl"
        var argv = ([program, "--runtime-dir", base] + arguments).map { strdup($0) } + [nil]
        defer { argv.forEach { free($0) } }
        let failed = posix_spawn(&pid, program, &actions, &attributes, &argv, Glibc.environ)
        close(outEnds[1])
        close(errEnds[1])
        try #require(failed == 0, "cannot run \(program)")
    }

    private static func buildDirectory() throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let path = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return String(path[..<(try #require(path.lastIndex(of: "/")))])
    }

    /// Its end: exit code, standard output and standard error. Waited for on a thread of its own, because the healer
    /// that answers runs on the tests' pool.
    func done() async throws -> (code: Int32, out: String, err: String) {
        let (out, err, pid) = (out, err, pid)
        self.pid = 0
        return await withCheckedContinuation { continuation in
            WorkerThread.start(name: "run") {
                let texts = (Self.readAll(out), Self.readAll(err))
                var status: Int32 = 0
                waitpid(pid, &status, 0)
                continuation.resume(returning: (status & 0x7F == 0 ? status >> 8 & 0xFF : -1, texts.0, texts.1))
            }
        }
    }

    private static func readAll(_ descriptor: Int32) -> String {
        var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count <= 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer.prefix(count)
        }
    }

    /// The next line of standard output; nil at the end or after ten seconds.
    func readLine() async -> String? {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                defer { unread.removeFirst(end + 1) }
                return String(decoding: unread[..<end], as: UTF8.self)
            }
            guard let more = await readSome() else { return nil }
            unread += more
        }
    }
    private func readSome() async -> [UInt8]? {
        await withCheckedContinuation { [out] continuation in
            WorkerThread.start(name: "read") {
                var entry = pollfd(fd: out, events: Int16(POLLIN), revents: 0)
                var buffer = [UInt8](repeating: 0, count: 4096)
                let count = poll(&entry, 1, 10_000) > 0 ? read(out, &buffer, buffer.count) : 0
                continuation.resume(returning: count > 0 ? Array(buffer.prefix(count)) : nil)
            }
        }
    }

    /// Ctrl-C.
    func interrupt() {
        guard pid > 0 else { return }
        kill(pid, SIGINT)
        waitpid(pid, nil, 0)
        pid = 0
    }

    deinit {
        if pid > 0 {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        close(out)
        close(err)
    }
}
