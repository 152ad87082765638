import Glibc
import HealProtocol
import TranslatorCore

/// Rate, progress and estimate from samples of a backlog. A value: the caller looks at the clock.
///
/// A *burst* lasts from the first thing that is behind until nothing is. Within one the fraction done never falls,
/// never leaves 0…1, and is 1 only when nothing is left. The estimate subtracts what keeps coming in (FEATURES C3).
///
/// *Losing ground* alarms people, so it is said only of a backlog that was seen to grow for `trendSpan`, and whose
/// oldest part waits for long. Before that, and wherever samples do not tell, the estimate is unknown.
struct HealMeter: Sendable {
    /// What was seen at one moment.
    struct Sample: Equatable, Sendable {
        var time: MonotonicTime
        /// Bytes looked at since the start, over all heals: only grows.
        var doneBytes: UInt64
        /// Bytes known to be behind.
        var leftBytes: UInt64
        /// Files behind, those of unknown size too.
        var leftFiles: Int
        /// Age of the oldest thing that is behind.
        var lag: Duration
        var isPaused: Bool
    }
    /// After so long without news a rate has lost 63 % of its weight.
    static let memory = Duration.seconds(5)
    /// An estimate beyond a year is none.
    static let etaMax = Duration.seconds(365 * 86_400)
    /// How long a backlog must grow before ground is lost: every sample of the later half above all of the earlier one.
    static let trendSpan = Duration.seconds(10)
    /// A healer that has everything younger than this healed keeps up, whatever is under way.
    static let lagKeptUp = Duration.seconds(5)
    /// Samples of the trend are at least so far apart, so that their number is bounded however often status is asked.
    private static let trendStep = Duration.milliseconds(500)

    private var last: Sample?
    /// Of this burst, and not older than `trendSpan` but for the first.
    private var trend: [Sample] = []
    private var burstDone: UInt64 = 0
    private(set) var fractionDone = 1.0
    /// Bytes a second, smoothed.
    private(set) var healedRate = 0.0
    private(set) var arrivalRate = 0.0
    private(set) var eta: Duration?
    private(set) var etaQuality = HealStatus.EtaQuality.unknown

    mutating func take(_ sample: Sample) {
        let isIdle = sample.leftFiles == 0 && sample.leftBytes == 0
        let wasIdle = last.map { $0.leftFiles == 0 && $0.leftBytes == 0 } ?? true
        let done = sample.doneBytes - min(sample.doneBytes, last?.doneBytes ?? sample.doneBytes)
        weigh(sample, done)
        if isIdle {
            (burstDone, fractionDone) = (0, 1)
            trend = []
        } else {
            if wasIdle { (burstDone, fractionDone) = (0, 0) }
            follow(sample)
            burstDone &+= done
            let total = Double(burstDone) + Double(sample.leftBytes)
            // What is left may have no known size yet; it is something all the same.
            let fraction = total > 0 ? min(Double(burstDone) / total, 0.999) : 0
            fractionDone = max(fractionDone, fraction)
        }
        estimate(sample, isIdle: isIdle)
        last = sample
    }

    private mutating func weigh(_ sample: Sample, _ done: UInt64) {
        guard let last, sample.time > last.time else { return }
        let seconds = (sample.time - last.time).inSeconds
        let weight = 1 - exp(-seconds / Self.memory.inSeconds)
        healedRate += weight * (Double(done) / seconds - healedRate)
        let arrived = max(0, Double(sample.leftBytes) + Double(done) - Double(last.leftBytes))
        arrivalRate += weight * (arrived / seconds - arrivalRate)
        if healedRate < 1 { healedRate = 0 }
        if arrivalRate < 1 { arrivalRate = 0 }
    }

    private mutating func follow(_ sample: Sample) {
        // While it is paused, nothing is healed on purpose.
        if sample.isPaused { return trend = [] }
        guard trend.last.map({ sample.time - $0.time >= Self.trendStep }) ?? true else { return }
        trend.append(sample)
        // The first one that is old enough stays, so that what is kept spans `trendSpan`.
        while trend.count > 1, sample.time - trend[1].time >= Self.trendSpan { trend.removeFirst() }
    }

    /// Whether the backlog was seen to grow for `trendSpan`. Not so while fewer files are left than before: then it is
    /// their sizes that are found out.
    private func isGrowing(_ sample: Sample) -> Bool {
        guard let first = trend.first, sample.time - first.time >= Self.trendSpan else { return false }
        let isEarly = { (other: Sample) in sample.time - other.time > Self.trendSpan / 2 }
        let highest = trend.filter(isEarly).map(\.leftBytes).max() ?? .max
        let later = trend.filter { !isEarly($0) } + [sample]
        return later.allSatisfy { $0.leftBytes > highest } && sample.leftFiles >= first.leftFiles
    }

    private mutating func estimate(_ sample: Sample, isIdle: Bool) {
        (eta, etaQuality) = (nil, .unknown)
        if isIdle {
            (eta, etaQuality) = (.zero, .good)
        } else if sample.isPaused {
            etaQuality = .paused
        } else if sample.lag > Self.lagKeptUp && healedRate <= arrivalRate && isGrowing(sample) {
            etaQuality = .losingGround
        } else {
            // Where the healer keeps up, what is left now is done as fast as it heals; what comes in later is not in
            // it.
            let net = sample.lag > Self.lagKeptUp ? healedRate - arrivalRate : healedRate
            guard net > 0 else { return }
            let seconds = Double(sample.leftBytes) / net
            if seconds < Self.etaMax.inSeconds { (eta, etaQuality) = (.seconds(seconds), .good) }
        }
    }
}
