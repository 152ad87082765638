import HealProtocol
import ReplicaState
import TranslatorCore

/// Everything a pipeline remembers, as one value under one lock. Decides, never acts; times come from the caller.
struct PipelineState: Sendable {
    /// A task that waits until a file was healed.
    struct Waiter: Sendable {
        let number: UInt64
        /// Woken by the first heal that starts after it was added.
        var isCovered: Bool
        let continuation: CheckedContinuation<HealReport?, Never>
    }
    struct CrawlWaiter: Sendable {
        /// The walk has begun.
        var isCovered = false
        /// Told whether it read all indices of all replicas.
        let continuation: CheckedContinuation<Bool, Never>
    }
    private struct MarkKey: Hashable, Sendable {
        let file: EpochKnowledge.File
        let opened: Int32
    }
    /// Files of which it is kept when their epoch mark was first found free, and how their whole-file heals back off.
    static let memoriesMax = 65_536
    /// Files with counts that this engine leaves alone, and that are looked at again before the next crawl.
    static let othersWatchedMax = 4_096

    var schedule: HealSchedule
    var knowledge = EpochKnowledge()
    var quarantine: Quarantine
    var ledger = HealLedger()
    var waiters: [Gfid: [Waiter]] = [:]
    /// What each file that is put off waits for.
    var notes: [Gfid: HealReport.Delay] = [:]
    var isPaused = false
    var isStopping = false
    var isCrawlWanted = true
    /// Those who wait for the end of a walk that begins after they asked.
    var crawlWaiters: [CrawlWaiter] = []
    /// The indices were walked at least once: what is marked is known.
    var hasCrawled = false
    /// Replicas that are up and whose indices could not be read at the last look.
    private(set) var unreadIndices: [Int: FopError] = [:]
    private var marksFoundFree: [MarkKey: MonotonicTime] = [:]
    /// Files that some replicas lack, and since when that was seen.
    var missingSince: [Gfid: MonotonicTime] = [:]
    private var wholeFilePauses: [Gfid: (count: Int, from: MonotonicTime)] = [:]

    init(_ settings: HealSettings) {
        schedule = HealSchedule(inFlightMax: settings.filesInFlight, waitingMax: settings.waitingMax)
        quarantine = Quarantine(retryMin: settings.retryMin, retryMax: settings.retryMax)
    }

    /// Takes in what a writer published. True when a heal may start because of it.
    mutating func received(_ record: WriteRecord, at now: MonotonicTime) -> Bool {
        ledger.counters.recordsReceived += record.isPublished ? 1 : 0
        switch knowledge.learn(record, at: now) {
        case .range(let isNew):
            if !isNew { ledger.counters.recordsDuplicate += 1 }
            ledger.noted(record.gfid, since: now)
            return false
        case .closed:
            ledger.noted(record.gfid, since: now)
            let isWanted = want(record.gfid, .recorded)
            return schedule.heard(record.gfid, at: now) || isWanted
        case .ignored: return record.kind == .wanted && want(record.gfid, .promoted)
        }
    }

    /// True when a heal may start because of it, now or at a time that the driver has to look up.
    mutating func want(_ gfid: Gfid, _ urgency: HealSchedule.Urgency) -> Bool {
        switch schedule.want(gfid, urgency) {
        case .waiting, .resting:
            notes[gfid] = nil
            return true
        case .again, .putOff: return false
        case .leftToCrawl:
            isCrawlWanted = true
            return false
        }
    }

    /// Files that are behind and that nobody looks after: their close was lost. True when there are any.
    mutating func wantForgotten(at now: MonotonicTime) -> Bool {
        let forgotten = ledger.behind.filter { gfid, since in
            now - since > .seconds(5) && !schedule.isWaiting(gfid) && !schedule.isInFlight(gfid)
                && schedule.putOff(gfid) == nil
        }
        return forgotten.keys.sorted().map { want($0, .crawled) }.contains(true)
    }

    /// This file is on its way, or its marks are: a glance has nothing to add.
    func isKnown(_ gfid: Gfid) -> Bool {
        schedule.isWaiting(gfid) || schedule.isInFlight(gfid) || schedule.putOff(gfid) != nil
            || ledger.behind[gfid] != nil || ledger.otherKinds[gfid] != nil
    }

    mutating func crawlBegan() {
        isCrawlWanted = false
        schedule.crawlBegan()
        for position in crawlWaiters.indices { crawlWaiters[position].isCovered = true }
    }
    /// Whom to wake.
    mutating func crawlEnded() -> [CrawlWaiter] {
        hasCrawled = true
        defer { crawlWaiters.removeAll { $0.isCovered } }
        return crawlWaiters.filter(\.isCovered)
    }

    /// What a walk or a glance could not read. Answers what is news of it. Where an index can be read again, what came
    /// into it meanwhile is walked for.
    mutating func looked(_ failures: [Int: FopError]) -> [Int: FopError] {
        // One that went down meanwhile is told of as down.
        let failures = failures.filter { $0.value != .notConnected }
        let news = failures.filter { unreadIndices[$0.key] != $0.value }
        if unreadIndices.keys.contains(where: { failures[$0] == nil }) { isCrawlWanted = true }
        unreadIndices = failures
        return news
    }

    mutating func nextFile(at now: MonotonicTime) -> Gfid? {
        guard !isPaused, !isStopping, let gfid = schedule.next(at: now) else { return nil }
        notes[gfid] = nil
        for position in (waiters[gfid] ?? []).indices { waiters[gfid]![position].isCovered = true }
        return gfid
    }
    /// When to look again although nothing happened; nil when only news can change anything.
    func nextLook() -> MonotonicTime? {
        guard !isPaused, schedule.inFlightCount < schedule.inFlightMax else { return nil }
        return schedule.nextDue
    }

    /// Since when the epoch mark of this epoch was found free by this healer.
    mutating func markFoundFree(_ file: EpochKnowledge.File, opened: Int32, at now: MonotonicTime) -> MonotonicTime {
        let key = MarkKey(file: file, opened: opened)
        if let known = marksFoundFree[key] { return known }
        if marksFoundFree.count >= Self.memoriesMax { marksFoundFree = [:] }
        marksFoundFree[key] = now
        return now
    }

    func wholeFilesFrom(_ gfid: Gfid) -> MonotonicTime? { wholeFilePauses[gfid]?.from }

    mutating func copying(_ plan: HealPlan, at now: MonotonicTime, pause: Duration, pauseMax: Duration) {
        ledger.planned(plan)
        guard plan.isWhole else { return }
        let gfid = plan.facts.gfid
        guard plan.isEpochOpen else {
            wholeFilePauses[gfid] = nil
            return
        }
        let count = (wholeFilePauses[gfid]?.count ?? 0) + 1
        if wholeFilePauses.count >= Self.memoriesMax { wholeFilePauses = [:] }
        wholeFilePauses[gfid] = (count, now + BackOff.pause(count, from: pause, to: pauseMax))
    }

    /// Whose waiters to wake with the report; nil wakes them without.
    mutating func takeWaiters(_ gfid: Gfid, all: Bool = false) -> [Waiter] {
        let (woken, left) = (waiters[gfid] ?? []).reduce(into: ([Waiter](), [Waiter]())) { split, waiter in
            if waiter.isCovered || all { split.0.append(waiter) } else { split.1.append(waiter) }
        }
        waiters[gfid] = left.isEmpty ? nil : left
        return woken
    }
}
