import Testing
import TranslatorCore
import WireProtocol

@Suite struct XDRTests {
    @Test(arguments: 0...9)
    func `opaque data is padded with zeros to four bytes`(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 + 1) }
        var xdr = XDRWriter()
        xdr.opaque(bytes)
        #expect(xdr.count == 4 + (count + 3) / 4 * 4)
        #expect(xdr.bytes.dropFirst(4 + count).allSatisfy { $0 == 0 })
        let read = try XDRReader.whole(xdr.bytes, as: "opaque") { xdr throws(CodecError) in
            Array(try xdr.opaque("bytes"))
        }
        #expect(read == bytes)
    }

    @Test func `an error names what was read, the field and the byte`() {
        let error = #expect(throws: CodecError.self) {
            try XDRReader.whole([0, 0, 0, 1, 0, 0], as: "STAT reply") { xdr throws(CodecError) in
                _ = try xdr.read("op_ret") as Int32
                _ = try xdr.read("op_errno") as Int32
            }
        }
        #expect(error?.description == "STAT reply: op_errno at byte 4: needs 4 bytes, 2 are left")
    }

    @Test func `what is left over is an error`() {
        let error = #expect(throws: CodecError.self) {
            try XDRReader.whole([0, 0, 0, 1, 9], as: "word") { xdr throws(CodecError) in
                _ = try xdr.read("word") as Int32
            }
        }
        #expect(error?.description == "word: end at byte 4: 1 bytes are left over")
    }

    @Test(arguments: [[0xff, 0xff, 0xff, 0xff], [0, 0, 0, 5, 1, 2, 3, 4], [0, 0, 0, 3, 1, 2, 3]] as [[UInt8]])
    func `a length that the bytes do not hold allocates nothing and is refused`(bytes: [UInt8]) {
        #expect(throws: CodecError.self) {
            try XDRReader.whole(bytes, as: "opaque") { xdr throws(CodecError) in _ = try xdr.opaque("bytes") }
        }
    }

    @Test func `text that is not UTF-8 is refused, not repaired`() {
        #expect(throws: CodecError.self) {
            try XDRReader.whole([0, 0, 0, 1, 0xff, 0, 0, 0], as: "text") { xdr throws(CodecError) in
                var text = ""
                try xdr.text(&text, "domain")
            }
        }
    }
}
