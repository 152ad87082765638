import Glibc
import HealProtocol
import TranslatorCore

/// Rate, progress and estimate from samples of a backlog. A value: the caller looks at the clock.
///
/// A *burst* lasts from the first thing that is behind until nothing is. Within one the fraction done never falls,
/// never leaves 0…1, and is 1 only when nothing is left. The estimate subtracts what keeps coming in (FEATURES C3).
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
        var isPaused: Bool
    }
    /// After so long without news a rate has lost 63 % of its weight.
    static let memory = Duration.seconds(5)
    /// An estimate beyond a year is none.
    static let etaMax = Duration.seconds(365 * 86_400)

    private var last: Sample?
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
        } else {
            if wasIdle { (burstDone, fractionDone) = (0, 0) }
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

    private mutating func estimate(_ sample: Sample, isIdle: Bool) {
        eta = nil
        if isIdle {
            (eta, etaQuality) = (.zero, .good)
        } else if sample.isPaused {
            etaQuality = .paused
        } else if healedRate == 0 {
            etaQuality = .unknown
        } else if healedRate <= arrivalRate {
            etaQuality = .losingGround
        } else {
            let seconds = Double(sample.leftBytes) / (healedRate - arrivalRate)
            guard seconds < Self.etaMax.inSeconds else {
                etaQuality = .losingGround
                return
            }
            (eta, etaQuality) = (.seconds(seconds), .good)
        }
    }
}
