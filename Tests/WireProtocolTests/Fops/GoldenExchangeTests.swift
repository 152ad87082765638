import Testing
import TranslatorCore
import WireProtocol

/// Every captured call and reply, of fops and of all else, says what the capture says, with nothing left over, and is
/// written to the same bytes.
@Suite struct GoldenExchangeTests {
    @Test(arguments: Golden.exchangeFiles)
    func `every captured call is read to its end and written to the same bytes`(file: String) throws {
        let exchanges = Golden.exchanges.filter { $0.file == file }
        #expect(exchanges.count > 20)
        for exchange in exchanges {
            let record = Golden.record(exchange.request)
            let replay = try exchange.decoding.replayCall(record)
            #expect(replay.recorder.difference(from: exchange.arguments) == nil, "\(exchange.testDescription)")
            #expect(replay.bytes == record, "\(exchange.testDescription)")
        }
    }

    @Test(arguments: Golden.exchangeFiles)
    func `every captured reply is read to its end and written to the same bytes`(file: String) throws {
        for exchange in Golden.exchanges where exchange.file == file {
            let record = Golden.record(exchange.reply)
            let replay = try exchange.decoding.replayReply(record)
            #expect(replay.recorder.difference(from: exchange.results) == nil, "\(exchange.testDescription)")
            #expect(replay.bytes == record, "\(exchange.testDescription)")
        }
    }

    @Test func `every fop but ipc was captured`() throws {
        let captured = Set(
            Golden.exchanges.filter { $0.header[1] == "1298437" }.compactMap { Fop(rawValue: Int($0.header[3])!) })
        #expect(Set(Fop.allCases).subtracting(captured) == [.ipc])
    }
}
