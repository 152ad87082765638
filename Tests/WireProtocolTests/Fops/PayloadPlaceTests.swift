import Testing
import TranslatorCore
import WireProtocol

@Suite struct PayloadPlaceTests {
    /// Asks with ever more of the record, as it arrives.
    private func place(
        in record: [UInt8], _ extent: (UnsafeRawBufferPointer) throws(CodecError) -> HeadExtent
    ) throws -> HeadExtent {
        for count in 0...record.count {
            let answer = try record.prefix(count).withUnsafeBytes { try extent($0) }
            guard case .needs(let bytes) = answer else { return answer }
            #expect(bytes > count, "the answer asks for what is there")
        }
        return .whole
    }

    @Test func `payload begins where the captured head ends, for READ replies and WRITE calls only`() throws {
        var payloads = 0
        for exchange in Golden.exchanges {
            let isFop = exchange.header[1] == "1298437"
            let call = Golden.record(exchange.request), reply = Golden.record(exchange.reply)
            let inCall = try place(in: call) { bytes throws(CodecError) in try HeadExtent.call(bytes) }
            if isFop, exchange.op == "WRITE" {
                #expect(inCall == .bytes(call.count - Int(exchange.arguments[3])!), "\(exchange.testDescription)")
                payloads += 1
            } else {
                #expect(inCall == .whole, "\(exchange.testDescription)")
            }
            let inReply = try place(in: reply) { bytes throws(CodecError) in
                try HeadExtent.reply(bytes) { "\($0)" == exchange.header[0] && exchange.op == "READ" }
            }
            if exchange.op == "READ" {
                #expect(
                    inReply == .bytes(reply.count - max(0, Int(exchange.results[0])!)), "\(exchange.testDescription)")
                payloads += 1
            } else {
                #expect(inReply == .whole, "\(exchange.testDescription)")
            }
        }
        #expect(payloads == 25)
    }

    @Test func `a READ reply's content lands in an iobuf and becomes a reply of the stack`() throws {
        let exchange = try #require(Golden.exchanges.first { $0.op == "READ" && $0.results[0] == "3000" })
        let bytes = Golden.bytes(exchange.reply)
        let pool = IobufPool()
        var reader = RecordReader()
        // The first 300 bytes come together, as from a socket; the rest is read into the iobuf.
        try bytes.prefix(300).withUnsafeBytes { raw in
            var stream = ByteReader(raw)
            let isRead = { (_: UInt32) in true }
            let found = try reader.next(
                &stream, extent: { record throws(CodecError) in try HeadExtent.reply(record, isRead: isRead) }
            ) { head throws(CodecError) in
                var xdr = XDRReader(head.bytes)
                _ = try RPCMessage(from: &xdr)
                return (try ReadResult(of: .readv, from: &xdr), head.payloadBytes)
            }
            let (result, payloadBytes) = try #require(found)
            #expect(payloadBytes == 3000)
            let draft = pool.draft(bytes: payloadBytes)
            let filled = try reader.takePayload(from: &stream, into: draft.bytes)
            #expect(reader.payloadBytesToLand == payloadBytes - filled && filled < 300)
            UnsafeMutableRawBufferPointer(rebasing: draft.bytes[filled..<payloadBytes]).copyBytes(from: bytes[300...])
            reader.landed(payloadBytes - filled)
            #expect(reader.isBetweenRecords)
            let reply = try result.readReply(payload: Payload(draft.freeze(count: payloadBytes)))
            #expect(reply.isEndOfFile && reply.payload.copiedBytes() == Array(bytes.suffix(3000)))
        }
    }
}
