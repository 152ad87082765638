import HealProtocol
import ReplicaState
import Synchronization
import TranslatorCore

/// The stages in order: records and crawls come in (Intake), each file's replicas are inspected (Inspect), the missing
/// bytes are copied (Copy), the marks are taken off (Clear), and all of it can be seen (Observe). One pipeline heals
/// one replica set.
///
/// Decisions are made by values under one mutex (`PipelineState`); this driver acts on them outside it. Everything runs
/// on the executor that `run` is called on.
public final class HealPipeline: Sendable {
    let replicas: HealReplicas
    private let knobs: Mutex<HealSettings>
    let explanations: any ExplanationSource
    let writers: any WriterWatch
    let listener: any HealListener
    let state: Mutex<PipelineState>
    private let healsWake = WakeUp(), crawlWake = WakeUp()

    /// Make it before the graph is started, so that it hears which replicas come up.
    public init(
        _ set: any ReplicaSet, settings: HealSettings = HealSettings(), explanations: any ExplanationSource = NoEdges(),
        writers: any WriterWatch = NoEdges(), listener: any HealListener = NoEdges()
    ) {
        replicas = HealReplicas(set)
        (self.explanations, self.writers, self.listener) = (explanations, writers, listener)
        knobs = Mutex(settings)
        state = Mutex(PipelineState(settings))
        replicas.watch.onChange { [weak self] change in self?.replicaChanged(change) }
    }

    /// What holds for heals that start from now on.
    public var settings: HealSettings { knobs.withLock { $0 } }
    /// Takes new values; queue sizes stay as they were.
    public func reconfigure(_ settings: HealSettings) {
        knobs.withLock { $0 = settings }
        state.withLock { $0.schedule.inFlightMax = settings.filesInFlight }
        healsWake.signal()
        crawlWake.signal()
    }

    var time: any TimeSource { replicas.environment.time }
    func log(_ level: LogLevel, _ message: @autoclosure () -> String) {
        replicas.replicaSet.volume.log(level, message())
    }

    /// To be called when the graph was started. Heals until `stop`, or until the task is cancelled: then waits for
    /// locks end too.
    public func run() async {
        replicas.watch.graphStarted(servedHere: replicas.isServedHere)
        await withDiscardingTaskGroup { group in
            group.addTask { await self.crawlFromTimeToTime() }
            group.addTask { await self.sampleFromTimeToTime() }
            await healAsScheduled()
            group.cancelAll()
        }
        // Nobody is left to wait for.
        let (waiters, crawlWaiters) = state.withLock { state in
            defer { (state.waiters, state.crawlWaiters) = ([:], []) }
            return (state.waiters.values.flatMap(\.self), state.crawlWaiters)
        }
        waiters.forEach { $0.continuation.resume(returning: nil) }
        crawlWaiters.forEach { $0.continuation.resume(returning: false) }
    }

    /// The windows in hand are finished, nothing new is begun; `run` returns.
    public func stop() {
        state.withLock { $0.isStopping = true }
        healsWake.signal()
    }

    // Intake.

    /// Records arrived, published or replayed. Cheap; from any thread.
    public func received(_ records: [WriteRecord]) {
        let now = time.now()
        let wakes = state.withLock { state in
            var wakes = false
            for record in records where Int(record.target) < replicas.all.count {
                if state.received(record, at: now) { wakes = true }
            }
            return wakes
        }
        if wakes { healsWake.signal() }
    }
    public func received(_ record: WriteRecord) { received([record]) }

    /// What this writer published before it was heard is not known; what it marked is in the index.
    public func writerAppeared(_ writer: Gfid) {
        listener.happened(.writerAppeared(writer))
        crawl()
    }

    /// Records went, and nobody can bring them back: which files they were of, the index knows.
    public func recordsLost(of writer: Gfid) {
        listener.happened(.recordsLost(writer: writer))
        crawl()
    }

    /// These may have something to heal: a dead writer's journal names them.
    public func mayBeBehind(_ gfids: some Sequence<Gfid>) {
        let share = settings.share
        let wakes = state.withLock { state in
            gfids.filter { share.contains($0.firstByte) }.map { state.want($0, .recorded) }.contains(true)
        }
        if wakes { healsWake.signal() }
    }

    /// This writer will not publish any more: what it left open is looked at now, and again when it counts as drained.
    public func writerDied(_ writer: Gfid) {
        let wakes = state.withLock { state in
            let files = state.knowledge.knownFiles.filter { state.knowledge.writers(of: $0).contains(writer) }
            state.isCrawlWanted = true
            return files.map { state.want($0.gfid, .recorded) }.contains(true)
        }
        if wakes { healsWake.signal() }
        crawlWake.signal()
        listener.happened(.writerGone(writer))
    }

