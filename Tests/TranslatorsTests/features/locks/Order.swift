import Synchronization

/// What happened, in order, whoever tells it.
final class Order: Sendable {
    private let events = Mutex<[UInt64]>([])
    func append(_ event: UInt64) { events.withLock { $0.append(event) } }
    var all: [UInt64] { events.withLock { $0 } }
}
