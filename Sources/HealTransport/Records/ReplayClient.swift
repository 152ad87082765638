import HealProtocol
import TranslatorCore

/// Asks living writers for records again: one DEALER for each writer that was asked. Confined to the subscriber's
/// thread.
final class ReplayClient {
    private struct Question {
        var writer: Gfid, byte: UInt8
        var deadline: MonotonicTime
        var answer: (ReplayReply?) -> Void
    }
    private let timeout: Duration
    private var dealers: [Gfid: ZMQSocket] = [:]
    private var questions: [UInt64: Question] = [:]
    private var nextNumber: UInt64 = 1
    private var isClosed = false

    init(timeout: Duration) { self.timeout = timeout }

    var isBusy: Bool { !questions.isEmpty }
    var sockets: [ZMQSocket] { Array(dealers.values) }

    /// `answer` is called once, by `receive` or `close`: with nil when the writer does not answer in time.
    func ask(
        _ writer: Gfid, _ byte: UInt8, from: UInt64, at endpoint: Endpoint, _ security: SocketSecurity,
        now: MonotonicTime,
        _ answer: @escaping (ReplayReply?) -> Void
    ) {
        guard !isClosed else { return }
        let number = nextNumber
        nextNumber += 1
        questions[number] = Question(writer: writer, byte: byte, deadline: now + timeout, answer: answer)
        guard let dealer = dealer(to: writer, at: endpoint, security) else { return }
        dealer.send(ReplayRequest(writer: writer, byte: byte, from: from, number: number).encoded)
    }

    private func dealer(to writer: Gfid, at endpoint: Endpoint, _ security: SocketSecurity) -> ZMQSocket? {
        if let dealer = dealers[writer] { return dealer }
        let dealer = ZMQSocket(
            .dealer, messageBytesMax: 4_096 + ReplayReply.recordsMax * WriteRecord.encodedBytes)
        guard (try? dealer.connect(endpoint, security: security)) != nil else { return nil }
        dealers[writer] = dealer
        return dealer
    }

    /// Gives answers that came, and nil to those who waited too long.
    func receive(now: MonotonicTime) {
        for (writer, dealer) in dealers {
            while let frames = dealer.receiveFrames(framesMax: 1) {
                guard let reply = try? ReplayReply(decoding: frames[0]), reply.writer == writer,
                    let question = questions[reply.number], question.writer == writer, question.byte == reply.byte
                else { continue }
                questions[reply.number] = nil
                question.answer(reply)
            }
        }
        let late = questions.filter { $0.value.deadline <= now }
        for number in late.keys { questions[number] = nil }
        // A connection that met another program once is dead for good, and says nothing of it: the next question has a
        // new one.
        for writer in Set(late.values.map(\.writer)) where !questions.values.contains(where: { $0.writer == writer }) {
            forget(writer)
        }
        for question in late.values { question.answer(nil) }
    }

    /// The writer has gone.
    func forget(_ writer: Gfid) { dealers.removeValue(forKey: writer)?.close() }

    /// Whoever asks from now on, in such an answer, is not answered.
    func close() {
        isClosed = true
        for dealer in dealers.values { dealer.close() }
        dealers = [:]
        let unanswered = questions.values
        questions = [:]
        for question in unanswered { question.answer(nil) }
    }
}
