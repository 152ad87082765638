import CLastWords
import CPosix
import Glibc
import Logging
import Synchronization
import TranslatorCore

/// Where log lines are written: a file, reopened on SIGHUP after logrotate(8) moved it, or standard error.
public final class LogFile: Sendable {
    private let path: String?
    private let descriptor: Mutex<Int32>

    /// Nil: standard error.
    public init(_ path: String?) throws(LogFileError) {
        self.path = path
        let first = try path.map { path throws(LogFileError) in try Self.open(path) } ?? 2
        descriptor = Mutex(first)
        last_words_to(first)
    }

    /// Appends to `path`, which is made when it is not there; the descriptor is the caller's to close.
    public static func open(_ path: String) throws(LogFileError) -> Int32 {
        let descriptor = cposix_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw LogFileError(path: path, cause: .last) }
        return descriptor
    }

    /// Lines from now on go to the file that has the name now. The old one is kept where that cannot be opened.
    public func reopen() {
        guard let path, let fresh = try? Self.open(path) else { return }
        let old = descriptor.withLock { descriptor in
            defer { descriptor = fresh }
            return descriptor
        }
        last_words_to(fresh)
        close(old)
    }

    func write(_ line: String) {
        var line = line
        line.withUTF8 { bytes in
            // One write for one line: lines of several threads do not mix.
            descriptor.withLock { _ = Glibc.write($0, bytes.baseAddress, bytes.count) }
        }
    }
}

/// A log file that cannot be appended to.
public struct LogFileError: Error, CustomStringConvertible {
    let path: String
    let cause: FopError
    public var description: String { "log file \(path): \(cause)" }
}

/// swift-log's lines in GlusterFS's order: time, level, volume, message.
public struct LineLogHandler: LogHandler {
    let file: LogFile
    public var metadata: Logger.Metadata = [:]
    public var logLevel: Logger.Level

    public init(_ file: LogFile, level: Logger.Level) { (self.file, logLevel) = (file, level) }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let volume = event.metadata?["volume"].map { "\($0): " } ?? ""
        let letter = event.level.rawValue.prefix(1).uppercased()
        file.write("[\(UTCTime.now)] \(letter) \(volume)\(event.message)\n")
    }
}

extension Logger.Level {
    /// swift-log's name for the core's level.
    public init(_ level: LogLevel) {
        self =
            switch level {
            case .trace: .trace
            case .debug: .debug
            case .info: .info
            case .warning: .warning
            case .error: .error
            }
    }
}

extension TranslatorCore.Log {
    /// The core's log on top of the process's logger.
    public init(_ logger: Logger, threshold: LogLevel) {
        self.init(threshold: threshold) { level, volume, message in
            logger.log(level: Logger.Level(level), "\(message)", metadata: ["volume": "\(volume)"])
        }
    }
}

/// The time for people and file names, always UTC: `2026-01-12 09:41:13.204`.
enum UTCTime {
    static var now: String {
        var clock = timespec()
        clock_gettime(CLOCK_REALTIME, &clock)
        var parts = tm()
        gmtime_r(&clock.tv_sec, &parts)
        func digits(_ value: some BinaryInteger, _ count: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        return "\(parts.tm_year + 1900)-\(digits(parts.tm_mon + 1, 2))-\(digits(parts.tm_mday, 2)) "
            + "\(digits(parts.tm_hour, 2)):\(digits(parts.tm_min, 2)):\(digits(parts.tm_sec, 2))."
            + digits(clock.tv_nsec / 1_000_000, 3)
    }
}
