import TranslatorCore

/// When a silent connection is pinged, and when it is given up. Decides, never acts.
///
/// States: heard → (half the ping-timeout is silent) → pinged → (all of it) → given up; anything that comes leads back
/// to heard. Idle connections are pinged too: they may hold locks, whose loss is to be noticed.
/// Source: GlusterFS `ping-timeout`, default 42 s; 0 never pings and never gives up.
struct Liveness {
    enum Action: Equatable {
        /// Nothing to do for this long; nil: ever.
        case wait(Duration?)
        case ping
        case giveUp
    }

    var pingTimeout: Duration
    private var lastHeard: MonotonicTime
    private var isPinged = false

    init(pingTimeout: Duration, now: MonotonicTime) {
        precondition(pingTimeout >= .zero)
        (self.pingTimeout, lastHeard) = (pingTimeout, now)
    }

    /// Bytes came, of whatever.
    mutating func heard(at now: MonotonicTime) { (lastHeard, isPinged) = (now, false) }

    mutating func next(at now: MonotonicTime) -> Action {
        guard pingTimeout > .zero else { return .wait(nil) }
        let silent = now - lastHeard
        if silent >= pingTimeout { return .giveUp }
        if !isPinged, silent >= pingTimeout / 2 {
            isPinged = true
            return .ping
        }
        return .wait((isPinged ? pingTimeout : pingTimeout / 2) - silent)
    }
}
