import Synchronization
import TranslatorCore

/// A thread with an end that others can wait for: for sockets and files that block.
final class ServiceThread: Sendable {
    private let ended = Wakeup()

    /// `name` is what `top -H` shows.
    init(name: String, _ run: @escaping @Sendable () -> Void) {
        WorkerThread.start(name: name) { [ended] in
            run()
            ended.signal()
        }
    }

    /// Returns when the thread has run to its end. At most one caller.
    func join() { ended.wait(timeout: nil) }
}
