import CAllocationCount
import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// `testing/allocation-meter`: notes how many heap allocations a thread makes from one read or write to its next one.
/// Under a mount that is a whole request, with receiving and answering it. Stands above storage/posix.
public final class AllocationMeter: Translator {
    public static let type: TranslatorType = "testing/allocation-meter"
    public static let needs: SubvolumeNeed = .exactly(1)
    public let volume: Volume

    private struct State {
        var lastOfThread: [pid_t: UInt64] = [:]
        var between: [UInt64] = []
    }
    private let state = Mutex(State())

    public init(_ volume: Volume) throws(VolfileError) { self.volume = volume }

    /// Forgets what was noted, and makes room, so that noting allocates nothing.
    public func restart(for requests: Int) {
        state.withLock { state in
            state.lastOfThread.removeAll(keepingCapacity: true)
            state.lastOfThread.reserveCapacity(64)
            state.between.removeAll()
            state.between.reserveCapacity(requests)
        }
    }

    /// Allocations of each request but the first of each thread, ascending.
    public var allocations: [UInt64] { state.withLock { $0.between.sorted() } }

    private func note() {
        let (thread, now) = (gettid(), callocationcount_allocations())
        state.withLock { state in
            if let last = state.lastOfThread[thread], state.between.count < state.between.capacity {
                state.between.append(now - last)
            }
            state.lastOfThread[thread] = now
        }
    }

    public func readv(_ request: ReadRequest, in frame: Frame) async throws(FopError) -> ReadReply {
        note()
        return try await subvolume.readv(request, in: frame)
    }
    public func writev(_ request: WriteRequest, in frame: Frame) async throws(FopError) -> WriteReply {
        note()
        return try await subvolume.writev(request, in: frame)
    }
}