    /// Walks the indices now.
    public func crawl() {
        state.withLock { $0.isCrawlWanted = true }
        crawlWake.signal()
    }

    private func replicaChanged(_ change: ReplicaWatch.Change) {
        state.withLock { state in
            switch change {
            case .cameUp:
                state.isCrawlWanted = true
                // What waited for it need not wait longer.
                let waiting = state.notes.filter { $0.value == .replicaDown }
                state.schedule.retryAll { waiting[$0] != nil }
            case .wentDown(let replica): state.knowledge.forget(target: replica)
            }
        }
        healsWake.signal()
        crawlWake.signal()
    }

    /// Walks the indices now, and returns when that is done: every file that was marked before waits for its turn then.
    /// False when some index was not read, of a replica that is down above all.
    func look() async -> Bool {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.isStopping { return true }
                state.crawlWaiters.append(PipelineState.CrawlWaiter(continuation: continuation))
                state.isCrawlWanted = true
                return false
            }
            if isOver { continuation.resume(returning: false) } else { crawlWake.signal() }
        }
    }

    private func crawlFromTimeToTime() async {
        var next: MonotonicTime? = time.now(), glance: MonotonicTime?
        var unknown: [Gfid: Int] = [:]
        while !Task.isCancelled {
            await crawlWake.wait(until: [next, glance].compactMap(\.self).min(), time)
            if Task.isCancelled { return }
            let began = time.now()
            let isDue = next.map { $0 <= began } ?? false
            let isWalk = state.withLock { state in
                guard state.isCrawlWanted || isDue else { return false }
                state.crawlBegan()
                return true
            }
            var pause = settings.glanceInterval
            if isWalk {
                await walk()
                unknown = [:]
                // Requests that come close together share one walk.
                do { try await time.sleep(for: .milliseconds(200)) } catch { return }
                next = settings.crawlInterval > .zero ? time.now() + settings.crawlInterval : nil
                if state.withLock({ $0.schedule.hasOverflowed && $0.schedule.hasRoom || $0.isCrawlWanted }) {
                    next = time.now()
                }
            } else if glance.map({ $0 <= began }) ?? false {
                unknown = await self.glance(again: unknown)
                pause = max(pause, (time.now() - began) * Self.glanceShare)
            } else if glance != nil {
                continue
            }
            glance = settings.glanceInterval > .zero ? time.now() + pause : nil
        }
    }
    /// Of the time, one part of so many goes into glances, however long the indices are.
    private static let glanceShare = 50

    private func walk() async {
        let areUp = replicas.watch.allAreUp
        let failures = await IndexCrawl(replicas: replicas).run { gfid in await self.crawled(gfid) }
        let isWhole = areUp && failures.isEmpty && !Task.isCancelled
        looked(failures)
        let waiters = state.withLock { $0.crawlEnded() }
        waiters.forEach { $0.continuation.resume(returning: isWhole) }
    }

    /// Wants files in the indices of which nothing is known; answers them, and at how many glances in a row each was
    /// seen. Once is not enough: every file that an ordinary client changes stands there for a moment, and an
    /// inspection costs that client its lock. One that is changed all the time stands there all the time, so the
    /// inspections become rarer: at the 2nd glance, the 4th, the 8th.
    private func glance(again before: [Gfid: Int]) async -> [Gfid: Int] {
        let settings = settings
        var seen: [Gfid: Int] = [:]
        let failures = await IndexCrawl(replicas: replicas).run { gfid in
            guard settings.share.contains(gfid.firstByte), seen.count < settings.waitingMax, seen[gfid] == nil,
                !state.withLock({ $0.isKnown(gfid) })
            else { return }
            let count = before[gfid, default: 0] + 1
            seen[gfid] = count
            guard count > 1, count & (count - 1) == 0 else { return }
            // What finds no room, the next walk finds.
            if state.withLock({ $0.schedule.hasRoom && $0.want(gfid, .crawled) }) { healsWake.signal() }
        }
        looked(failures)
        return seen
    }

    private func looked(_ failures: [Int: FopError]) {
        if Task.isCancelled { return }
        let (news, isCrawlWanted) = state.withLock { ($0.looked(failures), $0.isCrawlWanted) }
        if isCrawlWanted { crawlWake.signal() }
        for (replica, error) in news.sorted(by: { $0.key < $1.key }) {
            let spot = blindSpot(replica, error)
            log(.warning, "\(replicas.names[replica]): \(spot.reason); \(spot.remedy)")
        }
    }

    /// Not behind until a heal has seen that it is: an entry may be stale, or of another kind.
    private func crawled(_ gfid: Gfid) async {
        guard settings.share.contains(gfid.firstByte) else { return }
        while true {
            let (isTaken, wakes) = state.withLock { state -> (Bool, Bool) in
                guard state.schedule.hasRoom || state.isStopping else { return (false, false) }
                return (true, state.want(gfid, .crawled))
            }
            if wakes { healsWake.signal() }
            if isTaken { return }
            do { try await time.sleep(for: .milliseconds(100)) } catch { return }
        }
    }

    // Heals.

    private func healAsScheduled() async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let now = time.now()
                let (gfid, look, isStopping) = state.withLock { state in
                    (state.nextFile(at: now), state.nextLook(), state.isStopping)
                }
                if let gfid {
                    group.addTask { await self.heal(gfid) }
                } else if isStopping {
                    break
                } else {
                    await healsWake.wait(until: look, time)
                }
            }
        }
    }

    private func heal(_ gfid: Gfid) async {
        let tally = HealTally()
        let started = time.now()
        state.withLock { $0.ledger.started(gfid, tally, at: started) }
        var report = await FileHeal(
            replicas: replicas, gfid: gfid, settings: settings, context: self, tally: tally
        ).run()
        let (now, wall) = (time.now(), time.wallClock())
        report.took = now - started
        let ended = report
        let aftermath = state.withLock {
            $0.finished(ended, names: replicas.names, settings: settings, at: now, wall: wall)
        }
        healsWake.signal()
        if let target = report.plan?.target {
            for (sink, generation) in report.confirmed.sorted(by: { $0.key < $1.key }) {
                listener.confirmed(gfid, generation: generation, target: target, sink: sink)
            }
        }
        for (target, through) in aftermath.settled { listener.settled(gfid, through: through, target: target) }
        if let finished = aftermath.finished { listener.happened(.finished(finished)) }
        if let quarantined = aftermath.quarantined {
            listener.happened(.quarantined(quarantined))
            log(.warning, quarantined.reason)
        }
        aftermath.waiters.forEach { $0.continuation.resume(returning: report) }
        if aftermath.isGone { await IndexCrawl(replicas: replicas).dropNames(of: gfid) }
    }

    private func sampleFromTimeToTime() async {
        while !Task.isCancelled {
            sample()
            let now = time.now()
            if state.withLock({ $0.wantForgotten(at: now) }) { healsWake.signal() }
            await releaseGone()
            do { try await time.sleep(for: .seconds(1)) } catch { return }
        }
    }

    /// A file that was deleted while it waits for its next try, after a failure or for the end of an epoch, is done: no
    /// news of it come any more. A few are looked at each time, so that thousands cost no more.
    private func releaseGone() async {
        guard replicas.watch.allAreUp else { return }
        let now = time.now()
        for gfid in state.withLock({ $0.schedule.takeTurn(16, putOffFor: .seconds(1), at: now) }) {
            guard case .gone = await HealInspector(replicas: replicas, gfid: gfid).lookFirst() else { continue }
            // Its heal finds nothing, and cleans up.
            if state.withLock({ $0.schedule.retry(gfid) }) { healsWake.signal() }
        }
    }
    func sample() {
        let (now, wall) = (time.now(), time.wallClock())
        state.withLock { $0.sample(at: now, wall: wall) }
    }

    func wakeHeals() { healsWake.signal() }

    // Operators.

    /// Heals this file before others. Answers at the end of a heal that started after the call; nil when the engine
    /// stops.
    func heal(now gfid: Gfid) async -> HealReport? {
        await withCheckedContinuation { continuation in
            let number = UniqueNumber.next()
            let isRefused = state.withLock { state in
                guard !state.isStopping else { return true }
                state.waiters[gfid, default: []].append(
                    PipelineState.Waiter(number: number, isCovered: false, continuation: continuation))
                _ = state.want(gfid, .promoted)
                return false
            }
            if isRefused { continuation.resume(returning: nil) }
            healsWake.signal()
        }
    }

    public var isPaused: Bool { state.withLock { $0.isPaused } }
    /// Heals under way end; no other begins until it is undone.
    public func setPaused(_ isPaused: Bool) {
        let hasChanged = state.withLock { state in
            defer { state.isPaused = isPaused }
            return state.isPaused != isPaused
        }
        guard hasChanged else { return }
        listener.happened(isPaused ? .paused : .resumed)
        healsWake.signal()
    }
    /// Takes a file, or all, out of quarantine. Answers how many.
    public func retry(_ gfid: Gfid?) -> Int {
        let count = state.withLock { state in
            let asked = gfid.map { [$0] } ?? Array(state.quarantine.entries.keys)
            return asked.count { state.schedule.retry($0) }
        }
        healsWake.signal()
        return count
    }
}
