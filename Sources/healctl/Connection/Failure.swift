import ArgumentParser
import CPosix
import Glibc
import HealProtocol
import HealTransport

/// FEATURES C6.
extension ExitCode {
    static let pending = ExitCode(1)
    static let needsSomebody = ExitCode(2)
    static let incomplete = ExitCode(3)
    static let noAnswer = ExitCode(4)
    static let timedOut = ExitCode(124)
}

/// Prints one sentence to standard error and ends with `code`.
func fail(_ sentence: String, _ code: ExitCode) -> ExitCode {
    complain(sentence)
    return code
}
func complain(_ sentence: String) {
    let line = Array("healctl: \(sentence)\n".utf8)
    _ = Glibc.write(2, line, line.count)
}

/// Runs what may find no healer: that is exit code 4, and its sentence.
func answering<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as TransportError { throw fail(error.description, .noAnswer) }
}
