import TranslatorCore

/// Why a journal cannot be kept or read: one sentence that names the file and what to do.
public struct JournalError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
    /// What a fop fails with because of it.
    public let cause: FopError

    init(_ description: String, cause: FopError = .io) { (self.description, self.cause) = (description, cause) }

    /// The system call that has just failed, by its errno.
    static func system(_ what: String, _ path: String, remedy: String = "") -> JournalError {
        let cause = FopError.last
        return JournalError("\(what) \(path): \(cause)\(remedy.isEmpty ? "" : "; \(remedy)")", cause: cause)
    }
}
