import TranslatorCore

/// The calls of one connection that wait for answers, by xid. Decides, never acts: no socket, no clock, no `await`.
/// `Waiter` is who waits. States of a table: open → closed, for good.
struct CallTable<Waiter> {
    /// What is known of a call while it is under way.
    struct Call {
        let waiter: Waiter
        /// How many bytes of payload the answer may bring; nil for all but READ.
        let payloadBytesMax: Int?
        /// Nil for what may wait for as long as it likes: a lock.
        let deadline: MonotonicTime?
    }

    /// No call's: pings have it, for whose answer nobody waits.
    static var pingXid: UInt32 { 0 }

    let callsMax: Int
    private(set) var isOpen = true
    private var calls: [UInt32: Call] = [:]
    private var lastXid: UInt32
    /// How many of them are READs.
    private(set) var readCount = 0

    /// `lastXid` is the number before the first.
    init(callsMax: Int, lastXid: UInt32 = 0) {
        precondition(callsMax > 0)
        precondition(callsMax < Int(UInt32.max))
        (self.callsMax, self.lastXid) = (callsMax, lastXid)
    }

    var count: Int { calls.count }

    /// The xid of a new call. ENOTCONN after the close, ENOBUFS while `callsMax` calls are under way.
    mutating func begin(
        _ waiter: Waiter, payloadBytesMax: Int? = nil, deadline: MonotonicTime? = nil
    ) throws(FopError) -> UInt32 {
        guard isOpen else { throw .notConnected }
        guard calls.count < callsMax else { throw .noBuffers }
        // A lock may wait while the numbers go round.
        repeat { lastXid &+= 1 } while lastXid == Self.pingXid || calls[lastXid] != nil
        calls[lastXid] = Call(waiter: waiter, payloadBytesMax: payloadBytesMax, deadline: deadline)
        if payloadBytesMax != nil { readCount += 1 }
        return lastXid
    }

    /// How many bytes of payload the answer to `xid` may bring; nil for none.
    func payloadBytesMax(of xid: UInt32) -> Int? { calls[xid]?.payloadBytesMax }

    /// Takes the call off the table; nil when nobody waits for this number, or no more.
    mutating func end(_ xid: UInt32) -> Call? {
        guard let call = calls.removeValue(forKey: xid) else { return nil }
        if call.payloadBytesMax != nil { readCount -= 1 }
        return call
    }

    /// Takes off those whose deadline is over.
    mutating func expire(at now: MonotonicTime) -> [Call] {
        let late = calls.filter { _, call in call.deadline.map { $0 <= now } ?? false }.keys
        return late.compactMap { end($0) }
    }

    /// Takes off all that are left; there are none any more after this.
    mutating func close() -> [Call] {
        isOpen = false
        defer { (calls, readCount) = ([:], 0) }
        return Array(calls.values)
    }
}

extension FopError {
    /// More calls at once than a connection has room for.
    static let noBuffers = FopError(105)
}
