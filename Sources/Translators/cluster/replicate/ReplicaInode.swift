import ReplicaState
import Synchronization
import TranslatorCore

/// What `cluster/replicate` remembers of an inode.
final class ReplicaInode: Sendable {
    /// How a waiting task is resumed: with what it is to do, or that the lock was let go.
    enum Turn: Sendable {
        case granted(EagerLock<Waiter>.Grant)
        /// Its task was cancelled before its turn came.
        case cancelled
        /// Nil: what was written is as durable as it has to be, and every mark that the close owed is on a replica.
        case closed(failure: FopError?)
    }
    typealias Waiter = CheckedContinuation<Turn, Never>

    struct Readable: Sendable {
        var replicas: ReadableReplicas
        /// Of the connections when it was found out, and when that was.
        var generation: UInt64
        var at: MonotonicTime
        /// Doubts, ever, when the replicas were asked (`ReplicateTranslator.doubts`).
        var doubts: UInt64
        /// Of all replicas together, as they were when they were asked (`XdataKey.changeStamp`): what was found out
        /// holds for as long as this is the same. Nil: not all of them could say.
        var stamp: UInt64?
    }
    struct State {
        var lock = EagerLock<Waiter>()
        /// While the lock is not free.
        var lease: DataLease?
        /// Writes, ever, that may be in a brick's memory only; and how many of them an fsync has covered.
        var unstableWrites: UInt64 = 0
        var syncedWrites: UInt64 = 0
        /// When the last change under the lock ended.
        var idleSince = MonotonicTime(nanoseconds: 0)
        var readable: Readable?
        /// What was asked before this doubt is not believed any more.
        var lastDoubt: UInt64 = 0
        /// The replica that alone has everything: without it no data may change, and none is read.
        var relied: Int?
        /// Why a close failed that nobody waited for; told to whoever syncs next.
        var untoldFailure: FopError?
        /// Some replica lacks the name by which it was found last, and did so under the name's lock; or lacks the
        /// directory, and did so for as long as its making may take.
        var isLacked = false
        /// Of an object that is on no replica and stands for several: what it looks like (`splitName`).
        var standsFor: Iatt?

        /// Who may be read, as it was found out under these connections, however long ago.
        func known(generation: UInt64) -> Readable? {
            guard var known = readable, known.generation == generation else { return nil }
            if let relied { known.replicas.onlyData(of: relied) }
            return known
        }

        /// Whether that is still believed.
        func believes(_ known: Readable, at now: MonotonicTime) -> Bool {
            known.doubts >= lastDoubt && now - known.at < ReplicateTranslator.readableBelieved
        }
    }

    /// What is known of who may be read, and still believed.
    func known(_ generation: UInt64, at now: MonotonicTime) -> ReadableReplicas? {
        state.withLock { state in
            guard let known = state.known(generation: generation), state.believes(known, at: now) else { return nil }
            return known.replicas
        }
    }

    /// Of all locks on this inode's data: they are one.
    let owner = LockOwner.unique()
    let state = Mutex(State())
}

extension EagerLock.Wakes where Waiter == ReplicaInode.Waiter {
    func resume(failure: FopError? = nil) {
        for (waiter, grant) in granted { waiter.resume(returning: .granted(grant)) }
        for waiter in closed { waiter.resume(returning: .closed(failure: failure)) }
    }
}

extension ReplicateTranslator {
    func context(_ inode: Inode) -> ReplicaInode { inode.contexts.findOrSet(at: slot) { ReplicaInode() } }
}
