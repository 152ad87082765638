import Synchronization

/// How often each path was taken since the start.
final class BypassCounters: Sendable {
    /// Counts by reason: rare events, so one mutex does.
    private struct Rare {
        var detours = [UInt64](repeating: 0, count: Detour.allCases.count)
        var closes = [UInt64](repeating: 0, count: CloseReason.allCases.count)
    }
    private let rare = Mutex(Rare())
    let writesLocal = Atomic<UInt64>(0), bytesLocal = Atomic<UInt64>(0), writesBusy = Atomic<UInt64>(0)
    let readsLocal = Atomic<UInt64>(0), readsReplicated = Atomic<UInt64>(0)
    let epochsOpened = Atomic<UInt64>(0), epochsInexact = Atomic<UInt64>(0)
    let rolls = Atomic<UInt64>(0), rollsFailed = Atomic<UInt64>(0)
    let leasesWon = Atomic<UInt64>(0), leasesRefused = Atomic<UInt64>(0)
    let fsyncsWaited = Atomic<UInt64>(0), fsyncsFailed = Atomic<UInt64>(0)
    let limitHits = Atomic<UInt64>(0)

    func wroteLocally(bytes: Int) {
        writesLocal.wrappingAdd(1, ordering: .relaxed)
        bytesLocal.wrappingAdd(UInt64(bytes), ordering: .relaxed)
    }
    func detoured(_ reason: Detour) { rare.withLock { $0.detours[reason.rawValue] += 1 } }
    func closed(_ reason: CloseReason) { rare.withLock { $0.closes[reason.rawValue] += 1 } }

    var detours: [(Detour, UInt64)] {
        rare.withLock { rare in Detour.allCases.map { ($0, rare.detours[$0.rawValue]) } }
    }
    var closes: [(CloseReason, UInt64)] {
        rare.withLock { rare in CloseReason.allCases.map { ($0, rare.closes[$0.rawValue]) } }
    }
}

extension Atomic where Value == UInt64 {
    func count() { wrappingAdd(1, ordering: .relaxed) }
    var value: UInt64 { load(ordering: .relaxed) }
}
