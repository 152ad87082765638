import ReplicaState
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

extension BypassTests {
    @Suite struct BypassBacklogTests {
        private func detours(_ stack: BypassStack, _ reason: Detour) -> UInt64 {
            stack.bypass.status.detours.first { $0.reason == reason.name }!.count
        }

        @Test func `past max-lag a file is replicated until its lag is below half of that`() async throws {
            let log = LogLines()
            let stack = try await BypassStack(bypass: "option max-lag 4", log: log.log)
            let fd = try await stack.create("file"), other = try await stack.create("other")
            try await stack.write("a", to: fd)
            #expect(await stack.passIdle(fd))
            #expect(stack.bypass.status.lag > .zero && stack.bypass.status.backlogBytes == 1)
            stack.clock.advance(by: .seconds(4))
            try await stack.write("b", to: fd, at: 1)
            #expect(detours(stack, .lag) == 1 && stack.text(1, "file") == "\0b")
            // A file that is not behind does not suffer.
            try await stack.write("a", to: other)
            #expect(stack.bypass.status.writesLocal == 2)
            stack.heal("file", on: 1)
            stack.bypass.confirmed(gfid: fd.inode.gfid, generation: 2, replica: 1)
            #expect(await eventually { stack.bypass.status.backlogFiles == 0 })
            try await stack.write("c", to: fd, at: 2)
            #expect(stack.bypass.status.writesLocal == 3)
            for fd in [fd, other] { try await stack.close(fd) }
            await stack.stop()
        }

        @Test func `an open epoch that passes max-lag is closed without a successor, and that is logged once`()
            async throws
        {
            let log = LogLines()
            let stack = try await BypassStack(bypass: "option max-lag 400ms", log: log.log)
            let fd = try await stack.create("file")
            for position in 0..<30 {
                try await stack.write("x", to: fd, at: UInt64(position))
                stack.clock.advance(by: .milliseconds(20))
                let rolled = stack.bypass.status.rolls
                _ = await eventually(within: .milliseconds(50)) { stack.bypass.status.rolls > rolled }
            }
            #expect(stack.bypass.status.closes.first { $0.reason == "max-lag" }?.count == 1)
            #expect(detours(stack, .lag) > 0 && stack.bypass.status.limitHits == 1)
            #expect(log.all.count { $0.contains("max-lag") } == 1)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `past max-backlog all files are replicated until half of it is healed`() async throws {
            let log = LogLines()
            let stack = try await BypassStack(bypass: "option max-backlog 1000", log: log.log)
            let fd = try await stack.create("file"), other = try await stack.create("other")
            try await stack.write([UInt8](repeating: 1, count: 600), to: fd)
            try await stack.write([UInt8](repeating: 1, count: 600), to: other)
            #expect(stack.bypass.status.heldBack == nil)
            #expect(await stack.pass { stack.bypass.status.heldBack == "max-backlog" })
            #expect(await eventually { stack.phase(fd) == .closed && stack.phase(other) == .closed })
            try await stack.write("a", to: fd)
            #expect(detours(stack, .backlog) == 1)
            stack.heal("file", on: 1)
            stack.bypass.confirmed(gfid: fd.inode.gfid, generation: 2, replica: 1)
            #expect(await eventually { stack.bypass.status.backlogBytes == 600 })
            #expect(stack.bypass.status.heldBack == "max-backlog")
            stack.heal("other", on: 1)
            stack.bypass.confirmed(gfid: other.inode.gfid, generation: 2, replica: 1)
            #expect(await eventually { stack.bypass.status.heldBack == nil })
            stack.clock.advance(by: .seconds(2))
            try await stack.write("b", to: fd)
            #expect(stack.bypass.status.writesLocal == 3)
            #expect(log.all.count { $0.contains("max-backlog") } == 2)
            for fd in [fd, other] { try await stack.close(fd) }
            await stack.stop()
        }

