import CPosix
import Glibc
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// Bricks that are not there when the volume starts, or go while it runs, and come back.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct ReplicateAwayTests {
    /// What stands where a brick's file system is not mounted.
    enum Remains: CaseIterable { case mountPoint, nothing }

    /// A volume of two bricks with the file "f" of "old", stopped.
    private func volume() async throws -> ReplicaStack {
        let stack = try await ReplicaStack()
        try await stack.close(try await stack.writing("old", to: "f"))
        #expect(await stack.passPostOpDelay())
        await stack.stop()
        return stack
    }

    private func takeAway(_ brick: String, _ remains: Remains) {
        #expect(rename(brick, brick + "-away") == 0)
        if remains == .mountPoint { #expect(mkdir(brick, 0o755) == 0) }
    }

    private func bringBack(_ brick: String) {
        // Of the mount point nothing may have been made a brick, so that it can be removed.
        #expect(rmdir(brick) == 0 || errno == ENOENT)
        #expect(rename(brick + "-away", brick) == 0)
    }

    @Test(arguments: Remains.allCases, [0, 1])
    func `a brick whose file system is not mounted is away, until it is mounted`(
        _ remains: Remains, _ lost: Int
    ) async throws {
        let before = try await volume(), brick = before.bricks[lost]
        takeAway(brick, remains)
        let stack = try await ReplicaStack(at: before)
        #expect(stack.replicate.up == [lost != 0, lost != 1])
        let kept = try await stack.open(try #require(try await stack.lookup("f").inode))
        #expect(try await stack.read(kept) == "old")
        try await stack.write("new", to: kept)
        try await stack.close(try await stack.writing("made", to: "g"))
        #expect(stack.counts(1 - lost, about: lost, "f").data > 0)
        #expect(stack.counts(1 - lost, about: lost, "/").entry > 0)
        if remains == .mountPoint {
            #expect(try LocalFile.names(in: brick).isEmpty && XattrReading.all(at: brick).isEmpty)
        }
        bringBack(brick)
        #expect(
            await eventually {
                stack.clock.advance(by: PosixTranslator.lookPause)
                return stack.replicate.up == [true, true]
            })
        // It is written again, and believed only where it misses nothing.
        try await stack.write("more", to: kept, at: 3)
        #expect(try await stack.read(kept) == "newmore")
        try await stack.close(kept)
        await stack.stop()
        #expect(stack.text(lost, "f") == "oldmore" && stack.text(1 - lost, "f") == "newmore")
    }

    @Test func `without any brick there is no volume, and one that never was needs all`() async throws {
        let before = try await volume()
        before.bricks.forEach { takeAway($0, .nothing) }
        await #expect(throws: VolfileError.self) { try await ReplicaStack(at: before) }
        before.bricks.forEach { bringBack($0) }
        await (try await ReplicaStack(at: before)).stop()
        let scratch = TemporaryDirectory("never")
        let bricks = [scratch.subdirectory("one"), scratch.appending("two")]
        let graph = try Graph.fromText(ReplicaStack.volfile(bricks, "", name: "v"))
        await #expect(throws: VolfileError.self) { try await graph.start() }
        #expect(try LocalFile.names(in: bricks[0]).isEmpty)
    }

    @Test func `an empty brick is made when somebody asks, and the others say what it misses`() async throws {
        let before = try await volume(), brick = before.bricks[1]
        takeAway(brick, .mountPoint)
        let graph = try Graph.fromText(
            ReplicaStack.volfile(before.bricks, "", name: "v-replicate-0"),
            environment: GraphEnvironment(time: before.clock, log: .silent, makesBricks: true))
        try await graph.start()
        #expect((graph.top as! ReplicateTranslator).up == [true, true])
        #expect(before.counts(0, about: 1, "/") == PendingCounts(metadata: 1, entry: 1))
        #expect(before.isIndexed(0, .root))
        #expect(
            XattrReading.value(of: PosixBrick.volumeIDKey, at: brick)
                == XattrReading.value(of: PosixBrick.volumeIDKey, at: before.bricks[0]))
        await graph.stop()
        // It lacks every name, and is not believed to have none.
        let stack = try await ReplicaStack(at: before)
        #expect(try await stack.read(try await stack.open(try #require(try await stack.lookup("f").inode))) == "old")
        await stack.stop()
    }

    @Test func `an empty brick is not made where no other is there to say what it misses`() async throws {
        let before = try await volume()
        takeAway(before.bricks[1], .mountPoint)
        // Of the other there is the id, but it cannot serve.
        unlink(before.bricks[0] + "/.glusterfs/health_check")
        mkdir(before.bricks[0] + "/.glusterfs/health_check", 0o755)
        let graph = try Graph.fromText(
            ReplicaStack.volfile(before.bricks, "", name: "v-replicate-0"),
            environment: GraphEnvironment(time: before.clock, log: .silent, makesBricks: true))
        await #expect(throws: VolfileError.self) { try await graph.start() }
        #expect(XattrReading.value(of: PosixBrick.volumeIDKey, at: before.bricks[1]) == nil)
    }

    @Test func `who waits while another makes the bricks finds them made`() async throws {
        let scratch = TemporaryDirectory("waiting"), id = Gfid.random(), clock = ManualClock()
        let places = (0..<2).map { scratch.subdirectory("brick\($0)") }
        func graph() throws -> Graph {
            try Graph.fromText(
                ReplicaStack.volfile(places, "", name: "v"), environment: GraphEnvironment(time: clock, log: .silent))
        }
        let maker = try graph(), waiting = try graph()
        let brick = try #require((maker.top as! ReplicateTranslator).replicas[0].localBrick)
        var claim = try brick.claim()
        #expect(claim != nil)
        let start = Task { try await waiting.start() }
        #expect(await eventually { clock.sleeperCount == 1 })
        for place in places {
            XattrReading.set(PosixBrick.volumeIDKey, to: id.bytes, at: place)
            #expect(mkdir(place + "/.glusterfs", 0o600) == 0)
        }
        claim = nil
        clock.advance(by: .seconds(1))
        try await start.value
        #expect((waiting.top as! ReplicateTranslator).volumeID == id)
        #expect((waiting.top as! ReplicateTranslator).up == [true, true])
        await waiting.stop()
    }

    @Test(arguments: [1, 0])
    func `a first start that ended in between goes on with the next one`(withID bricks: Int) async throws {
        // Goal: no operator is asked for anything. Method: what a start leaves that was killed behind its intents, and
        // behind the first id.
        let scratch = TemporaryDirectory("half-made"), id = Gfid.random()
        let places = (0..<2).map { scratch.subdirectory("brick\($0)") }
        for place in places { XattrReading.set(PosixBrick.intentKey, to: id.bytes, at: place) }
        for place in places.prefix(bricks) {
            XattrReading.set(PosixBrick.volumeIDKey, to: id.bytes, at: place)
            #expect(mkdir(place + "/.glusterfs", 0o600) == 0)
        }
        let graph = try Graph.fromText(ReplicaStack.volfile(places, "", name: "v"))
        try await graph.start()
        #expect((graph.top as! ReplicateTranslator).up == [true, true])
        for place in places { #expect(XattrReading.value(of: PosixBrick.volumeIDKey, at: place) == id.bytes) }
        await graph.stop()
        #expect(XattrReading.value(of: PosixBrick.intentKey, at: places[1]) == nil)
        withExtendedLifetime(scratch) {}
    }

    @Test func `two that start a new volume at once make one`() async throws {
        for _ in 0..<5 {
            let scratch = TemporaryDirectory("at-once")
            let places = (0..<2).map { scratch.subdirectory("brick\($0)") }
            let graphs = try (0..<3).map { _ in try Graph.fromText(ReplicaStack.volfile(places, "", name: "v")) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for graph in graphs { group.addTask { try await graph.start() } }
                try await group.waitForAll()
            }
            let ids = Set(graphs.map { ($0.top as! ReplicateTranslator).volumeID })
            #expect(ids.count == 1 && graphs.allSatisfy { ($0.top as! ReplicateTranslator).up == [true, true] })
            for graph in graphs { await graph.stop() }
            withExtendedLifetime(scratch) {}
        }
    }

    @Test func `a brick that fails comes back by itself, and nothing of before is used`() async throws {
        // Goal: its file system can be unmounted while it is away, and what was open is opened on the new one. Method:
        // the health check fails, the directory is moved away and comes back as a copy.
        let stack = try await ReplicaStack(), brick = stack.bricks[1]
        let fd = try await stack.writing("old", to: "f")
        #expect(await stack.passPostOpDelay())
        let stamp = brick + "/.glusterfs/health_check"
        unlink(stamp)
        mkdir(stamp, 0o755)
        #expect(
            await eventually(within: .seconds(60)) {
                stack.clock.advance(by: .seconds(1))
                return stack.replicate.up == [true, false]
            })
        #expect(await eventually { Self.descriptors(under: brick).isEmpty })
        try await stack.write("new", to: fd)
        #expect(stack.counts(0, about: 1, "f").data > 0)
        rmdir(stamp)
        #expect(
            await eventually(within: .seconds(60)) {
                stack.clock.advance(by: .seconds(1))
                return stack.replicate.up == [true, true]
            })
        try await stack.write("more", to: fd, at: 3)
        try await stack.close(fd)
        #expect(stack.text(0, "f") == "newmore" && stack.text(1, "f") == "oldmore")
        await stack.stop()
    }

    /// Files of this process that are open below a directory.
    private static func descriptors(under brick: String) -> [String] {
        ((try? LocalFile.names(in: "/proc/self/fd")) ?? []).compactMap {
            BrickObject.linkTarget(of: "/proc/self/fd/\($0)")
        }.filter { $0.hasPrefix(brick) }
    }
}

extension ReplicaStack {
    /// A new file, open, with `text` in it.
    fileprivate func writing(_ text: String, to name: EntryName) async throws -> Fd {
        let fd = try await create(name)
        try await write(text, to: fd)
        return fd
    }
}
