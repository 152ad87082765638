import CPosix
import Glibc
import RangeMapping
import ReplicaState
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

extension BypassTests {
    /// One writer with faults, and a healer that follows DESIGN §3.3 step 3 on what the writer told it.
    @Suite struct BypassSimulationTests {
        /// Seeds beyond those of CI: SIMULATION_SEEDS=200.
        static let seedMax = getenv("SIMULATION_SEEDS").flatMap { UInt64(String(cString: $0)) } ?? 24

        @Test(arguments: 1...seedMax)
        func `whatever fails, replicas that differ are marked, and what records explain they explain`(
            seed: UInt64
        ) async throws {
            let simulation = try await Simulation(seed: seed)
            for step in 0..<60 {
                let what = try await simulation.step()
                if let broken = simulation.violation {
                    Issue.record("seed \(seed), step \(step), \(what): \(broken)")
                    break
                }
            }
            try await simulation.finish()
            if let broken = simulation.violation { Issue.record("seed \(seed), at the end: \(broken)") }
            #expect(
                simulation.isClean,
                "seed \(seed): target \(seed % UInt64(simulation.count)) \(simulation.history.joined(separator: "\n"))")
            await simulation.stack.stop()
        }
    }
}

private final class Simulation {
    let stack: BypassStack
    var random: SeededRandom
    var fds: [Fd] = []
    var inode: Inode
    var history: [String] = []
    var violation: String?
    let count: Int
    private var cut: Int?

    init(seed: UInt64) async throws {
        random = SeededRandom(seed: seed)
        count = seed % 3 == 0 ? 3 : 2
        stack = try await BypassStack(count, target: Int(seed % UInt64(count)))
        fds = [try await stack.create("file")]
        inode = fds[0].inode
        fds.append(try await stack.open(inode, [.readWrite, .append]))
    }

