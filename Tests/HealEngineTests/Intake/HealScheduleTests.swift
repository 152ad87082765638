import Testing
import TranslatorCore

@testable import HealEngine

@Suite struct HealScheduleTests {
    static func gfid(_ number: UInt64) -> Gfid { Gfid(high: 1, low: number) }
    static func at(_ seconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

    @Test func `a file waits once however often it is asked for, and is never healed twice at a time`() {
        var schedule = HealSchedule(inFlightMax: 2, waitingMax: 10)
        for _ in 0..<5 { #expect(schedule.want(Self.gfid(1), .recorded) == .waiting) }
        #expect(schedule.waitingCount == 1)
        #expect(schedule.next(at: Self.at(0)) == Self.gfid(1))
        #expect(schedule.want(Self.gfid(1), .recorded) == .again)
        #expect(schedule.next(at: Self.at(0)) == nil)
        schedule.finished(Self.gfid(1), putOff: nil)
        #expect(schedule.next(at: Self.at(0)) == Self.gfid(1), "news came while it was healed")
        schedule.finished(Self.gfid(1), putOff: nil)
        #expect(schedule.isIdle)
    }

    @Test func `promoted files come first, recorded ones before those of a crawl, each line in order`() {
        var schedule = HealSchedule(inFlightMax: 10, waitingMax: 10)
        _ = schedule.want(Self.gfid(1), .crawled)
        _ = schedule.want(Self.gfid(2), .recorded)
        _ = schedule.want(Self.gfid(3), .crawled)
        _ = schedule.want(Self.gfid(4), .promoted)
        _ = schedule.want(Self.gfid(5), .recorded)
        _ = schedule.want(Self.gfid(3), .promoted)
        #expect(schedule.waiting == [4, 3, 2, 5, 1].map(Self.gfid))
        var order: [Gfid] = []
        while let next = schedule.next(at: Self.at(0)) { order.append(next) }
        #expect(order == [4, 3, 2, 5, 1].map(Self.gfid))
    }

    @Test func `what finds no room is left to the crawl, but a promoted file always finds some`() {
        var schedule = HealSchedule(inFlightMax: 1, waitingMax: 2)
        #expect(schedule.want(Self.gfid(1), .recorded) == .waiting)
        #expect(schedule.want(Self.gfid(2), .recorded) == .waiting)
        #expect(schedule.want(Self.gfid(3), .recorded) == .leftToCrawl)
        #expect(schedule.hasOverflowed)
        #expect(schedule.want(Self.gfid(4), .promoted) == .waiting)
        schedule.crawlBegan()
        #expect(!schedule.hasOverflowed)
    }

    @Test func `a file that was put off keeps its place when all are taken`() {
        var schedule = HealSchedule(inFlightMax: 1, waitingMax: 1)
        _ = schedule.want(Self.gfid(1), .recorded)
        _ = schedule.next(at: Self.at(0))
        schedule.finished(Self.gfid(1), putOff: .init(until: Self.at(10), endsWithNews: true))
        #expect(schedule.want(Self.gfid(2), .promoted) == .waiting)
        #expect(schedule.want(Self.gfid(1), .recorded) == .waiting)
        #expect(schedule.want(Self.gfid(3), .recorded) == .leftToCrawl)
    }

    @Test func `a file that failed waits for its next try, news or not; one that waits for news does not`() {
        var schedule = HealSchedule(inFlightMax: 1, waitingMax: 10)
        _ = schedule.want(Self.gfid(1), .recorded)
        _ = schedule.next(at: Self.at(0))
        schedule.finished(Self.gfid(1), putOff: .init(until: Self.at(10), endsWithNews: false))
        #expect(schedule.want(Self.gfid(1), .recorded) == .putOff)
        #expect(schedule.next(at: Self.at(9)) == nil && schedule.nextDue == Self.at(10))
        #expect(schedule.next(at: Self.at(10)) == Self.gfid(1))
        schedule.finished(Self.gfid(1), putOff: .init(until: Self.at(99), endsWithNews: true))
        #expect(schedule.want(Self.gfid(1), .crawled) == .putOff, "a crawl is no news")
        #expect(schedule.want(Self.gfid(1), .recorded) == .waiting)
        _ = schedule.next(at: Self.at(11))
        schedule.finished(Self.gfid(1), putOff: .init(until: Self.at(200), endsWithNews: false))
        #expect(schedule.want(Self.gfid(1), .promoted) == .waiting, "somebody asked for it")
    }

    @Test func `a file that was healed rests before news of it start the next heal, unless somebody waits`() {
        var schedule = HealSchedule(inFlightMax: 1, waitingMax: 10, quietAfter: .seconds(100))
        func heals(_ put: HealSchedule.PutOff? = nil, newsMeanwhile: Bool = false, until rest: Int64) {
            _ = schedule.next(at: Self.at(rest - 1))
            if newsMeanwhile { #expect(schedule.want(Self.gfid(1), .recorded) == .again) }
            schedule.finished(Self.gfid(1), putOff: put, rest: .init(from: Self.at(rest - 1), until: Self.at(rest)))
        }
        _ = schedule.want(Self.gfid(1), .recorded)
        heals(until: 10)
        #expect(schedule.want(Self.gfid(1), .recorded) == .resting)
        #expect(schedule.want(Self.gfid(1), .recorded) == .putOff, "told already")
        #expect(schedule.next(at: Self.at(9)) == nil && schedule.nextDue == Self.at(10))
        heals(newsMeanwhile: true, until: 20)
        #expect(schedule.next(at: Self.at(19)) == nil && schedule.nextDue == Self.at(20))
        heals(.init(until: Self.at(99), endsWithNews: true), until: 30)
        #expect(schedule.want(Self.gfid(1), .recorded) == .resting, "the close that it waits for, but too early")
        #expect(schedule.next(at: Self.at(29)) == nil)
        heals(until: 40)
        #expect(schedule.want(Self.gfid(1), .promoted) == .waiting)
        heals(until: 50)
        #expect(schedule.next(at: Self.at(50)) == nil)
        #expect(schedule.want(Self.gfid(1), .recorded) == .waiting, "it has rested")
        schedule = HealSchedule(inFlightMax: 1, waitingMax: 10)
        _ = schedule.want(Self.gfid(1), .recorded)
        heals(until: 10)
        #expect(schedule.want(Self.gfid(2), .recorded) == .waiting && schedule.next(at: Self.at(1)) == Self.gfid(2))
    }

    @Test func `a rest is over when the writer pauses`() {
        var schedule = HealSchedule(inFlightMax: 1, waitingMax: 10, quietAfter: .seconds(3))
        let file = Self.gfid(1)
        func news(at seconds: Int64) -> (HealSchedule.Acceptance, movesTurn: Bool) {
            (schedule.want(file, .recorded), schedule.heard(file, at: Self.at(seconds)))
        }
        #expect(news(at: 0) == (.waiting, false))
        #expect(schedule.next(at: Self.at(0)) == file)
        schedule.finished(file, putOff: nil, rest: .init(from: Self.at(10), until: Self.at(20)))
        #expect(news(at: 11) == (.resting, true))
        #expect(schedule.nextDue == Self.at(14))
        #expect(news(at: 13) == (.putOff, true))
        #expect(schedule.next(at: Self.at(15)) == nil, "it went on writing")
        #expect(schedule.next(at: Self.at(16)) == file, "and has paused")
        #expect(news(at: 17) == (.again, false))
        schedule.finished(file, putOff: nil, rest: .init(from: Self.at(20), until: Self.at(40)))
        #expect(schedule.next(at: Self.at(22)) == nil)
        #expect(schedule.next(at: Self.at(23)) == file, "it was heard in the heal for the last time")
        #expect(news(at: 24) == (.again, false))
        schedule.finished(file, putOff: nil, rest: .init(from: Self.at(30), until: Self.at(34)))
        #expect(news(at: 32) == (.putOff, true))
        #expect(schedule.next(at: Self.at(34)) == file, "no longer than it may rest")
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `every wanted file is in one place, and each gets its turn`(seed: UInt64) {
        var numbers = SeededNumbers(seed: seed)
        var schedule = HealSchedule(inFlightMax: 3, waitingMax: 12)
        var inFlight: Set<Gfid> = []
        var owed: Set<Gfid> = []
        var now: Int64 = 0
        for _ in 0..<400 {
            let gfid = Self.gfid(UInt64.random(in: 0..<20, using: &numbers))
            switch Int.random(in: 0..<7, using: &numbers) {
            case 0, 1, 2:
                let urgency = HealSchedule.Urgency.allCases.randomElement(using: &numbers)!
                switch schedule.want(gfid, urgency) {
                case .waiting, .again: owed.insert(gfid)
                case .putOff, .resting:
                    #expect(schedule.putOff(gfid) != nil, "seed \(seed)")
                    owed.insert(gfid)
                    if Bool.random(using: &numbers) { _ = schedule.heard(gfid, at: Self.at(now)) }
                case .leftToCrawl: #expect(!owed.contains(gfid) && schedule.hasOverflowed, "seed \(seed)")
                }
            case 3, 4:
                if let next = schedule.next(at: Self.at(now)) {
                    #expect(inFlight.insert(next).inserted, "seed \(seed): \(next) is healed twice at a time")
                    owed.remove(next)
                }
            case 5:
                if let done = inFlight.sorted().randomElement(using: &numbers) {
                    inFlight.remove(done)
                    let put = HealSchedule.PutOff(
                        until: Self.at(now + Int64.random(in: 1...5, using: &numbers)),
                        endsWithNews: Bool.random(using: &numbers))
                    let rest =
                        Bool.random(using: &numbers)
                        ? HealSchedule.Rest(from: Self.at(now), until: Self.at(now + 3)) : nil
                    schedule.finished(done, putOff: Bool.random(using: &numbers) ? put : nil, rest: rest)
                    if schedule.putOff(done) != nil { owed.insert(done) }
                }
            default: now += 1
            }
            #expect(inFlight.count <= 3 && schedule.inFlightCount == inFlight.count, "seed \(seed)")
            for file in owed {
                let places = [
                    schedule.isWaiting(file), schedule.putOff(file) != nil, schedule.isInFlight(file),
                ].count { $0 }
                #expect(places == 1, "seed \(seed): \(file) is in \(places) places")
            }
            let waiting = schedule.waiting
            #expect(Set(waiting).count == schedule.waitingCount, "seed \(seed)")
        }
        // In the end everybody is served.
        for _ in 0..<200 where !owed.isEmpty || !inFlight.isEmpty {
            now += 10
            for done in inFlight { schedule.finished(done, putOff: nil) }
            inFlight = []
            while let next = schedule.next(at: Self.at(now)) {
                inFlight.insert(next)
                owed.remove(next)
            }
        }
        #expect(owed.isEmpty, "seed \(seed): \(owed) starve")
    }

    @Test func `pauses double up to their limit`() {
        let pauses = (1...12).map { BackOff.pause($0, from: .seconds(1), to: .seconds(600)) }
        #expect(pauses.prefix(4) == [.seconds(1), .seconds(2), .seconds(4), .seconds(8)])
        #expect(pauses.last == .seconds(600))
        #expect(BackOff.pause(1_000_000, from: .seconds(1), to: .seconds(600)) == .seconds(600))
    }
}
