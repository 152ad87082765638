import DaemonProcess
import HealTransport
import TranslatorCore

/// Why the healer does not run: one sentence and an exit code.
struct HealerFailure: Error, CustomStringConvertible {
    /// FEATURES C6.
    enum Code: Int32 { case startUp = 1, configuration = 2 }
    let code: Code
    let description: String

    init(_ code: Code, _ description: String) { (self.code, self.description) = (code, description) }
    init(_ error: LogFileError) { self.init(.startUp, error.description) }
    init(_ error: VolfileError) { self.init(.configuration, error.description) }
    init(_ error: TransportError) { self.init(.startUp, error.description) }
}
