import CPosix
import Glibc
import TranslatorCore

/// One lock file, as this process has it open: its share in the locks of all inodes that fall to the file, held for its
/// owners together. Guarded by its stripe's mutex; every call is a few system calls that do not wait.
///
/// A region is 4 GiB of the file's offsets, in quarters of 1 GiB:
///
/// | quarter | a process's lock on a byte means |
/// | --- | --- |
/// | 0 | its owners hold what the byte stands for, for reading or writing |
/// | 1 | one of its requests waits for it (held for reading, so that many can) |
/// | 2 | one of its requests waits for it, and wants to write |
/// | 3 | one of its requests has this place in the line |
///
/// **Taking**: a new request looks for waiters that it conflicts with (quarters 1, 2); there are none: it tries quarter
/// 0. Otherwise it waits: it locks its span in quarters 1 and 2 and the place behind the last in quarter 3, looks once
/// more, and sleeps. It is tried again at every knock, and may go if no waiter conflicts with it or nobody stands
/// before it. A request whose owner holds something in the domain passes all waiters and takes no place. **Leaving**:
/// first the lock goes, then whoever leaves looks whether somebody waits for it, and knocks. A waiter shows itself
/// before it looks, so one of the two sees the other. **Knocking** is reading one byte: everybody who watches the file
/// with inotify hears it, and nothing is written. A process that dies closes the file, which is heard too.
final class KernelLockFile {
    enum Quarter: UInt64 { case held, wanted, wantedForWriting, line }

    private struct Region {
        var held = SpanHoldings(), wanted = SpanHoldings(), wantedForWriting = SpanHoldings()
        var places: [LockRequestID: UInt64] = [:]
        var isEmpty: Bool { held.isEmpty && wanted.isEmpty && wantedForWriting.isEmpty && places.isEmpty }
    }
    let number: Int
    let locks: OpenFileLocks
    /// What its inotify watch is called.
    let watch: Int32?
    private var regions: [UInt64: Region] = [:]
    /// The tables whose locks are here, as long as they hold or await any.
    var tables: Set<LockTableKey> = []

    init(number: Int, descriptor: Int32, watch: Int32?) {
        self.number = number
        locks = OpenFileLocks(descriptor: descriptor)
        self.watch = watch
    }

    deinit { close(locks.descriptor) }

    // MARK: - Taking and giving back

    func take(_ holding: SpanHoldings.Holding, in region: UInt64, waiting id: LockRequestID?, isNested: Bool)
        throws(FopError) -> Bool
    {
        if !isNested, try mustWait(holding, in: region, waiting: id) { return false }
        let changes =
            regions[region]?.held.changes(taking: holding) ?? [.init(span: holding.span, level: holding.level)]
        guard try apply(changes, in: region, undoingTo: regions[region]?.held ?? SpanHoldings()) else { return false }
        regions[region, default: Region()].held.add(holding)
        return true
    }

    func giveBack(_ holding: SpanHoldings.Holding, in region: UInt64) throws(FopError) {
        regions[region]!.held.remove(holding)
        try lower(regions[region]!.held.changes(releasing: holding), .held, region)
        forgetIfEmpty(region)
        if try isWanted(holding, in: region) { knock() }
    }

    /// All changes or none: what was raised goes back to what `before` says.
    private func apply(
        _ changes: [SpanHoldings.Change], in region: UInt64, undoingTo before: SpanHoldings
    ) throws(FopError) -> Bool {
        for (position, change) in changes.enumerated() {
            if try set(change, .held, region) { continue }
            for undone in changes[..<position] { try lower(before.levels(in: undone.span), .held, region) }
            return false
        }
        return true
    }

    /// Unlocking and weakening are always granted.
    private func lower(_ changes: [SpanHoldings.Change], _ quarter: Quarter, _ region: UInt64) throws(FopError) {
        for change in changes { _ = try set(change, quarter, region) }
    }

    // MARK: - Waiting

    /// Shows others that a request waits and, unless `isNested`, takes the place behind all who wait.
    func wait(_ id: LockRequestID, for holding: SpanHoldings.Holding, in region: UInt64, isNested: Bool)
        throws(FopError)
    {
        try show(holding, .wanted, region)
        if holding.level == .write { try show(holding, .wantedForWriting, region) }
        if !isNested { try takePlace(id, region) }
        // Holders hear of it: contention notices.
        knock()
    }

