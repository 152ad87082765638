import TranslatorCore

/// The socket on which a writer on another host is heard; another one while nothing comes of it. Confined to the
/// subscriber's thread.
///
/// libzmq gives a connection up for good, and tells nobody, when whoever answers at the address speaks something else
/// than its protocol once: another program that held the writer's port while that was restarted. Only a new socket
/// connects again.
final class RemoteEar {
    let link: WriterLink
    private(set) var socket: ZMQSocket
    /// When the last record of this volume came, heartbeats among them.
    private(set) var heard: MonotonicTime?
    private let makeSocket: () -> ZMQSocket
    private let silence: Duration
    private var renewal: RenewalPause
    private let probe: WriterProbe

    init(
        _ link: WriterLink, silence: Duration, now: MonotonicTime, _ makeSocket: @escaping () -> ZMQSocket
    ) throws(TransportError) {
        (self.link, self.silence, self.makeSocket) = (link, silence, makeSocket)
        socket = makeSocket()
        renewal = RenewalPause(first: silence, now: now)
        probe = WriterProbe(link.address)
        try socket.connect(link.address.records, security: link.security)
    }

    func hears(at now: MonotonicTime) -> Bool { heard.map { now - $0 <= silence } ?? false }

    /// Whether somebody may live there whom it does not hear: not where nobody listens at all.
    func isDeaf(at now: MonotonicTime) -> Bool { !hears(at: now) && probe.finding != .refused }

    func heardSomething(at now: MonotonicTime) {
        heard = now
        renewal.restart(at: now)
    }

    /// True when it made another socket.
    func renewIfDeaf(at now: MonotonicTime) -> Bool {
        guard renewal.isDue(at: now) else { return false }
        probe.ask()
        socket.close()
        socket = makeSocket()
        // What an address refuses, it refused the first time.
        try? socket.connect(link.address.records, security: link.security)
        return true
    }
}

/// When a silent connection is begun anew: after `first`, then in growing pauses, at most eight times as long.
struct RenewalPause {
    private static let factorMax = 8
    private let first: Duration
    private var pause: Duration, due: MonotonicTime

    init(first: Duration, now: MonotonicTime) { (self.first, pause, due) = (first, first, now + first) }

    mutating func restart(at now: MonotonicTime) { (pause, due) = (first, now + first) }

    /// True once for each time that it is.
    mutating func isDue(at now: MonotonicTime) -> Bool {
        guard now >= due else { return false }
        pause = min(pause * 2, first * Self.factorMax)
        due = now + pause
        return true
    }
}
