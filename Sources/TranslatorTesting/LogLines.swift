import Synchronization
import TranslatorCore

/// Keeps what was logged, so that a test can claim what people are told: `warning vol-bypass: …`.
public final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    public init() {}

    public var all: [String] { lines.withLock { $0 } }

    /// Hand this to a `GraphEnvironment`.
    public var log: Log {
        Log(threshold: .trace) { [self] level, volume, message in
            lines.withLock { $0.append("\(level) \(volume): \(message)") }
        }
    }
}
