import HealProtocol
import Testing
import TranslatorCore

@Suite struct ReplayTests {
    static let writer = Gfid("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")!

    @Test func `a replay request has the bytes it always had`() throws {
        let request = ReplayRequest(writer: Self.writer, byte: 0x25, from: 43, number: 9)
        #expect(
            request.encoded.hex == "42595052" + "0001" + "25" + "00" + "aaaaaaaabbbb4ccc8dddeeeeeeeeeeee"
                + "000000000000002b" + "0000000000000009")
        #expect(try ReplayRequest(decoding: request.encoded) == request)
    }

    @Test func `a replay reply carries records and says what is gone`() throws {
        let records = (43...44).map { WriteRecordCodecTests.record(.range(offset: 0, bytes: 1), sequence: $0) }
        let reply = ReplayReply(
            writer: Self.writer, byte: 0x25, number: 9, goneThrough: 42, through: 44, hasMore: true, records: records)
        #expect(
            reply.encoded.prefix(56).map { $0 }.hex == "42595041" + "0001" + "25" + "01"
                + "aaaaaaaabbbb4ccc8dddeeeeeeeeeeee" + "0000000000000009" + "000000000000002a" + "000000000000002c"
                + "00000002" + "00000000")
        #expect(try ReplayReply(decoding: reply.encoded) == reply)
    }

    @Test func `a reply that claims records it does not have, or others' records, is refused`() {
        let stranger = WriteRecordCodecTests.record(.range(offset: 0, bytes: 1))
        var reply = ReplayReply(
            writer: Self.writer, byte: 0x26, number: 1, goneThrough: 0, through: 1, hasMore: false, records: [stranger])
        #expect(throws: CodecError.self) { try ReplayReply(decoding: reply.encoded) }
        reply.byte = 0x25
        var bytes = reply.encoded
        bytes[51] = 200
        #expect(throws: CodecError.self) { try ReplayReply(decoding: bytes) }
        bytes[48] = 0xFF
        #expect(throws: CodecError.self) { try ReplayReply(decoding: bytes) }
    }

    @Test func `a confirmation has the bytes it always had and survives no damage`() throws {
        let confirmation = HealConfirmation(
            volume: Gfid("11111111-2222-4333-8444-555555555555")!, replicaSet: 0, target: 1, sink: 2,
            gfid: Gfid("25312cdb-0000-4000-8000-000000000070")!, generation: 12,
            healer: Gfid("99999999-0000-4000-8000-000000000001")!)
        let bytes = confirmation.encoded
        #expect(
            bytes.dropLast(8).map { $0 }.hex == "11111111222243338444555555555555" + "43"
                + "25312cdb000040008000000000000070" + "01" + "0000" + "0001" + "0002" + "0000000c" + "00000000"
                + "99999999000040008000000000000001")
        #expect(try HealConfirmation(decoding: bytes) == confirmation)
        for position in bytes.indices {
            var broken = bytes
            broken[position] ^= 4
            #expect(throws: CodecError.self) { try HealConfirmation(decoding: broken) }
        }
    }
}
