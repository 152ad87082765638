import CPosix
import Glibc
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs trusted xattrs: run as root"))
struct PosixHealthTests {
    /// A graph with something above the brick that hears its events.
    func watched(_ directory: String, _ clock: ManualClock, options: String = "") async throws -> (
        Graph, PosixTranslator, EventListener
    ) {
        let graph = try Graph.fromText(
            """
            volume brick
                type storage/posix
                option directory \(directory)
            \(options)
            end-volume
            volume top
                type testing/event-listener
                subvolumes brick
            end-volume
            """, extra: [EventListener.self], environment: GraphEnvironment(time: clock, log: .silent))
        try await graph.start()
        return (graph, graph["brick"] as! PosixTranslator, graph.top as! EventListener)
    }

    @Test func `the stamp has the form that genuine bricks write`() {
        #expect(
            String(
                decoding: PosixBrick.healthStamp(at: Timestamp(seconds: 1_700_000_000, nanoseconds: 5)), as: UTF8.self)
                == "2023-11-14 22:13:20 +0000")
        #expect(PosixBrick.healthStamp(at: .zero).count == PosixBrick.healthStampBytes)
    }

    @Test func `the stamp is rewritten by the clock`() async throws {
        let scratch = TemporaryDirectory("posix-health"), clock = ManualClock()
        let (graph, _, _) = try await watched(scratch.path, clock)
        func stamp() -> String {
            let number = cposix_open(scratch.appending(".glusterfs/health_check"), O_RDONLY, 0)
            defer { close(number) }
            var bytes = [UInt8](repeating: 0, count: 100)
            let count = read(number, &bytes, bytes.count)
            return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        }
        #expect(stamp() == "2023-11-14 22:13:20 +0000")
        #expect(await eventually(within: .seconds(60)) { clock.sleeperCount == 2 })
        clock.advance(by: .seconds(30))
        #expect(await eventually(within: .seconds(60)) { stamp() == "2023-11-14 22:13:50 +0000" })
        await graph.stop()
        #expect(clock.sleeperCount == 0)
    }

    @Test func `a failed check takes the brick down for good and tells those above`() async throws {
        let scratch = TemporaryDirectory("posix-health"), clock = ManualClock()
        let (graph, posix, listener) = try await watched(scratch.path, clock)
        let frame = Frame(caller: .root)
        let root = graph.environment.inodes.inode(.root, type: .directory)
        let inode = graph.environment.inodes.inode(.random(), type: .regular)
        let fd = Fd(inode: inode, flags: .readWrite)
        let entry = NewEntry(parent: root, name: "file", inode: inode)
        _ = try await posix.create(CreateRequest(entry: entry, fd: fd, mode: 0o644), in: frame)
        #expect(listener.heard == ["up"])
        #expect(await eventually(within: .seconds(60)) { clock.sleeperCount == 2 })
        // The stamp cannot be written any more.
        unlink(scratch.appending(".glusterfs/health_check"))
        mkdir(scratch.appending(".glusterfs/health_check"), 0o755)
        clock.advance(by: .seconds(30))
        #expect(await eventually(within: .seconds(60)) { listener.heard == ["up", "down"] })
        #expect(await failure { _ = try await posix.lookup(LookupRequest(.inode(root)), in: frame) } == .notConnected)
        #expect(
            await failure { _ = try await posix.readv(ReadRequest(fd: fd, offset: 0, bytes: 1), in: frame) }
                == .notConnected)
        #expect(await failure { _ = try await posix.statfs(StatfsRequest(inode: root), in: frame) } == .notConnected)
        #expect(
            await failure { _ = try await posix.mkdir(MkdirRequest(entry: entry, mode: 0o755), in: frame) }
                == .notConnected)
        guard case .flag(false)? = posix.dump()?.entries.first(where: { $0.0 == "healthy" })?.1 else {
            Issue.record("healthy"); return
        }
        await posix.release(fd)
        await graph.stop()
    }

    @Test func `a check that hangs counts as failed after its timeout`() async throws {
        // Goal: a dead disk, on which calls never return, takes the brick down. Method: work that never ends by itself.
        let clock = ManualClock()
        let ended = Atomic<Int>(0)
        let outcome = Task {
            let outcome = await ThreadWork.run(name: "hangs", timeout: .seconds(20), on: clock) { isGivenUp in
                while !isGivenUp() { usleep(1000) }
                ended.add(1, ordering: .relaxed)
            }
            ended.add(1, ordering: .relaxed)
            return outcome
        }
        // The task's end, and the work's own: it is told to give up.
        #expect(
            await eventually(within: .seconds(60)) {
                clock.advanceToNextDeadline()
                return ended.load(ordering: .relaxed) == 2
            })
        guard case .timedOut = await outcome.value else {
            Issue.record("not timed out")
            return
        }
    }

    @Test func `work that is cancelled is given up`() async throws {
        let clock = ManualClock()
        let task = Task {
            await ThreadWork.run(name: "waits", on: clock) { isGivenUp in
                while !isGivenUp() { usleep(1000) }
            }
        }
        task.cancel()
        guard case .cancelled = await task.value else { Issue.record("not cancelled"); return }
        guard case .done(7) = await ThreadWork.run(name: "works", on: clock, { _ in 7 }) else {
            Issue.record("not done"); return
        }
    }

    @Test func `an interval of zero checks nothing`() async throws {
        let scratch = TemporaryDirectory("posix-health"), clock = ManualClock()
        let (graph, _, _) = try await watched(scratch.path, clock, options: "    option health-check-interval 0")
        #expect(await eventually(within: .seconds(60)) { clock.sleeperCount == 1 })
        await graph.stop()
    }
}

/// Remembers whether the brick below said that it is up or down.
final class EventListener: Translator {
    static let type: TranslatorType = "testing/event-listener"
    static let needs: SubvolumeNeed = .exactly(1)
    let volume: Volume
    private let events = Mutex<[String]>([])

    init(_ volume: Volume) throws(VolfileError) { self.volume = volume }

    var heard: [String] { events.withLock { $0 } }

    func notify(_ event: GraphEvent, from subvolume: any Translator) {
        switch event {
        case .subvolumeUp: events.withLock { $0.append("up") }
        case .subvolumeDown: events.withLock { $0.append("down") }
        default: break
        }
    }
}
