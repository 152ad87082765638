import RangeMapping
import ReplicaState
import Synchronization
import TranslatorCore

extension FileCopy {
    /// Windows gathered before they are worked on, and their bytes: memory, the time between looks at the map, and what
    /// a sink has yet to write to its disk stay bounded.
    static var windowsGatheredMax: Int { 1024 }
    static var bytesGatheredMax: UInt64 { 64 << 20 }

    /// Copies the job's ranges from `start` up to `size`, several windows in flight.
    func copy(_ job: CopyJob, from start: UInt64 = 0, upTo size: UInt64) async throws(CopyInterruption) {
        var windows = HealWindows(job.ranges(from: start, upTo: size))
        var flush = SinkFlush(self)
        do throws(CopyInterruption) {
            while windows.next != nil {
                try throwIfStopping()
                let gathered = try await gather(&windows, job)
                try await work(on: gathered, job)
                if windows.next != nil { await flush.next(job.sinks) }
            }
        } catch {
            await flush.finish()
            throw error
        }
        await flush.finish()
    }

    /// The next windows in which something may have to be done. Long stretches that are holes on the source and on
    /// every sink are passed over without a lock: whoever writes there later either writes to all replicas or marks.
    private func gather(_ windows: inout HealWindows, _ job: CopyJob) async throws(CopyInterruption) -> [HealWindow] {
        var gathered: [HealWindow] = []
        var known: UInt64 = 0, bytes: UInt64 = 0
        while gathered.count < Self.windowsGatheredMax, bytes < Self.bytesGatheredMax, let next = windows.next {
            if next.start >= known, next.count > 2 * HealWindow.blockBytes {
                guard let data = try await dataExtent(from: next.start, job.sinks), data.start < next.end else {
                    tally.passed(next.count)
                    windows.skip(to: next.end)
                    continue
                }
                // Blocks, not bytes: what stands in front of the data in its block belongs to it.
                let begin = max(next.start, data.start & ~4095)
                tally.passed(begin - next.start)
                windows.skip(to: begin)
                known = data.end
            }
            if let window = windows.take() {
                gathered.append(window)
                bytes += window.bytes
            }
        }
        return gathered
    }

    /// From the first byte at or behind `offset` that is data on the source or on any sink to where that ends.
    private func dataExtent(from offset: UInt64, _ sinks: [Int]) async throws(CopyInterruption) -> ByteRange? {
        var first: UInt64?
        var holder = source
        for replica in [source] + alive(sinks) {
            do throws(FopError) {
                if let data = try await map(of: replica).seek(.data, from: offset), data < first ?? .max {
                    (first, holder) = (data, replica)
                }
            } catch {
                guard replica != source else { throw .sourceFailed(error) }
                drop(replica, error)
            }
        }
        guard let first else { return nil }
        do throws(FopError) {
            let hole = try await map(of: holder).seek(.hole, from: first)
            return ByteRange(start: first, end: max(hole ?? .max, first + 1))
        } catch {
            guard holder != source else { throw .sourceFailed(error) }
            drop(holder, error)
            return ByteRange(start: first, end: first + 1)
        }
    }

    private func work(on windows: [HealWindow], _ job: CopyJob) async throws(CopyInterruption) {
        let workers = min(windowsInFlight, windows.count)
        guard workers > 1 else {
            for window in windows {
                try throwIfStopping()
                try await copy(window, job)
            }
            return
        }
        let round = WindowRound(windows)
        await withDiscardingTaskGroup { group in
            for _ in 0..<workers {
                group.addTask { [self] in
                    while let window = round.take() {
                        do throws(CopyInterruption) {
                            try throwIfStopping()
                            try await copy(window, job)
                        } catch {
                            round.interrupt(error)
                        }
                    }
                }
            }
        }
        if let interruption = round.interruption { throw interruption }
    }

    /// One window, under its lock on the source and on every sink that is left.
    private func copy(_ window: HealWindow, _ job: CopyJob) async throws(CopyInterruption) {
        try await locked(window.lockRange, job.sinks) { () async throws(CopyInterruption) in
            try await copy(window.pieces, of: job)
        }
    }

    /// Runs `body` while the source and every sink that is left hold a lock of its own on `range` in the data domain.
    func locked(
        _ range: LockRange, _ sinks: [Int], _ body: () async throws(CopyInterruption) -> Void
    ) async throws(CopyInterruption) {
        let sinks = alive(sinks)
        guard !sinks.isEmpty else { throw .noSinkLeft }
        let attempt = await HealLock(inode, domain: replicas.locks.data, range: range)
            .acquired(on: [source] + sinks, of: replicas)
        if let error = attempt.failed[source] {
            await attempt.lock.release(of: replicas)
            throw .sourceFailed(error)
        }
        for (sink, error) in attempt.failed { drop(sink, error) }
        do throws(CopyInterruption) {
            try await body()
        } catch {
            await attempt.lock.release(of: replicas)
            throw error
        }
        await attempt.lock.release(of: replicas)
    }
}

/// Windows that several workers take from, until one of them has to end the copy.
private final class WindowRound: Sendable {
    private let windows: [HealWindow]
    private let state = Mutex<(position: Int, interruption: CopyInterruption?)>((0, nil))

    init(_ windows: [HealWindow]) { self.windows = windows }

    func take() -> HealWindow? {
        state.withLock { state in
            guard state.interruption == nil, state.position < windows.count else { return nil }
            defer { state.position += 1 }
            return windows[state.position]
        }
    }
    func interrupt(_ interruption: CopyInterruption) {
        state.withLock { $0.interruption = $0.interruption ?? interruption }
    }
    var interruption: CopyInterruption? { state.withLock { $0.interruption } }
}
