import CPosix
import Glibc

/// Wakes a thread that waits in poll(2) or zmq_poll: an eventfd (eventfd(2)). Signals before a wait are not lost, and
/// any number of them are one.
final class Wakeup: Sendable {
    let descriptor: Int32

    init() {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        precondition(descriptor >= 0, "eventfd failed: \(String(cString: strerror(errno)))")
    }
    deinit { Glibc.close(descriptor) }

    func signal() {
        var one: UInt64 = 1
        _ = Glibc.write(descriptor, &one, 8)  // full (EAGAIN) means signalled already
    }

    /// Forgets signals so far.
    func drain() {
        var count: UInt64 = 0
        _ = Glibc.read(descriptor, &count, 8)
    }

    /// True if signalled, false after `timeout`. Nil waits for ever.
    @discardableResult func wait(timeout: Duration?) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let milliseconds = timeout.map { Int32(clamping: ($0.milliseconds)) } ?? -1
        guard poll(&entry, 1, milliseconds) > 0 else { return false }
        drain()
        return true
    }
}

extension Duration {
    /// Rounded up, so that a wait never ends before its time.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
