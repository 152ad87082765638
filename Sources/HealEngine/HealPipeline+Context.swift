import HealProtocol
import RangeMapping
import Synchronization
import TranslatorCore

/// What a heal asks while it runs.
extension HealPipeline: HealContext {
    var isStopping: Bool { state.withLock { $0.isStopping } }

    func epochs(_ gfid: Gfid, target: Int, opened: Int32, markIsFree: Bool) async -> EpochView {
        let file = EpochKnowledge.File(gfid: gfid, target: target)
        return EpochView(
            run: { first, last in self.state.withLock { $0.knowledge.run(file, from: first, through: last) } },
            newest: markIsFree ? await newest(file, opened) : .mayBeOpen(until: nil))
    }

    /// Whether the newest epoch may still be written although nobody holds its mark: it has no close, or one that says
    /// that its writer lost its connection, perhaps with writes on the way (DESIGN §3.3, step 2).
    private func newest(_ file: EpochKnowledge.File, _ opened: Int32) async -> EpochView.Newest {
        let now = time.now()
        let (ending, known, foundFree) = state.withLock { state in
            (
                state.knowledge.ending(of: file, opened), state.knowledge.writers(of: file, opened),
                state.markFoundFree(file, opened: opened, at: now)
            )
        }
        if ending == .landed { return .closed }
        guard ending == .unknown, !known.isEmpty else {
            return Self.open(until: foundFree + settings.unknownWriterDrain, now)
        }
        var latest: MonotonicTime?
        for writer in known {
            switch await writers.life(of: writer, target: file.target) {
            case .alive: return .mayBeOpen(until: nil)
            case .dead(let since): latest = max(latest ?? since, since)
            }
        }
        return Self.open(until: latest! + settings.writerDrain, now)
    }

    private static func open(until: MonotonicTime, _ now: MonotonicTime) -> EpochView.Newest {
        until <= now ? .closed : .mayBeOpen(until: until)
    }

    func ask(_ gfid: Gfid, target: Int, generations: ClosedRange<Int32>) async {
        let file = EpochKnowledge.File(gfid: gfid, target: target)
        let known = state.withLock { $0.knowledge.writers(of: file).sorted() }
        let question = EpochQuestion(gfid: gfid, target: target, generations: generations, writers: known)
        guard let answer = await answer(to: question) else { return }
        let now = time.now()
        state.withLock { state in
            for account in answer where account.gfid == gfid && Int(account.target) == target {
                state.knowledge.learn(account, at: now)
            }
        }
    }

    /// Nil when there was none in time.
    private func answer(to question: EpochQuestion) async -> [JournalExplanation]? {
        await withTaskGroup(of: [JournalExplanation]?.self) { group in
            group.addTask { await self.explanations.explain(question) }
            group.addTask {
                do { try await self.time.sleep(for: self.settings.askTimeout) } catch { return nil }
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }

    func wholeFilesFrom(_ gfid: Gfid) -> MonotonicTime? { state.withLock { $0.wholeFilesFrom(gfid) } }

    func copying(_ plan: HealPlan) {
        let now = time.now()
        let active = state.withLock { state in
            state.copying(plan, at: now, pause: settings.wholeFilePause, pauseMax: settings.retryMax)
            state.ledger.noted(plan.facts.gfid, since: now)
            state.ledger.active[plan.facts.gfid]?.tally.plan(plan.bytes)
            return state.ledger.active[plan.facts.gfid]
        }
        if let active { listener.happened(.started(activeHeal(plan.facts.gfid, active, at: now))) }
    }

    func activeHeal(_ gfid: Gfid, _ active: HealLedger.Active, at now: MonotonicTime) -> ActiveHeal {
        let (done, total) = active.tally.progress
        let seconds = (now - active.started).inSeconds
        let rate = seconds > 0 ? UInt64(Double(done) / seconds) : 0
        return ActiveHeal(
            gfid: gfid, sinks: active.plan?.sinks.map { replicas.names[$0.replica] } ?? [],
            method: active.plan?.method ?? .range, bytesTotal: total, bytesDone: done, rateBytesPerSecond: rate,
            eta: rate > 0 ? .seconds(Double(total - done) / Double(rate)) : nil)
    }
}

extension HealPlan {
    /// What has to be looked at: each group of sinks with the same work once.
    var bytes: UInt64 {
        let size = facts.iatts[source].size
        var seen: [Work] = []
        var sum: UInt64 = 0
        for sink in sinks where !seen.contains(sink.work) {
            seen.append(sink.work)
            switch sink.work {
            case .whole: sum = sum.addingCapped(size)
            case .ranges(let ranges):
                guard size > 0 else { continue }
                sum = sum.addingCapped(ranges.intersection(ByteRange(start: 0, end: size)).byteCount)
            }
        }
        return sum
    }
}
