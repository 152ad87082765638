import Synchronization

/// Long waits that a signal to the waiting program ends, by the number that its request's frame has (`Frame.unique`):
/// FUSE_INTERRUPT names requests by it. Only waits that may last, and that nothing was done before, are kept here; to
/// interrupt a transaction half-way would show programs an EINTR that no local file system gives them.
///
/// The kernel says it once for each request, and says it early: what is not waiting yet is remembered, the last
/// `earlyMax` of them. Most of those never wait.
public final class InterruptibleWaits: Sendable {
    private static let earlyMax = 256

    private struct State {
        var waits: [UInt64: @Sendable () -> Void] = [:]
        var early: [UInt64] = []
        /// Nobody waits any more: the mount is ending.
        var isOver = false
    }
    private let state = Mutex(State())

    public init() {}

    /// From now on `interrupt` is called once, on any thread, when the request is interrupted. False: it was already.
    public func begin(_ unique: UInt64, _ interrupt: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            if state.isOver { return false }
            if let position = state.early.firstIndex(of: unique) {
                state.early.remove(at: position)
                return false
            }
            state.waits[unique] = interrupt
            return true
        }
    }

    public func end(_ unique: UInt64) { state.withLock { _ = $0.waits.removeValue(forKey: unique) } }

    public func interrupt(_ unique: UInt64) {
        let wait = state.withLock { state -> (@Sendable () -> Void)? in
            if let wait = state.waits.removeValue(forKey: unique) { return wait }
            if state.early.count == Self.earlyMax { state.early.removeFirst() }
            state.early.append(unique)
            return nil
        }
        wait?()
    }

    /// Ends all waits, those to come too.
    public func interruptAll() {
        let waits = state.withLock { state in
            state.isOver = true
            defer { state.waits = [:] }
            return Array(state.waits.values)
        }
        for wait in waits { wait() }
    }
}
