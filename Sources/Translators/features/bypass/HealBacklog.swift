import DequeModule
import TranslatorCore

/// What this mount wrote to the target and no xattr says to be healed yet: bytes and age, per file. Decides, never
/// acts.
///
/// An epoch that nothing was written in waits too, for its mark, but not one of which nobody knows whether it is marked
/// at all. A file keeps at most `samplesMax` of them; above that, neighbours are merged and
/// count as old as the elder, so that a lag is never shown too small.
struct HealBacklog {
    static let samplesMax = 64
    /// Files at which the backlog counts as over its limit, whatever their bytes.
    static let filesMax = 1 << 20

    struct Sample: Equatable {
        /// The newest epoch in it.
        var generation: Int32
        /// When the first record of the oldest began.
        let since: MonotonicTime
        var bytes: UInt64
    }

    private(set) var files: [Gfid: [Sample]] = [:]
    private(set) var bytes: UInt64 = 0
    /// Every file, and some that wait no more: in the order in which to look at them.
    private var order = Deque<Gfid>()

    mutating func closed(_ epoch: ClosedEpoch, of gfid: Gfid, at now: MonotonicTime) {
        guard epoch.isMarked else { return }
        let since = epoch.firstRecord ?? now
        if files[gfid] == nil { lineUp(gfid) }
        var samples = files[gfid] ?? []
        // Closes of two epochs may arrive out of order.
        let position = samples.firstIndex { $0.generation > epoch.generation } ?? samples.count
        samples.insert(Sample(generation: epoch.generation, since: since, bytes: epoch.bytes), at: position)
        if samples.count > Self.samplesMax { samples = Self.merged(samples) }
        files[gfid] = samples
        bytes += epoch.bytes
    }

    private mutating func lineUp(_ gfid: Gfid) {
        order.append(gfid)
        // Files that were healed and wait again stand in line twice: now and then all but the first places are dropped.
        guard order.count > 2 * files.count + 64 else { return }
        var seen: Set<Gfid> = []
        order.removeAll { ($0 != gfid && files[$0] == nil) || !seen.insert($0).inserted }
    }

    private static func merged(_ samples: [Sample]) -> [Sample] {
        stride(from: 0, to: samples.count, by: 2).map { position in
            guard position + 1 < samples.count else { return samples[position] }
            let (a, b) = (samples[position], samples[position + 1])
            return Sample(generation: b.generation, since: min(a.since, b.since), bytes: a.bytes + b.bytes)
        }
    }

    /// Every sink has healed `gfid` through `generation`. Whether that was news.
    @discardableResult
    mutating func healed(_ gfid: Gfid, through generation: Int32) -> Bool {
        guard let samples = files[gfid] else { return false }
        let left = samples.filter { $0.generation > generation }
        guard left.count < samples.count else { return false }
        bytes -= samples.reduce(0) { $0 + $1.bytes } - left.reduce(0) { $0 + $1.bytes }
        files[gfid] = left.isEmpty ? nil : left
        return true
    }

    /// The file is gone from the target.
    mutating func forget(_ gfid: Gfid) { healed(gfid, through: .max) }

    func contains(_ gfid: Gfid) -> Bool { files[gfid] != nil }

    /// How old the oldest epoch of this file that is not healed is; zero when there is none.
    func lag(of gfid: Gfid, at now: MonotonicTime) -> Duration { files[gfid].map { now - $0[0].since } ?? .zero }

    /// The longest lag of all files.
    func lag(at now: MonotonicTime) -> Duration { files.values.reduce(.zero) { max($0, now - $1[0].since) } }

    /// The next `count` files to look at: those not looked at for longest. They go to the end of the line.
    mutating func next(_ count: Int) -> [Gfid] {
        var found: [Gfid] = []
        var seen: Set<Gfid> = []
        for _ in 0..<order.count where found.count < count {
            let gfid = order.removeFirst()
            guard files[gfid] != nil, seen.insert(gfid).inserted else { continue }
            found.append(gfid)
        }
        order.append(contentsOf: found)
        return found
    }
}

/// Whether a value is past its limit: from above the limit until it is below half of it again.
struct Hysteresis<Value: Comparable> {
    private(set) var isOver = false

    /// Whether this value changed the answer. `limit` nil: there is none.
    mutating func update(_ value: Value, limit: Value?, half: Value?) -> Bool {
        let before = isOver
        if let limit, let half { isOver = isOver ? value >= half : value > limit } else { isOver = false }
        return isOver != before
    }
}
