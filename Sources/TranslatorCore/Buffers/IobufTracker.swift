import CPosix
import Glibc
import Synchronization

/// Writes down who holds which buffer, and keeps returned ones in quarantine. Closes the seed's TODO, "an easier way to
/// debug iobuf leaks".
final class IobufTracker: Sendable {
    /// What returned memory is filled with.
    static let poison: UInt8 = 0xDB
    static let trailMax = 16

    struct Outstanding: Sendable {
        let capacity: Int
        let site: IobufSite
        let since: MonotonicTime
        var trail: [String] = []
    }
    struct Quarantined: Sendable {
        let block: IobufBlock
        let was: Outstanding
        let isGuarded: Bool
    }
    private struct State: Sendable {
        /// By address.
        var outstanding: [UInt: Outstanding] = [:]
        /// Oldest first.
        var quarantine: [Quarantined] = []
        var quarantineBytes = 0
        var damageCount = 0
        var mode: IobufTracking

        mutating func takeOldest(until bytesMax: Int) -> [Quarantined] {
            var count = 0
            while quarantineBytes > bytesMax {
                quarantineBytes -= quarantine[count].block.capacity
                count += 1
            }
            defer { quarantine.removeFirst(count) }
            return Array(quarantine.prefix(count))
        }
    }
    /// `State.mode` in one word for the hot path: 0 off, 1 every buffer, n each nth.
    private let period: Atomic<Int>
    private let state: Mutex<State>
    private let quarantineBytesMax: Int
    private let time: any TimeSource
    private let log: Log

    init(_ configuration: IobufPool.Configuration) {
        period = Atomic(Self.period(of: configuration.tracking))
        state = Mutex(State(mode: configuration.tracking))
        (quarantineBytesMax, time, log) = (configuration.quarantineBytesMax, configuration.time, configuration.log)
    }

    deinit { release(state.withLock { $0.takeOldest(until: 0) }) }

    private static func period(of mode: IobufTracking) -> Int {
        switch mode {
        case .off: 0
        case .sampled(let every): max(1, every)
        case .full, .guarded: 1
        }
    }

    var mode: IobufTracking {
        get { state.withLock { $0.mode } }
        set {
            state.withLock { $0.mode = newValue }
            period.store(Self.period(of: newValue), ordering: .relaxed)
            if !newValue.quarantines { release(state.withLock { $0.takeOldest(until: 0) }) }
        }
    }

    @inline(__always) func wants(from cache: IobufCache) -> Bool {
        let period = period.load(ordering: .relaxed)
        return period != 0 && (period == 1 || cache.isSampled(period: period))
    }

    func gave(_ iobuf: Iobuf, _ site: IobufSite) {
        let entry = Outstanding(capacity: iobuf.capacity, site: site, since: time.now())
        state.withLock { $0.outstanding[UInt(bitPattern: iobuf.base)] = entry }
    }

    /// Adds a step of manual counting to a buffer's trail.
    func note(_ iobuf: Iobuf, _ step: String) {
        state.withLock { state in
            let address = UInt(bitPattern: iobuf.base)
            guard var entry = state.outstanding[address] else { return }
            if entry.trail.count == Self.trailMax { entry.trail.removeFirst() }
            entry.trail.append(step)
            state.outstanding[address] = entry
        }
    }

    /// The last reference of a tracked buffer is gone. True: it stays here, in quarantine; the caller lets go of it.
    func keeps(_ block: IobufBlock) -> Bool {
        let (kept, leaving) = state.withLock { state -> (Bool, [Quarantined]) in
            let was = state.outstanding.removeValue(forKey: UInt(bitPattern: block.base))
            guard state.mode.quarantines, let was else { return (false, []) }
            memset(block.base, Int32(Self.poison), block.capacity)
            let isGuarded = state.mode == .guarded && mprotect(block.base, block.capacity, PROT_NONE) == 0
            state.quarantine.append(Quarantined(block: block, was: was, isGuarded: isGuarded))
            state.quarantineBytes += block.capacity
            return (true, state.takeOldest(until: quarantineBytesMax))
        }
        if kept { block.endCounting() }
        release(leaving)
        return kept
    }

    /// Looks at everything in quarantine and lets it go. Answers how many buffers were ever written after their last
    /// unref.
    @discardableResult func emptyQuarantine() -> Int {
        release(state.withLock { $0.takeOldest(until: 0) })
        return state.withLock { $0.damageCount }
    }

    private func release(_ leaving: [Quarantined]) {
        for quarantined in leaving {
            let block = quarantined.block
            if quarantined.isGuarded {
                mprotect(block.base, block.capacity, PROT_READ | PROT_WRITE)
            } else if let position = UnsafeRawBufferPointer(start: block.base, count: block.capacity).firstIndex(
                where: { $0 != Self.poison })
            {
                state.withLock { $0.damageCount += 1 }
                log.write(.error, volume: quarantined.was.site.owner) {
                    "an iobuf of \(block.capacity) bytes was written at byte \(position) after its last unref; got by \(quarantined.was.site)"
                }
            }
            IobufMemory.free(block.base, block.capacity)
        }
    }

    /// Buffers that are out for at least `age`, by who asked for them, the most bytes first.
    func leaks(olderThan age: Duration) -> [IobufLeak] {
        let now = time.now()
        let old = state.withLock { $0.outstanding.values.filter { now - $0.since >= age } }
        return Dictionary(grouping: old, by: \.site).map { site, buffers in
            let oldest = buffers.min { $0.since < $1.since }!
            return IobufLeak(
                owner: site.owner, fop: site.fop, place: site.place, count: buffers.count,
                bytes: buffers.reduce(0) { $0 + $1.capacity }, age: now - oldest.since, trail: oldest.trail)
        }.sorted { ($0.bytes, $0.place) > ($1.bytes, $1.place) }
    }

    var counts: (tracked: Int, quarantineBytes: Int, damaged: Int) {
        state.withLock { ($0.outstanding.count, $0.quarantineBytes, $0.damageCount) }
    }

    func reportAtTeardown() {
        emptyQuarantine()
        for leak in leaks(olderThan: .zero) { log.write(.warning, volume: leak.owner) { "leaked: \(leak)" } }
    }
}
