import DaemonProcess
import TranslatorCore

/// Why the volume is not mounted: one sentence and an exit code.
struct Failure: Error, CustomStringConvertible {
    /// Codes: FEATURES C6, as the healer has them.
    enum Code: Int32 { case startUp = 1, configuration = 2 }
    let code: Code
    let description: String

    init(_ code: Code, _ description: String) { (self.code, self.description) = (code, description) }
    init(_ error: LogFileError) { self.init(.startUp, error.description) }
    init(_ error: VolfileError) { self.init(.configuration, error.description) }
}
