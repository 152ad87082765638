import TranslatorCore

/// Which file to heal next. Decides, never acts: no I/O, no clock of its own, no `await`.
///
/// Every gfid is in one place: waiting (once, however many records ask for it), in flight, or put off until a time.
/// What finds no room is left to the next crawl; the marks on disk do not forget.
struct HealSchedule: Sendable {
    enum Urgency: Int, Sendable, Comparable, CaseIterable {
        /// Found by a crawl.
        case crawled
        /// An epoch of it has just ended.
        case recorded
        /// Somebody waits for it: an fsync, an operator.
        case promoted
        static func < (a: Urgency, b: Urgency) -> Bool { a.rawValue < b.rawValue }
    }
    /// Why a file is put off.
    struct PutOff: Equatable, Sendable {
        let until: MonotonicTime
        /// News of the file, a close, ends the wait. Not so after a failure: a file that cannot be healed and is
        /// written all the time would be tried all the time.
        let endsWithNews: Bool
        /// The line it waits in afterwards.
        var urgency = Urgency.crawled
        /// It only rests, till then at the latest.
        var restsUntil: MonotonicTime?
    }
    /// After a heal, before news of the file start the next one. A file that is written all the time ends an epoch
    /// every few milliseconds: without rest the writer would share its processor and its disk with heal after heal,
    /// each with its fsyncs, of ranges that are written again meanwhile. Once the writer is not heard for a while, the
    /// rest is over.
    struct Rest: Equatable, Sendable {
        let from: MonotonicTime, until: MonotonicTime
    }
    enum Acceptance: Equatable, Sendable {
        /// It will have its turn.
        case waiting
        /// A heal of it is under way; another follows.
        case again
        /// It failed lately; it waits for its next try.
        case putOff
        /// It was healed just now; its turn comes at a time that nobody knew of before.
        case resting
        /// There is no room.
        case leftToCrawl
    }

    let waitingMax: Int
    var inFlightMax: Int
    /// Without news for so long, a writer has paused.
    let quietAfter: Duration
    private var queues = Urgency.allCases.map { _ in WaitingLine() }
    private var places: [Gfid: Urgency] = [:]
    private var inFlight: [Gfid: Urgency?] = [:]
    private var putOff: [Gfid: PutOff] = [:]
    private var due = DueTimes()
    /// Healed just now: news of these waits until then, see `finished`.
    private var rests: [Gfid: MonotonicTime] = [:]
    /// The last whose turn it was, see `takeTurn`.
    private var turn: Gfid?
    /// Something was left to a crawl since the last one began.
    private(set) var hasOverflowed = false

    init(inFlightMax: Int, waitingMax: Int, quietAfter: Duration = .milliseconds(150)) {
        precondition(inFlightMax > 0)
        precondition(waitingMax > 0)
        (self.inFlightMax, self.waitingMax, self.quietAfter) = (inFlightMax, waitingMax, quietAfter)
    }

    var waitingCount: Int { places.count }
    var inFlightCount: Int { inFlight.count }
    var putOffCount: Int { putOff.count }
    var hasRoom: Bool { waitingCount + putOff.count < waitingMax }
    /// Nothing waits and nothing is in flight; what was put off does not count.
    var isIdle: Bool { waitingCount == 0 && inFlight.isEmpty }
    func isInFlight(_ gfid: Gfid) -> Bool { inFlight[gfid] != nil }
    func isWaiting(_ gfid: Gfid) -> Bool { places[gfid] != nil }
    /// The next one first.
    var waiting: [Gfid] {
        Urgency.allCases.reversed().flatMap { urgency in queues[urgency.rawValue].gfids { places[$0] == urgency } }
    }
    func putOff(_ gfid: Gfid) -> PutOff? { putOff[gfid] }
    /// Wanted, and put off for no more than a rest.
    var resting: [Gfid] { putOff.filter { $0.value.restsUntil != nil }.map(\.key) }

    /// This file may have something to heal.
    mutating func want(_ gfid: Gfid, _ urgency: Urgency) -> Acceptance {
        if let again = inFlight[gfid] {
            inFlight[gfid] = max(again ?? urgency, urgency)
            return .again
        }
        // Whoever has a place keeps it when all are taken.
        var hasPlace = false
        if let put = putOff[gfid] {
            guard put.endsWithNews && urgency > .crawled || urgency == .promoted else { return .putOff }
            putOff[gfid] = nil
            hasPlace = true
        }
        if let present = places[gfid] {
            guard urgency > present else { return .waiting }
        } else if !hasPlace && !hasRoom && urgency != .promoted {
            hasOverflowed = true
            return .leftToCrawl
        } else if let until = rests.removeValue(forKey: gfid), urgency != .promoted {
            putOff(gfid, PutOff(until: until, endsWithNews: false, urgency: urgency, restsUntil: until))
            return .resting
        }
        append(gfid, urgency)
        return .waiting
    }

    /// The writer of this file was heard, after which the file was wanted. True when it rests: then its turn may have
    /// moved.
    mutating func heard(_ gfid: Gfid, at now: MonotonicTime) -> Bool {
        guard let put = putOff[gfid], let end = put.restsUntil else { return false }
        putOff(gfid, rest(until: end, put.urgency, heard: now))
        return true
    }
    private func rest(until end: MonotonicTime, _ urgency: Urgency, heard: MonotonicTime) -> PutOff {
        PutOff(until: min(end, heard + quietAfter), endsWithNews: false, urgency: urgency, restsUntil: end)
    }