    func waitNoMore(_ id: LockRequestID, for holding: SpanHoldings.Holding, in region: UInt64) throws(FopError) {
        if holding.level == .write { try hide(holding, .wantedForWriting, region) }
        try hide(holding, .wanted, region)
        if let place = regions[region]?.places.removeValue(forKey: id) {
            _ = try set(.init(span: KernelSpan(first: place, last: place), level: .none), .line, region)
        }
        forgetIfEmpty(region)
        // Who stood behind may be first now, or in nobody's way.
        if try isAnythingWanted(region) { knock() }
    }

    /// Whether a request in another process waits for what conflicts with `holding`.
    func isWanted(_ holding: SpanHoldings.Holding, in region: UInt64) throws(FopError) -> Bool {
        try conflict(with: .write, holding.span, holding.level == .write ? .wanted : .wantedForWriting, region) != nil
    }

    /// Whether another process waits for anything in `region`.
    func isAnythingWanted(_ region: UInt64) throws(FopError) -> Bool {
        try conflict(with: .write, .whole, .wanted, region) != nil
    }

    /// Whether another process holds anything in `region`.
    func isHeldElsewhere(_ region: UInt64) throws(FopError) -> Bool {
        try conflict(with: .write, .whole, .held, region) != nil
    }

    private func mustWait(_ holding: SpanHoldings.Holding, in region: UInt64, waiting id: LockRequestID?)
        throws(FopError) -> Bool
    {
        guard try isWanted(holding, in: region) else { return false }
        guard let id, let place = regions[region]?.places[id] else { return true }
        guard place > 0 else { return false }
        return try conflict(with: .write, KernelSpan(first: 0, last: place - 1), .line, region) != nil
    }

    /// Locks the byte behind the last that anybody holds. Places begin at 0 again when nobody waits. Who finds no
    /// place, after a thousand million waits without a pause, waits without one: until no waiter conflicts with it.
    private func takePlace(_ id: LockRequestID, _ region: UInt64) throws(FopError) {
        var place = (regions[region]?.places.values.max()).map { $0 + 1 } ?? 0
        while place <= KernelSpan.whole.last {
            if let other = try conflict(
                with: .write, KernelSpan(first: place, last: KernelSpan.whole.last), .line, region)
            {
                place = other.last + 1
                continue
            }
            if try set(.init(span: KernelSpan(first: place, last: place), level: .write), .line, region) {
                regions[region, default: Region()].places[id] = place
                return
            }
        }
    }

    private func show(_ holding: SpanHoldings.Holding, _ quarter: Quarter, _ region: UInt64) throws(FopError) {
        let shown = SpanHoldings.Holding(span: holding.span, level: .read)
        let path = path(to: quarter)
        let changes = (regions[region] ?? Region())[keyPath: path].changes(taking: shown)
        regions[region, default: Region()][keyPath: path].add(shown)
        for change in changes { _ = try set(change, quarter, region) }
    }

    private func hide(_ holding: SpanHoldings.Holding, _ quarter: Quarter, _ region: UInt64) throws(FopError) {
        let shown = SpanHoldings.Holding(span: holding.span, level: .read)
        let path = path(to: quarter)
        regions[region]![keyPath: path].remove(shown)
        try lower(regions[region]![keyPath: path].changes(releasing: shown), quarter, region)
    }

    private func path(to quarter: Quarter) -> WritableKeyPath<Region, SpanHoldings> {
        quarter == .wantedForWriting ? \.wantedForWriting : \.wanted
    }

    private func forgetIfEmpty(_ region: UInt64) { if regions[region]?.isEmpty == true { regions[region] = nil } }

    // MARK: - The kernel

    private func set(_ change: SpanHoldings.Change, _ quarter: Quarter, _ region: UInt64) throws(FopError) -> Bool {
        let base = region << 32 | quarter.rawValue << KernelSpan.bits
        return try locks.set(change.level, first: base + change.span.first, last: base + change.span.last)
    }

    /// Relative to the quarter.
    private func conflict(
        with level: SpanHoldings.Level, _ span: KernelSpan, _ quarter: Quarter, _ region: UInt64
    ) throws(FopError) -> KernelSpan? {
        let base = region << 32 | quarter.rawValue << KernelSpan.bits
        guard let found = try locks.conflict(with: level, first: base + span.first, last: base + span.last) else {
            return nil
        }
        return KernelSpan(first: max(found.first, base) - base, last: min(found.last - base, KernelSpan.whole.last))
    }

    private func knock() {
        var byte: UInt8 = 0
        _ = pread(locks.descriptor, &byte, 1, 0)
    }
}

/// Names one `LockTable` of a process.
struct LockTableKey: Hashable, Sendable {
    let gfid: Gfid
    /// What `DomainLockClaim.kind` says.
    let kind: UInt8
    let domain: String
}
