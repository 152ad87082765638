import CPosix
import Glibc

/// GlusterFS's levels that we use.
public enum LogLevel: Int, Sendable, Comparable, CaseIterable {
    case trace, debug, info, warning, error
    public static func < (a: LogLevel, b: LogLevel) -> Bool { a.rawValue < b.rawValue }
}

/// Where lines for people go. The core declares it; an executable hands in its logging library.
public struct Log: Sendable {
    public let threshold: LogLevel
    private let sink: @Sendable (LogLevel, _ volume: String, _ message: String) -> Void

    public init(threshold: LogLevel, sink: @escaping @Sendable (LogLevel, _ volume: String, _ message: String) -> Void)
    {
        (self.threshold, self.sink) = (threshold, sink)
    }

    @inline(__always) public func write(_ level: LogLevel, volume: String, _ message: () -> String) {
        if level >= threshold { sink(level, volume, message()) }
    }

    public static let silent = Log(threshold: .error) { _, _, _ in }

    /// One line each: `W vol-bypass: …`.
    public static func standardError(_ threshold: LogLevel = .warning) -> Log {
        Log(threshold: threshold) { level, volume, message in
            let letter = "\(level)".prefix(1).uppercased()
            let line = "\(letter) \(volume): \(message)\n"
            _ = line.utf8CString.withUnsafeBytes { CPosix.write(2, $0.baseAddress, $0.count - 1) }
        }
    }
}
