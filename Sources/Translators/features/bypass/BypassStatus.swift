import ReplicaState
import Synchronization
import TranslatorCore

/// What a bypass writer does now and has done, for `healctl status`, metrics and statedumps. Counts are since the
/// start.
public struct BypassStatus: Sendable {
    /// The name of the replica written to.
    public var target: String
    public var fsync: String
    public var writesLocal: UInt64, bytesLocal: UInt64
    /// Data fops that went through replicate, by reason.
    public var detours: [(reason: String, count: UInt64)]
    public var writesReplicated: UInt64 { detours.reduce(0) { $0 + $1.count } }
    /// Data fops that were answered EBUSY.
    public var writesBusy: UInt64
    public var readsLocal: UInt64, readsReplicated: UInt64
    public var leases: Int, leasesWon: UInt64, leasesRefused: UInt64
    public var epochsOpen: Int, epochsOpened: UInt64, rolls: UInt64, rollsFailed: UInt64
    /// Epochs whose records do not tell everything.
    public var epochsInexact: UInt64
    public var closes: [(reason: String, count: UInt64)]
    public var fsyncsWaited: UInt64, fsyncsFailed: UInt64
    public var limitHits: UInt64
    /// Recorded and not healed, as far as this mount knows.
    public var backlogBytes: UInt64, backlogFiles: Int
    /// Age of the oldest epoch that is not healed.
    public var lag: Duration
    /// Why writes are not bypassed now: a limit, a replica that is down, no journal. Nil: nothing is in the way.
    public var heldBack: String?
}

extension BypassTranslator {
    public var status: BypassStatus {
        let files = active.all
        let states = files.map { file in file.guarded.withLock { ($0.state.holdsLease, $0.state.hasEpoch) } }
        let now = now
        let (bytes, count, lag, isOver) = backlog.withLock {
            ($0.waiting.bytes, $0.waiting.files.count, $0.waiting.lag(at: now), $0.overLimit.isOver)
        }
        return BypassStatus(
            target: target.name, fsync: settings.fsync.rawValue, writesLocal: counters.writesLocal.value,
            bytesLocal: counters.bytesLocal.value,
            detours: counters.detours.map { ($0.0.name, $0.1) }, writesBusy: counters.writesBusy.value,
            readsLocal: counters.readsLocal.value, readsReplicated: counters.readsReplicated.value,
            leases: states.count { $0.0 }, leasesWon: counters.leasesWon.value,
            leasesRefused: counters.leasesRefused.value, epochsOpen: states.count { $0.1 },
            epochsOpened: counters.epochsOpened.value, rolls: counters.rolls.value,
            rollsFailed: counters.rollsFailed.value, epochsInexact: counters.epochsInexact.value,
            closes: counters.closes.map { ($0.0.name, $0.1) }, fsyncsWaited: counters.fsyncsWaited.value,
            fsyncsFailed: counters.fsyncsFailed.value, limitHits: counters.limitHits.value, backlogBytes: bytes,
            backlogFiles: count, lag: lag, heldBack: heldBack(isOverBacklog: isOver))
    }

    private func heldBack(isOverBacklog: Bool) -> String? {
        guard let observer, observer.canJournal else { return Detour.noJournal.name }
        let up = replicaSet.up
        if !up[targetPosition] { return Detour.unreachable.name }
        if settings.fsync != .local && up.contains(false) { return Detour.degraded.name }
        return isOverBacklog ? Detour.backlog.name : nil
    }

    public func dump() -> StateDump? {
        let status = status
        func table(_ counts: [(reason: String, count: UInt64)]) -> StateDump.Value {
            .table(counts.map { ($0.reason, .integer(Int64(clamping: $0.count))) })
        }
        func number(_ count: UInt64) -> StateDump.Value { .integer(Int64(clamping: count)) }
        return StateDump([
            ("target", .text(status.target)), ("fsync", .text(status.fsync)),
            ("held-back", .text(status.heldBack ?? "no")),
            ("writes-local", number(status.writesLocal)), ("bytes-local", number(status.bytesLocal)),
            ("writes-replicated", table(status.detours)), ("writes-busy", number(status.writesBusy)),
            ("reads-local", number(status.readsLocal)), ("reads-replicated", number(status.readsReplicated)),
            ("leases", .integer(Int64(status.leases))), ("leases-won", number(status.leasesWon)),
            ("leases-refused", number(status.leasesRefused)),
            ("epochs-open", .integer(Int64(status.epochsOpen))), ("epochs-opened", number(status.epochsOpened)),
            ("epochs-inexact", number(status.epochsInexact)), ("rolls", number(status.rolls)),
            ("rolls-failed", number(status.rollsFailed)), ("closes", table(status.closes)),
            ("fsyncs-waited", number(status.fsyncsWaited)), ("fsyncs-failed", number(status.fsyncsFailed)),
            ("limit-hits", number(status.limitHits)), ("backlog-bytes", number(status.backlogBytes)),
            ("backlog-files", .integer(Int64(status.backlogFiles))), ("lag-seconds", .real(status.lag.inSeconds)),
        ])
    }
}
