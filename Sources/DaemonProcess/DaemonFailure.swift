import TranslatorCore

/// Why a daemon does not run, or ends: one sentence, and the exit code that service managers see.
public struct DaemonFailure: Error, CustomStringConvertible {
    /// 1 and 2 as in the manual pages, EXIT STATUS; 70 of sysexits(3h), for what must not happen.
    public enum Code: Int32, Sendable {
        /// It could not begin; or it was asked to leave, and left without finishing what it had in hand.
        case startUp = 1
        case configuration = 2
        /// A part of it ended although nobody had asked it to leave. EX_SOFTWARE.
        case unasked = 70
    }
    public let code: Code
    public let description: String

    public init(_ code: Code, _ description: String) { (self.code, self.description) = (code, description) }
    public init(_ error: LogFileError) { self.init(.startUp, error.description) }
    public init(_ error: VolfileError) { self.init(.configuration, error.description) }
}
