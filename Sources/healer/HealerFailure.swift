import DaemonProcess
import HealTransport
import TranslatorCore

/// Why the healer does not run: one sentence and an exit code.
struct HealerFailure: Error, CustomStringConvertible {
    /// FEATURES C6, and sysexits(3) for what must not happen.
    enum Code: Int32 {
        /// It could not begin; or it was asked to leave, and left without finishing what it had in hand.
        case startUp = 1
        case configuration = 2
        /// A part of it ended although nobody had asked it to leave.
        case unasked = 70
    }
    let code: Code
    let description: String

    init(_ code: Code, _ description: String) { (self.code, self.description) = (code, description) }
    init(_ error: LogFileError) { self.init(.startUp, error.description) }
    init(_ error: VolfileError) { self.init(.configuration, error.description) }
    init(_ error: TransportError) { self.init(.startUp, error.description) }
}