        @Test func `over-limit block makes writes wait for the healer`() async throws {
            let stack = try await BypassStack(bypass: "option max-lag 4\n option over-limit block")
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            #expect(await stack.passIdle(fd))
            stack.clock.advance(by: .seconds(4))
            let done = Done()
            let write = Task {
                try await stack.write("b", to: fd, at: 1)
                done.set()
            }
            for _ in 0..<10 { stack.clock.advance(by: .milliseconds(500)) }
            #expect(!done.isSet && detours(stack, .lag) == 0)
            stack.heal("file", on: 1)
            // The confirmation got lost: it is found out all the same.
            #expect(await stack.pass(.milliseconds(500)) { done.isSet })
            _ = try await write.value
            #expect(stack.text(0, "file") == "ab" && stack.text(1, "file") == "a")
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `with a replica down block acts as replicate`() async throws {
            let stack = try await BypassStack(3, bypass: "option max-lag 4\n option over-limit block")
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            #expect(await stack.passIdle(fd))
            stack.clock.advance(by: .seconds(4))
            let write = Task { try await stack.write("b", to: fd, at: 1) }
            #expect(await eventually { stack.bypass.alarm.inodes.contains { $0 === fd.inode } })
            await stack.links[2].cut()
            _ = try await write.value
            #expect(stack.text(1, "file") == "\0b")
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a blocked write can be interrupted`() async throws {
            let stack = try await BypassStack(bypass: "option max-lag 4\n option over-limit block")
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            #expect(await stack.passIdle(fd))
            stack.clock.advance(by: .seconds(4))
            let write = Task { try await stack.write("b", to: fd, at: 1) }
            #expect(await eventually { stack.bypass.alarm.inodes.contains { $0 === fd.inode } })
            write.cancel()
            await #expect(throws: FopError.interrupted) { try await write.value }
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a signal to the program ends the wait of its own write, also one that came first`() async throws {
            let stack = try await BypassStack(bypass: "option max-lag 4\n option over-limit block")
            let waits = stack.graph.environment.waits
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            #expect(await stack.passIdle(fd))
            stack.clock.advance(by: .seconds(4))
            let draft = stack.graph.environment.pool.draft(bytes: 1)
            draft.bytes.copyBytes(from: [7])
            let request = WriteRequest(fd: fd, offset: 1, payload: Payload(draft.freeze(count: 1)))
            for number: UInt64 in [10, 12] {
                let frame = Frame(caller: .root, time: stack.frame.time, unique: number)
                if number == 12 { waits.interrupt(number) }
                let write = Task { try await stack.bypass.writev(request, in: frame) }
                if number == 10 {
                    #expect(await eventually { stack.bypass.alarm.inodes.contains { $0 === fd.inode } })
                    waits.interrupt(8)
                    waits.interrupt(number)
                }
                await #expect(throws: FopError.interrupted) { try await write.value }
            }
            #expect(stack.text(0, "file") == "a")
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a lost confirmation is made up for by looking, also for files that were closed and deleted`()
            async throws
        {
            let stack = try await BypassStack()
            let fd = try await stack.create("file"), gone = try await stack.create("gone")
            for fd in [fd, gone] {
                try await stack.write("a", to: fd)
                try await stack.close(fd)
            }
            #expect(stack.bypass.status.backlogFiles == 2)
            stack.heal("file", on: 1)
            _ = try await stack.bypass.unlink(UnlinkRequest(parent: stack.root, name: "gone"), in: stack.frame)
            #expect(await stack.pass(.seconds(1)) { stack.bypass.status.backlogFiles == 0 })
            #expect(stack.observer.events.contains(.healed(1)))
            // Nothing of what is gone is ever asked for: the journal may forget all of it.
            #expect(stack.observer.steps.contains { $0.gfid == gone.inode.gfid && $0.event == .healed(.max) })
            await stack.stop()
        }

        @Test func `the journal may forget what every sink has healed, and not before`() async throws {
            let stack = try await BypassStack(3)
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            #expect(await stack.pass { stack.observer.closed[1] != nil })
            stack.heal("file", on: 1, epochs: 1)
            stack.bypass.confirmed(gfid: fd.inode.gfid, generation: 1, replica: 1)
            try await stack.write("b", to: fd, at: 1)
            #expect(await stack.pass { stack.observer.closed[2] != nil })
            #expect(!stack.observer.events.contains { if case .healed = $0 { true } else { false } })
            stack.heal("file", on: 2, epochs: 1)
            stack.bypass.confirmed(gfid: fd.inode.gfid, generation: 1, replica: 2)
            #expect(await eventually { stack.observer.events.contains(.healed(1)) })
            #expect(!stack.observer.events.contains(.healed(2)))
            try await stack.close(fd)
            await stack.stop()
        }
    }
}

@Suite struct HealBacklogTests {
    private let gfid = Gfid(high: 1, low: 2)
    private func epoch(_ generation: Int32, bytes: UInt64, at seconds: Int64) -> ClosedEpoch {
        ClosedEpoch(
            generation: generation, records: 1, bytes: bytes,
            firstRecord: MonotonicTime(nanoseconds: seconds * 1_000_000_000),
            isExact: true)
    }
    private func time(_ seconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

    @Test func `bytes and age are those of what is not healed`() {
        var backlog = HealBacklog()
        backlog.closed(epoch(1, bytes: 10, at: 100), of: gfid, at: MonotonicTime(nanoseconds: 0))
        backlog.closed(epoch(3, bytes: 30, at: 120), of: gfid, at: MonotonicTime(nanoseconds: 0))
        backlog.closed(epoch(2, bytes: 20, at: 110), of: gfid, at: MonotonicTime(nanoseconds: 0))
        backlog.closed(.unknown(generation: 4), of: gfid, at: MonotonicTime(nanoseconds: 0))
        #expect(backlog.bytes == 60 && backlog.lag(of: gfid, at: time(130)) == .seconds(30))
        let news = [backlog.healed(gfid, through: 1), backlog.healed(gfid, through: 1)]
        #expect(news == [true, false])
        #expect(backlog.bytes == 50 && backlog.lag(of: gfid, at: time(130)) == .seconds(20))
        backlog.healed(gfid, through: 7)
        #expect(backlog.bytes == 0 && backlog.lag(at: time(130)) == .zero && !backlog.contains(gfid))
    }

    @Test(arguments: UInt64(1)...20) func `merging never shows a lag too small nor bytes wrong`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var backlog = HealBacklog(), exact: [(generation: Int32, since: Int64, bytes: UInt64)] = []
        var healed: Int32 = 0
        for generation in Int32(1)...500 {
            let bytes = UInt64.random(in: 1...1_000, using: &random)
            backlog.closed(
                epoch(generation, bytes: bytes, at: Int64(generation)), of: gfid, at: MonotonicTime(nanoseconds: 0))
            exact.append((generation, Int64(generation), bytes))
            if Int.random(in: 0..<20, using: &random) == 0 {
                healed = Int32.random(in: healed...generation, using: &random)
                backlog.healed(gfid, through: healed)
                exact.removeAll { $0.generation <= healed }
            }
            let left = exact.reduce(0) { $0 + $1.bytes }
            #expect(backlog.bytes >= left)
            let lag = exact.first.map { Duration.seconds(1_000 - $0.since) } ?? .zero
            #expect(backlog.lag(of: gfid, at: time(1_000)) >= lag)
            #expect((backlog.files[gfid]?.count ?? 0) <= HealBacklog.samplesMax)
        }
        backlog.healed(gfid, through: 500)
        #expect(backlog.bytes == 0)
    }

    @Test func `files are looked at in turn, whatever comes and goes`() {
        var backlog = HealBacklog()
        let gfids = (1...10).map { Gfid(high: 0, low: UInt64($0)) }
        for round in Int32(1)...1_000 {
            for gfid in gfids {
                backlog.closed(epoch(round, bytes: 1, at: 1), of: gfid, at: MonotonicTime(nanoseconds: 0))
            }
            for gfid in gfids.dropFirst(3) { backlog.healed(gfid, through: round) }
        }
        let waiting = Set(gfids.prefix(3))
        #expect(Set(backlog.next(3)) == waiting && Set(backlog.next(64)) == waiting && backlog.next(2).count == 2)
        for gfid in waiting { backlog.healed(gfid, through: 1_000) }
        #expect(backlog.next(64).isEmpty && backlog.bytes == 0)
    }

    @Test func `a limit is passed above it and left below half of it`() {
        var limit = Hysteresis<Int>()
        let values = [10, 100, 101, 80, 50, 49, 100, 101]
        let over = values.map { value in
            _ = limit.update(value, limit: 100, half: 50)
            return limit.isOver
        }
        #expect(over == [false, false, true, true, true, false, false, true])
        let isNews = limit.update(1_000, limit: nil, half: nil)
        #expect(isNews && !limit.isOver)
    }
}
