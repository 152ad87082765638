import Synchronization

/// Counts what one heal has done so far; status reads it while windows are in flight. All in bytes.
final class HealTally: Sendable {
    /// What the plan has to look at; 0 before there is one. A growing file can raise it.
    private let planned = Atomic<UInt64>(0)
    private let finished = Atomic<UInt64>(0)
    private let written = Atomic<UInt64>(0)
    private let equal = Atomic<UInt64>(0)

    /// Sets what is to be done, from nothing done.
    func plan(_ bytes: UInt64) { planned.store(bytes, ordering: .relaxed) }
    func done(_ bytes: UInt64) { finished.wrappingAdd(bytes, ordering: .relaxed) }
    /// Holes on all sides: nothing to look at.
    func passed(_ bytes: UInt64) { finished.wrappingAdd(bytes, ordering: .relaxed) }
    func moved(_ bytes: UInt64) { written.wrappingAdd(bytes, ordering: .relaxed) }
    func skipped(_ bytes: UInt64) { equal.wrappingAdd(bytes, ordering: .relaxed) }

    /// Written to sinks, each sink for itself.
    var bytesMoved: UInt64 { written.load(ordering: .relaxed) }
    /// Compared and found equal.
    var bytesSkipped: UInt64 { equal.load(ordering: .relaxed) }
    /// Done of how much; never more than all.
    var progress: (done: UInt64, total: UInt64) {
        let total = planned.load(ordering: .relaxed)
        return (min(finished.load(ordering: .relaxed), total), total)
    }
}