    private var target: Int { stack.bypass.targetPosition }
    private func number(_ range: Range<UInt64>) -> UInt64 { UInt64.random(in: range, using: &random) }
    private func bytes(_ count: UInt64) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 1...255, using: &random) }
    }

    func step() async throws -> String {
        let what = try await act()
        await quiesce()
        history.append("\(what)   \(marks)")
        return what
    }

    /// For whoever has to understand a failing seed: what each replica holds against each, and how many epochs miss.
    private var marks: String {
        (0..<count).map { i in
            let row = (0..<count).map { j in
                "\(stack.counts(i, about: j, "file").data)/\(stack.epochs(i, about: j, "file").missing)"
            }
            return row.joined(separator: " ") + (stack.dirty(i, "file").data == 0 ? "" : " dirty")
        }.joined(separator: " | ")
    }

    private func act() async throws -> String {
        let fd = fds.first
        switch number(0..<26) {
        case 0...6:
            guard let fd else { return "nothing" }
            let (offset, content) = (number(0..<30_000), bytes(number(1..<6_000)))
            let result = await outcome { try await self.stack.write(content, to: fd, at: offset) }
            return "write \(offset)+\(content.count) \(result)"
        case 7, 8:
            guard fds.count > 1 else { return "nothing" }
            let (appending, content) = (fds[1], bytes(number(1..<3_000)))
            return "append \(content.count) " + (await outcome { try await self.stack.write(content, to: appending) })
        case 9, 10:
            let size = number(0..<35_000)
            let request = TruncateRequest(.inode(inode), size: size)
            return "truncate \(size) "
                + (await outcome { try await self.stack.bypass.truncate(request, in: self.stack.frame) })
        case 11:
            guard let fd else { return "nothing" }
            let request = DiscardRequest(fd: fd, offset: number(0..<30_000), bytes: number(1..<9_000))
            return "discard " + (await outcome { try await self.stack.bypass.discard(request, in: self.stack.frame) })
        case 12...14:
            let pause = number(1..<90)
            stack.clock.advance(by: .milliseconds(Int64(pause)))
            return "\(pause) ms pass"
        case 15:
            stack.clock.advance(by: .milliseconds(2_100))
            return "2.1 s pass"
        case 16:
            let moment: FaultyTranslator.Moment = number(0..<2) == 0 ? .before : .after
            let times = Int(number(1..<3))
            stack.faulty[target].fail(.xattrop, with: .io, times: times, at: moment)
            return "\(times) xattrops will fail \(moment)"
        case 17:
            stack.faulty[target].fail(.fsync, with: .io, times: 1)
            return "an fsync will fail"
        case 18:
            let moment: FaultyTranslator.Moment = number(0..<2) == 0 ? .before : .after
            // A refusal changes nothing; an I/O error may come in the middle.
            let error: FopError = moment == .before ? .noSpace : .io
            stack.faulty[target].fail(.writev, with: error, times: 1, at: moment)
            return "a write to the target will fail \(moment)"
        case 19, 20: return await toggleLink()
        case 21:
            return "fsync "
                + (await outcome { [fds] in if let fd = fds.first { try await self.stack.fsync(fd) } })
        case 22: return try await reopen()
        case 23: return await contend()
        default: return await heal()
        }
    }

    private func outcome<Value>(_ body: () async throws -> Value) async -> String {
        do {
            _ = try await body()
            return "done"
        } catch { return "\(error)" }
    }

    private func reopen() async throws -> String {
        guard fds.isEmpty else {
            for fd in fds { await stack.bypass.release(fd) }
            fds = []
            return "closed"
        }
        do {
            fds = [try await stack.open(inode), try await stack.open(inode, [.readWrite, .append])]
            return "opened"
        } catch { return "not opened: \(error)" }
    }

    private func contend() async -> String {
        guard cut == nil else { return "nothing" }
        let (stack, inode, target) = (stack, inode, target)
        let frame = Frame(caller: .root)
        func lock(_ command: LockCommand) async throws {
            _ = try await stack.links[target].inodelk(
                InodelkRequest(.inode(inode), domain: "v-replicate-0", command: command, range: .whole), in: frame)
        }
        let taken = await outcome {
            try await lock(.acquire)
            try await lock(.release)
        }
        return "somebody wants the whole file: \(taken)"
    }

    /// One at a time, and not while an ordinary write is missing somewhere: two replicas that each miss something of
    /// the other are AFR's split-brain, not ours.
    private func toggleLink() async -> String {
        if let down = cut {
            cut = nil
            stack.links[down].mend()
            return "replica \(down) is back"
        }
        let isOurs = (0..<count).allSatisfy { i in
            stack.dirty(i, "file").isZero
                && (0..<count).allSatisfy { stack.counts(i, about: $0, "file").data % 65_536 == 0 }
        }
        guard isOurs else { return "nothing" }
        let down = Int(number(0..<UInt64(count)))
        cut = down
        await stack.links[down].cut()
        return "replica \(down) is cut off"
    }

    func quiesce() async {
        guard let file = stack.bypass.context(inode) else { return }
        let isQuiet = await eventually {
            file.guarded.withLock { [.closed, .open].contains($0.state.phase) && !$0.state.isRolling }
        }
        if !isQuiet { violation = "it does not come to rest" }
        check()
    }

    /// Replicas that differ: somebody accuses one of them, or a transaction is open. And no count is negative.
    private func check() {
        let contents = (0..<count).map { stack.content($0, "file") }
        let counts = (0..<count).map { i in (0..<count).map { stack.counts(i, about: $0, "file").data } }
        let isDirty = (0..<count).contains { stack.dirty($0, "file").data != 0 }
        if counts.joined().contains(where: { $0 < 0 }) { violation = "a negative count: \(counts)" }
        for i in 0..<count {
            for j in 0..<i where contents[i] != contents[j] && !isDirty {
                let isAccused = (0..<count).contains { counts[$0][i] != 0 || counts[$0][j] != 0 }
                // What replicate has not finished yet it holds the lock for.
                if !isAccused && stack.replicate.openLeaseCount == 0 {
                    violation = "replicas \(i) and \(j) differ and nothing says so; \(counts)"
                }
            }
        }
    }

    // The healer.

    private func heal() async -> String {
        guard cut == nil else { return "nothing" }
        await stack.replicate.settle(inode)
        let mark = InodelkRequest(
            .inode(inode), domain: "v-replicate-0:bypass-epoch", command: .tryAcquire, range: .whole)
        let frame = Frame(caller: .selfHeal)
        let isOpen: Bool
        do {
            _ = try await stack.links[target].inodelk(mark, in: frame)
            isOpen = false
        } catch { isOpen = true }
        let what = await heal(isOpen: isOpen)
        if !isOpen {
            let release = InodelkRequest(
                .inode(inode), domain: "v-replicate-0:bypass-epoch", command: .release, range: .whole)
            _ = try? await stack.links[target].inodelk(release, in: frame)
        }
        return "heal: \(what)"
    }

    private func heal(isOpen: Bool) async -> String {
        let others = (0..<count).filter { $0 != target }
        let accusers = others.filter { i in (0..<count).contains { stack.counts(i, about: $0, "file").data != 0 } }
        let isDirty = (0..<count).contains { stack.dirty($0, "file").data != 0 }
        if !accusers.isEmpty {
            guard !isOpen else { return "not now" }
            return await healWhole()
        }
        var words: [String] = []
        for sink in others { words.append(await heal(sink, isOpen: isOpen, isDirty: isDirty)) }
        if isDirty && !isOpen {
            for replica in 0..<count {
                await add(replica, [PendingCounts.dirtyKey: stack.dirty(replica, "file").negated.xattr])
            }
        }
        return words.joined(separator: ", ")
    }

    /// Others than the target accuse somebody: whoever is accused by nobody is copied from, whole, with no epoch open.
    private func healWhole() async -> String {
        let source = (0..<count).first { j in (0..<count).allSatisfy { stack.counts($0, about: j, "file").data == 0 } }
        guard let source else { return "split-brain" }
        for sink in 0..<count where sink != source { copyAll(from: source, to: sink) }
        for replica in 0..<count {
            var deltas: Xattrs = [PendingCounts.dirtyKey: stack.dirty(replica, "file").negated.xattr]
            for other in 0..<count {
                deltas[stack.keys[other]] = stack.counts(replica, about: other, "file").negated.xattr
            }
            await add(replica, deltas)
        }
        return "whole, from \(source)"
    }

    private func heal(_ sink: Int, isOpen: Bool, isDirty: Bool) async -> String {
        let marks = stack.bypass.marks
        guard
            let reply = try? await stack.links[target].xattrop(
                XattropRequest(.inode(inode), values: marks.reading), in: Frame(caller: .selfHeal)),
            let counts = try? marks.counts({ reply.values[$0] })
        else { return "unreadable" }
        let (pending, epochs) = (counts.pending[sink].data, counts.bypass[sink])
        let complete = completeEpochs
        var run: [Int32] = []
        while complete[epochs.healed + Int32(run.count) + 1] != nil && epochs.healed + Int32(run.count) < epochs.opened
        {
            run.append(epochs.healed + Int32(run.count) + 1)
        }
        let reachesEnd = Int32(run.count) == epochs.missing
        if pending == 65_536 * epochs.missing, !isDirty, !run.isEmpty, reachesEnd || isOpen {
            let ranges = ByteRanges(run.flatMap { complete[$0]! })
            copy(ranges, to: sink)
            await takeOff(65_536 * Int32(run.count), Int32(run.count), sink)
            if reachesEnd && stack.content(sink, "file") != stack.content(target, "file") {
                violation = "epochs \(run) were healed by their records, and replica \(sink) differs"
            }
            return "\(run.count) epochs on \(sink)"
        }
        let kept = isOpen ? min(2, pending / 65_536) : 0
        if pending == 65_536 * kept && epochs.missing <= kept && !isDirty { return "nothing on \(sink)" }
        copyAll(from: target, to: sink)
        await takeOff(pending - 65_536 * kept, max(0, epochs.missing - kept), sink)
        return "whole on \(sink), \(kept) left"
    }

    /// Ranges by generation, of epochs whose close is exact and agrees with the records.
    private var completeEpochs: [Int32: [ByteRange]] {
        var ranges: [Int32: [ByteRange]] = [:], records: [Int32: UInt64] = [:], complete: Set<Int32> = []
        var inexact: Set<Int32> = []
        for event in stack.observer.events {
            switch event {
            case .began(let generation, let offset, let bytes):
                records[generation, default: 0] += 1
                if let range = ByteRange(offset: offset, bytes: bytes) { ranges[generation, default: []].append(range) }
            case .closed(let generation, let count, let isExact):
                if isExact && count == records[generation, default: 0] { complete.insert(generation) }
                if !isExact { inexact.insert(generation) }
            default: break
            }
        }
        return complete.subtracting(inexact).reduce(into: [:]) { $0[$1] = ranges[$1] ?? [] }
    }

    private func takeOff(_ pending: Int32, _ epochs: Int32, _ sink: Int) async {
        var deltas = stack.bypass.marks.reading
        deltas[stack.keys[sink]] = PendingCounts(data: -pending).xattr
        deltas[BypassCounts.key(for: stack.keys[sink])] = BypassCounts(opened: 0, healed: epochs).xattr
        await add(target, deltas)
        stack.bypass.confirmed(gfid: inode.gfid, generation: 0, replica: sink)
    }

    private func add(_ replica: Int, _ deltas: Xattrs) async {
        do {
            _ = try await stack.links[replica].xattrop(
                XattropRequest(.inode(inode), values: deltas), in: Frame(caller: .selfHeal))
        } catch { violation = "the healer's xattrop failed: \(error)" }
    }

    private func copyAll(from source: Int, to sink: Int) {
        let content = stack.content(source, "file")
        put(content, at: 0, sink)
        precondition(truncate(stack.path(sink, "file"), off_t(content.count)) == 0)
    }

    private func copy(_ ranges: ByteRanges, to sink: Int) {
        let content = stack.content(target, "file")
        let size = UInt64(content.count)
        for range in ranges.ranges {
            if range.start < size {
                put(Array(content[Int(range.start)..<Int(min(range.end, size))]), at: range.start, sink)
            }
            let length = UInt64(stack.content(sink, "file").count)
            let path = stack.path(sink, "file")
            if range.end > size && length > size { precondition(truncate(path, off_t(size)) == 0) }
            if length < min(range.end, size) { precondition(truncate(path, off_t(min(range.end, size))) == 0) }
        }
    }

    private func put(_ bytes: [UInt8], at offset: UInt64, _ sink: Int) {
        let fd = Glibc.open(stack.path(sink, "file"), O_WRONLY)
        precondition(fd >= 0)
        defer { Glibc.close(fd) }
        precondition(pwrite(fd, bytes, bytes.count, off_t(offset)) == bytes.count)
    }

    /// Everything mended, closed and healed.
    func finish() async throws {
        stack.faulty.forEach { $0.mend() }
        if let down = cut {
            cut = nil
            stack.links[down].mend()
        }
        await quiesce()
        for fd in fds { await stack.bypass.release(fd) }
        fds = []
        history.append(await heal())
        history.append(await heal())
    }

    var isClean: Bool {
        let contents = Set((0..<count).map { stack.content($0, "file") })
        let isUnmarked = (0..<count).allSatisfy { i in
            stack.dirty(i, "file").isZero && (0..<count).allSatisfy { stack.counts(i, about: $0, "file").isZero }
        }
        return contents.count == 1 && isUnmarked && stack.links.allSatisfy { $0.heldLocks.isEmpty }
    }
}
