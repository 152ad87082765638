import HealProtocol
import Testing
import TranslatorCore

@testable import HealEngine

/// A small generator with a seed that a failing test prints (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

@Suite struct HealMeterTests {
    @Test(arguments: 0..<300 as Range<UInt64>)
    func `whatever arrives and whatever is healed, figures stay true`(seed: UInt64) {
        // Goal: never negative, never above 1, never falling within a burst, 1 exactly when nothing is left. Method:
        // random arrivals, heals, pauses and idle times.
        var numbers = SeededNumbers(seed: seed)
        var meter = HealMeter()
        var sample = HealMeter.Sample(
            time: MonotonicTime(nanoseconds: 0), doneBytes: 0, leftBytes: 0, leftFiles: 0, lag: .zero, isPaused: false)
        var before = (fraction: 1.0, wasIdle: true)
        // What an observer with a perfect memory knows: the backlog at each sample since it was last idle or paused.
        var seen: [HealMeter.Sample] = []
        for _ in 0..<200 {
            sample.time = sample.time + .milliseconds(Int.random(in: 0...3000, using: &numbers))
            sample.lag = .milliseconds(Int.random(in: 0...20_000, using: &numbers))
            switch Int.random(in: 0..<12, using: &numbers) {
            case 0...4:
                sample.leftBytes += UInt64.random(in: 0...10_000_000, using: &numbers)
                sample.leftFiles += Int.random(in: 1...5, using: &numbers)
            case 5...8:
                // In some seeds the healer is hopelessly slow.
                let most = seed % 3 == 0 ? sample.leftBytes / 20 : sample.leftBytes
                let healed = UInt64.random(in: 0...most, using: &numbers)
                sample.doneBytes += healed
                sample.leftBytes -= healed
                if sample.leftBytes == 0 && Bool.random(using: &numbers) { sample.leftFiles = 0 }
            case 9: sample.isPaused = Int.random(in: 0..<4, using: &numbers) == 0
            case 10: break
            default:
                // Healed to the end, or somebody else healed it: nothing is left.
                guard Int.random(in: 0..<3, using: &numbers) == 0 else { break }
                if Bool.random(using: &numbers) { sample.doneBytes += sample.leftBytes }
                (sample.leftBytes, sample.leftFiles) = (0, 0)
            }
            if sample.leftBytes > 0 { sample.leftFiles = max(1, sample.leftFiles) }
            if sample.leftFiles == 0 { sample.lag = .zero }
            meter.take(sample)
            let isIdle = sample.leftBytes == 0 && sample.leftFiles == 0
            if isIdle || sample.isPaused { seen = [] } else { seen.append(sample) }
            #expect((0...1).contains(meter.fractionDone), "seed \(seed)")
            #expect((meter.fractionDone == 1) == isIdle, "seed \(seed): \(meter.fractionDone), left \(sample)")
            if !before.wasIdle && !isIdle { #expect(meter.fractionDone >= before.fraction, "seed \(seed): it fell") }
            #expect(meter.healedRate >= 0 && meter.healedRate.isFinite, "seed \(seed)")
            #expect(meter.arrivalRate >= 0 && meter.arrivalRate.isFinite, "seed \(seed)")
            #expect((meter.eta != nil) == (meter.etaQuality == .good), "seed \(seed)")
            if let eta = meter.eta { #expect(eta >= .zero && eta <= HealMeter.etaMax, "seed \(seed)") }
            if isIdle { #expect(meter.eta == .zero, "seed \(seed)") }
            if !isIdle && sample.isPaused { #expect(meter.etaQuality == .paused, "seed \(seed)") }
            if meter.etaQuality == .losingGround {
                #expect(sample.lag > HealMeter.lagKeptUp, "seed \(seed): nothing waits for long")
                let grew = seen.contains {
                    sample.time - $0.time >= HealMeter.trendSpan && $0.leftBytes < sample.leftBytes
                }
                #expect(grew, "seed \(seed): it does not grow")
            }
            before = (meter.fractionDone, isIdle)
        }
    }

    static func meter(arriving: UInt64, healing: UInt64, seconds: Int = 60) -> HealMeter {
        var meter = HealMeter()
        var sample = HealMeter.Sample(
            time: MonotonicTime(nanoseconds: 0), doneBytes: 0, leftBytes: 10_000_000_000, leftFiles: 3,
            lag: .seconds(30),
            isPaused: false)
        for _ in 0...seconds {
            meter.take(sample)
            sample.time = sample.time + .seconds(1)
            sample.doneBytes += healing
            sample.leftBytes = sample.leftBytes + arriving - healing
        }
        return meter
    }

    @Test func `a steady heal's estimate is what is left by its rate`() throws {
        let meter = Self.meter(arriving: 0, healing: 50_000_000)
        // After 60 s: 3 GB done, 7 GB left, 140 s to go.
        let eta = try #require(meter.eta)
        #expect(abs(eta.inSeconds - 140) < 10)
        #expect(abs(meter.fractionDone - 0.3) < 0.01)
    }

    @Test func `what keeps coming in is subtracted`() throws {
        let eta = try #require(Self.meter(arriving: 25_000_000, healing: 50_000_000).eta)
        // 8.5 GB left at 25 MB/s net.
        #expect(abs(eta.inSeconds - 340) < 25)
    }

    @Test func `a backlog that grows is called losing ground, without an estimate`() {
        let meter = Self.meter(arriving: 60_000_000, healing: 50_000_000)
        #expect(meter.etaQuality == .losingGround && meter.eta == nil)
    }

    @Test func `one heal that has just begun loses no ground, whatever its file's size is found to be`() {
        // The first second of a demo: a few bytes are known from records, then a whole file is planned.
        var meter = HealMeter()
        for (millisecond, left) in [(0, 100), (200, 64_000_000), (1000, 256_000_000), (6000, 255_000_000)] {
            meter.take(
                HealMeter.Sample(
                    time: MonotonicTime(nanoseconds: Int64(millisecond) * 1_000_000), doneBytes: UInt64(millisecond),
                    leftBytes: UInt64(left), leftFiles: 1, lag: .milliseconds(millisecond), isPaused: false))
            #expect(meter.etaQuality != .losingGround, "after \(millisecond) ms")
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `a file that is written all the time and healed as fast alarms nobody`(seed: UInt64) {
        // Goal: no alarm from noise. Method: an hour in which what is left goes up and down by chance, never older than
        // a moment; and the same with an old file among it that nobody gets on with.
        for lag in [Duration.milliseconds(55), .seconds(300)] {
            var numbers = SeededNumbers(seed: seed)
            var meter = HealMeter()
            var alarms = 0
            var sample = HealMeter.Sample(
                time: MonotonicTime(nanoseconds: 0), doneBytes: 0, leftBytes: 1, leftFiles: 1, lag: lag, isPaused: false
            )
            for _ in 0..<3600 {
                sample.time = sample.time + .seconds(1)
                sample.doneBytes += UInt64.random(in: 0...50_000_000, using: &numbers)
                sample.leftBytes = UInt64.random(in: 1...5_000_000, using: &numbers)
                meter.take(sample)
                if meter.etaQuality == .losingGround { alarms += 1 }
            }
            #expect(lag > HealMeter.lagKeptUp ? alarms < 60 : alarms == 0, "seed \(seed): \(alarms) alarms")
        }
    }

    @Test func `a healer that catches up stops the alarm`() {
        var meter = Self.meter(arriving: 60_000_000, healing: 50_000_000)
        var sample = HealMeter.Sample(
            time: MonotonicTime(nanoseconds: 61_000_000_000), doneBytes: 61 * 50_000_000, leftBytes: 10_600_000_000,
            leftFiles: 3, lag: .seconds(30), isPaused: false)
        for _ in 0..<20 {
            sample.time = sample.time + .seconds(1)
            sample.doneBytes += 80_000_000
            sample.leftBytes -= 20_000_000
            meter.take(sample)
        }
        #expect(meter.etaQuality == .good && meter.eta! > .zero)
    }

    @Test func `nothing healed yet is unknown, not infinity`() {
        let meter = Self.meter(arriving: 0, healing: 0, seconds: 3)
        #expect(meter.etaQuality == .unknown && meter.eta == nil)
    }
}
