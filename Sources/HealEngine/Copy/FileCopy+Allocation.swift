import RangeMapping
import ReplicaState
import TranslatorCore

/// Room on the disk: what is allocated on the source and was never written is so on the sinks, and what has no room
/// there has none here (DESIGN §5). After the bytes are equal, which this never changes: fallocate leaves data alone,
/// and holes are made only where the source reads as zeros under the lock.
extension FileCopy {
    /// What is looked at and locked at once.
    private static var stretchBytesMax: UInt64 { 1 << 30 }
    private static var blockBytes: UInt64 { 4096 }

    func allocationMap(of replica: Int) -> AllocationMapping? { AllocationMapping(map(of: replica)) }

    /// Whether all of `range`, whose bytes the caller has seen to be zeros, is allocated on the source and was never
    /// written. Zeros that were written are data, so the file is written out to tell, if it may be needed.
    func isUnwrittenOnSource(_ range: ByteRange) -> Bool {
        guard let map = allocationMap(of: source) else { return false }
        return [false, true].allSatisfy {
            (try? map.unwritten(in: range, writesBack: $0).byteCount) == range.count
        }
    }

    func matchAllocation(_ job: CopyJob) async throws(CopyInterruption) {
        guard let map = allocationMap(of: source) else { return }
        do throws(FopError) {
            _ = try map.brick.extents(
                of: fds[source]!, in: ByteRange(start: 0, end: Self.blockBytes), writesBack: false)
        } catch .notSupported {
            return
        } catch { throw .sourceFailed(error) }
        let size = try await sourceSize()
        for range in job.ranges(upTo: size).ranges.map({ $0.expanded(toMultiplesOf: Self.blockBytes) }) {
            var at = range.start
            while at < range.end {
                try throwIfStopping()
                let stretch = ByteRange(start: at, end: min(range.end, at + Self.stretchBytesMax))
                try await matchAllocation(in: stretch, job.sinks, map)
                at = stretch.end
            }
        }
        if job.end > size { try await matchAllocationBehindTheEnd(job.sinks, map) }
    }

    private struct Differences {
        var missing: [(sink: Int, range: ByteRange)] = []
        /// Where the source has a hole and the sink keeps room.
        var surplus: [(sink: Int, range: ByteRange)] = []
        var isEmpty: Bool { missing.isEmpty && surplus.isEmpty }
    }

    /// Looks without a lock, as nothing is different most of the time; what is, is looked at again under it.
    private func matchAllocation(
        in stretch: ByteRange, _ sinks: [Int], _ map: AllocationMapping
    ) async throws(CopyInterruption) {
        if try await differences(in: stretch, sinks, map).isEmpty { return }
        try await locked(LockRange(start: stretch.start, length: stretch.count), sinks) {
            () async throws(CopyInterruption) in
            let differences = try await differences(in: stretch, sinks, map)
            for (sink, range) in differences.surplus { await release(range, on: sink) }
            for (sink, range) in differences.missing { await reserve(range, on: sink) }
        }
    }

    private func differences(
        in stretch: ByteRange, _ sinks: [Int], _ map: AllocationMapping
    ) async throws(CopyInterruption) -> Differences {
        let unwritten: ByteRanges, holes: ByteRanges
        do throws(FopError) {
            (unwritten, holes) = (try map.unwritten(in: stretch), try await map.holes(in: stretch))
        } catch { throw .sourceFailed(error) }
        var differences = Differences()
        for sink in alive(sinks) {
            do throws(FopError) {
                let own = allocationMap(of: sink)
                // Of a sink that does not tell, all may be missing.
                let sinkHoles = try await own?.holes(in: stretch) ?? ByteRanges(stretch)
                let sinkUnwritten = try own?.unwritten(in: stretch) ?? ByteRanges()
                for range in unwritten.ranges {
                    differences.missing += sinkHoles.intersection(range).ranges.map { (sink, $0) }
                }
                for range in holes.ranges {
                    differences.surplus += sinkUnwritten.intersection(range).ranges.map { (sink, $0) }
                }
            } catch .notSupported {
                // There a hole is the nearest thing.
                continue
            } catch { drop(sink, error) }
        }
        return differences
    }

    private func matchAllocationBehindTheEnd(
        _ sinks: [Int], _ map: AllocationMapping
    ) async throws(CopyInterruption) {
        let size = try await sourceSize()
        if await sinksBehindTheEnd(sinks, map, size).isEmpty { return }
        try await locked(ReplicaLocks.tail(from: size & ~(Self.blockBytes - 1)), sinks) {
            () async throws(CopyInterruption) in
            // Grown since: what was written there is told by records of its own.
            guard try await sourceSize() == size else { return }
            for (sink, change) in await sinksBehindTheEnd(sinks, map, size) {
                if change.hasSurplus { await cutRoom(of: sink, size) }
                for range in change.wanted.ranges { await reserve(range, on: sink) }
            }
        }
    }

    /// The sinks whose room behind `size` is another than the source's. One of another size is not looked at.
    private func sinksBehindTheEnd(
        _ sinks: [Int], _ map: AllocationMapping, _ size: UInt64
    ) async -> [(sink: Int, change: (wanted: ByteRanges, hasSurplus: Bool))] {
        let start = (size + Self.blockBytes - 1) & ~(Self.blockBytes - 1)
        guard let wanted = try? map.allocated(from: start) else { return [] }
        var changes: [(sink: Int, change: (wanted: ByteRanges, hasSurplus: Bool))] = []
        for sink in alive(sinks) {
            do throws(FopError) {
                guard try await self.size(of: sink) == size else { continue }
                guard let own = allocationMap(of: sink) else {
                    if !wanted.isEmpty { changes.append((sink, (wanted, false))) }
                    continue
                }
                let found = try own.allocated(from: start)
                if found != wanted { changes.append((sink, (wanted, !found.isEmpty))) }
            } catch .notSupported { continue } catch { drop(sink, error) }
        }
        return changes
    }

    private func reserve(_ range: ByteRange, on sink: Int) async {
        do throws(FopError) {
            _ = try await replicas.replicas[sink].fallocate(
                FallocateRequest(fd: fds[sink]!, offset: range.start, bytes: range.count, keepsSize: true), in: frame)
        } catch .notSupported {
            // A file system that cannot: a hole reads the same.
        } catch { drop(sink, error) }
    }

    private func release(_ range: ByteRange, on sink: Int) async {
        do throws(FopError) {
            _ = try await replicas.replicas[sink].discard(
                DiscardRequest(fd: fds[sink]!, offset: range.start, bytes: range.count), in: frame)
        } catch .notSupported {} catch { drop(sink, error) }
    }

    /// A truncate to the size that it has gives room behind the end back; a punched hole there is ignored by ext4.
    private func cutRoom(of sink: Int, _ size: UInt64) async {
        do throws(FopError) {
            _ = try await replicas.replicas[sink].truncate(TruncateRequest(.fd(fds[sink]!), size: size), in: frame)
        } catch { drop(sink, error) }
    }
}