    private mutating func putOff(_ gfid: Gfid, _ put: PutOff) {
        putOff[gfid] = put
        due.add(gfid, put.until)
    }

    private mutating func append(_ gfid: Gfid, _ urgency: Urgency) {
        places[gfid] = urgency
        queues[urgency.rawValue].append(gfid)
    }

    /// The next file to heal now, which is in flight from here on; nil when nothing may start.
    mutating func next(at now: MonotonicTime) -> Gfid? {
        guard inFlight.count < inFlightMax else { return nil }
        takeDue(at: now)
        for urgency in Urgency.allCases.reversed() {
            // What moved to a more urgent line is still in this one, and is passed over.
            guard let gfid = queues[urgency.rawValue].take(where: { places[$0] == urgency }) else { continue }
            places[gfid] = nil
            inFlight[gfid] = .some(nil)
            return gfid
        }
        return nil
    }

    private mutating func takeDue(at now: MonotonicTime) {
        while let gfid = due.take(until: now) {
            if let rest = rests[gfid], rest <= now { rests[gfid] = nil }
            // It may have been retried, healed, and put off again since.
            guard isDue(gfid, now), let put = putOff.removeValue(forKey: gfid) else { continue }
            append(gfid, put.urgency)
        }
    }
    private func isDue(_ gfid: Gfid, _ now: MonotonicTime) -> Bool { putOff[gfid].map { $0.until <= now } ?? false }

    /// When the first of those put off has its next try; may be early, never late.
    var nextDue: MonotonicTime? { putOff.isEmpty ? nil : due.first }

    /// Its heal has ended. `putOff` says when to try again if it must be; news that came meanwhile has it wait at once,
    /// unless the heal failed. Nil from a heal that left nothing to do.
    ///
    /// `rest`: its next heal is not begun for mere news before that is over.
    mutating func finished(_ gfid: Gfid, putOff put: PutOff?, rest: Rest? = nil) {
        guard let again = inFlight.removeValue(forKey: gfid) else { preconditionFailure("\(gfid) was not in flight") }
        if let again, put == nil || put!.endsWithNews || again == .promoted {
            if let rest, again != .promoted {
                putOff(gfid, self.rest(until: rest.until, again, heard: rest.from))
            } else {
                append(gfid, again)
            }
            return
        }
        if let put { putOff(gfid, put) }
        if let rest {
            rests[gfid] = rest.until
            due.add(gfid, rest.until)
        }
    }

    /// Takes it out of what was put off, so that its next try is now.
    mutating func retry(_ gfid: Gfid) -> Bool {
        guard putOff.removeValue(forKey: gfid) != nil else { return false }
        append(gfid, .promoted)
        return true
    }
    /// The next `count` of those that are put off for longer than `pause` from now, round and round.
    mutating func takeTurn(_ count: Int, putOffFor pause: Duration, at now: MonotonicTime) -> [Gfid] {
        let all = putOff.filter { $0.value.until - now > pause }.keys.sorted()
        guard all.count > count else { return all }
        let first = turn.flatMap { last in all.firstIndex { $0 > last } } ?? 0
        let taken = (0..<count).map { all[(first + $0) % all.count] }
        turn = taken.last
        return taken
    }
    /// Everything that was put off has its turn now: a replica came back.
    mutating func retryAll(_ isMeant: (Gfid) -> Bool = { _ in true }) {
        for gfid in putOff.keys.sorted() where isMeant(gfid) {
            putOff[gfid] = nil
            append(gfid, .crawled)
        }
    }

    /// A crawl begins: what was left to it is found by it.
    mutating func crawlBegan() { hasOverflowed = false }
}

/// First come, first served. Entries that no longer count are passed over by whoever takes.
private struct WaitingLine: Sendable {
    private var line: [Gfid] = []
    private var head = 0

    mutating func append(_ gfid: Gfid) { line.append(gfid) }

    mutating func take(where counts: (Gfid) -> Bool) -> Gfid? {
        while head < line.count {
            let gfid = line[head]
            head += 1
            // Amortised: the consumed front goes when it is the larger half.
            if head > 64 && head * 2 > line.count {
                line.removeFirst(head)
                head = 0
            }
            if counts(gfid) { return gfid }
        }
        (line, head) = ([], 0)
        return nil
    }

    func gfids(where counts: (Gfid) -> Bool) -> [Gfid] { line[head...].filter(counts) }
}

/// Times in order, each with its file. Entries that no longer count are passed over by whoever takes.
private struct DueTimes: Sendable {
    /// Descending, so that the next one is taken off the end.
    private var times: [(until: MonotonicTime, gfid: Gfid)] = []

    var first: MonotonicTime? { times.last?.until }

    mutating func add(_ gfid: Gfid, _ until: MonotonicTime) {
        var (low, high) = (0, times.count)
        while low < high {
            let middle = (low + high) / 2
            if times[middle].until > until { low = middle + 1 } else { high = middle }
        }
        times.insert((until, gfid), at: low)
    }

    mutating func take(until now: MonotonicTime) -> Gfid? {
        guard let last = times.last, last.until <= now else { return nil }
        return times.removeLast().gfid
    }
}
