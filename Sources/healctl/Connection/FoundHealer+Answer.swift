import ArgumentParser
import HealProtocol
import HealTransport
import TranslatorCore

extension FoundHealer {
    /// Asks, and turns a refusal into its sentence and exit code.
    func answer(_ request: ControlRequest, timeout: Duration? = .seconds(10)) throws -> ControlReply {
        let reply = try answering { try client.ask(request, timeout: timeout) }
        guard case .failed(let failure) = reply else { return reply }
        throw fail(failure.description, failure.exitCode)
    }
}

extension FoundHealer {
    /// As `answer`, for what may take long: exit code 124 when `timeout` has passed.
    func answerInTime(_ request: ControlRequest, _ timeout: Duration?) throws -> ControlReply {
        let clock = SystemTimeSource(), start = clock.now()
        do { return try answer(request, timeout: timeout) } catch let code as ExitCode {
            if code == .noAnswer, let timeout, clock.now() - start >= timeout { throw ExitCode.timedOut }
            throw code
        }
    }
}

extension FoundHealer {
    /// One JSON object about its volume.
    func showJSON(schema: String, _ members: (key: String, value: JSONText)...) {
        show([JSONText.object([("schema", .text(schema)), ("volume", .text(status.volume))] + members).line])
    }
}

extension FoundHealer {
    /// Has it read the bricks' indices; false when it could not, or does not answer any more, or not in time.
    func looks(within timeout: Duration?) -> Bool {
        if case .done = try? client.ask(.look, timeout: timeout) { true } else { false }
    }
}

extension ControlFailure {
    var exitCode: ExitCode {
        switch reason {
        case .healFailed, .splitBrain: .needsSomebody
        case .replicaDown: .incomplete
        case .unknownFile, .badRequest, .busy, .stopping: .noAnswer
        }
    }
}
