import RangeMapping
import ReplicaState
import TranslatorCore

extension FileCopy {
    /// Growth that is copied under the lock of the tail at once; more than that goes by windows first.
    private static var growthUnderTailMax: UInt64 { HealWindow.bytesMax }
    /// After so many looks at a source that shrinks and grows, the tail is locked from the start of the file.
    private static var looksMax: Int { 8 }

    /// Makes the end right, after everything of the job before `copied` was copied. The part of a range behind the
    /// source's end is one truncate of the sinks to the source's size, read under the lock of the tail; a whole-file
    /// heal always ends with it. A sink that is shorter than both the job and the source is lengthened (DESIGN §3.3,
    /// step 4).
    func finish(_ job: CopyJob, copiedUpTo size: UInt64) async throws(CopyInterruption) {
        var copied = size, looks = 0
        while true {
            try throwIfStopping()
            let seen = try await sourceSize()
            if job.end <= seen {
                // All of it lies within the source, which may have grown since it was planned.
                if copied < job.end { try await copy(job, from: copied, upTo: job.end) }
                copied = max(copied, job.end)
                if await sinksReach(job.end, job.sinks) { return }
                if try await lengthen(job) { return }
            } else {
                if looks < Self.looksMax, seen > copied, seen - copied > Self.growthUnderTailMax {
                    try await copy(job, from: copied, upTo: seen)
                    copied = seen
                }
                let start = looks < Self.looksMax ? min(copied, seen) : 0
                if try await cutTail(job, from: start, copied: &copied) { return }
            }
            looks += 1
        }
    }

    func sourceSize() async throws(CopyInterruption) -> UInt64 {
        do throws(FopError) { return try await size(of: source) } catch { throw .sourceFailed(error) }
    }
    func size(of replica: Int) async throws(FopError) -> UInt64 {
        try await replicas.replicas[replica].stat(StatRequest(.fd(fds[replica]!)), in: frame).iatt.size
    }

    /// Whether no sink is shorter: then there is nothing to lengthen, and whoever shortens one later shortens all.
    private func sinksReach(_ end: UInt64, _ sinks: [Int]) async -> Bool {
        var doAll = true
        await onSinks(sinks) { _, size in
            if size < end { doAll = false }
            return nil
        }
        return doAll
    }

    /// Under the lock of the last block of the job: no sink stays shorter than its end. False when the source does not
    /// reach that far any more.
    private func lengthen(_ job: CopyJob) async throws(CopyInterruption) -> Bool {
        precondition(!job.isWhole && job.end > 0)
        let last = LockRange(start: (job.end - 1) & ~(HealWindow.blockBytes - 1), length: HealWindow.blockBytes)
        var isDone = false
        try await locked(last, job.sinks) { () async throws(CopyInterruption) in
            guard try await sourceSize() >= job.end else { return }
            await onSinks(job.sinks) { replica, size in size < job.end ? job.end : nil }
            isDone = true
        }
        return isDone
    }

    /// Under the lock from `start` on: the sinks get the source's size. False when the source ends before `start` now.
    private func cutTail(_ job: CopyJob, from start: UInt64, copied: inout UInt64) async throws(CopyInterruption)
        -> Bool
    {
        var isDone = false
        var reached = copied
        try await locked(ReplicaLocks.tail(from: start), job.sinks) { () async throws(CopyInterruption) in
            let end = try await sourceSize()
            guard end >= start else { return }
            if end > reached {
                guard end - reached <= Self.growthUnderTailMax || start == 0 else { return }
                var windows = HealWindows(job.ranges(from: reached, upTo: end))
                while let window = windows.take() {
                    try await copy(window.pieces, of: job)
                }
                reached = end
            }
            await onSinks(job.sinks) { replica, size in
                if end < job.end { return size == end ? nil : end }
                return size < job.end ? job.end : nil
            }
            isDone = true
        }
        copied = reached
        return isDone
    }

    /// Gives each sink the size that `wanted` says, nil for as it is.
    private func onSinks(_ sinks: [Int], _ wanted: (_ sink: Int, _ size: UInt64) -> UInt64?) async {
        for sink in alive(sinks) {
            do throws(FopError) {
                guard let size = wanted(sink, try await size(of: sink)) else { continue }
                _ = try await replicas.replicas[sink].truncate(
                    TruncateRequest(.fd(fds[sink]!), size: size), in: frame)
            } catch {
                drop(sink, error)
            }
        }
    }
}
