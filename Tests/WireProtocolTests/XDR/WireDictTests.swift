import Testing
import TranslatorCore
import WireProtocol

@Suite struct WireDictTests {
    @Test(arguments: Golden.dicts.filter { !$0.isLegacy }.map(\.name))
    func `every type of value is read, and written to the same bytes`(name: String) throws {
        let golden = try #require(Golden.dicts.first { $0.name == name })
        let dict = try WireDict(decoding: Golden.bytes(golden.bytes), as: "dict")
        var recorder = FieldRecorder()
        recorder.record(dict)
        #expect(recorder.difference(from: golden.fields) == nil)
        #expect(Golden.hex(dict.encoded) == golden.bytes)
    }

    @Test func `no dict and an empty one are two things on the wire and one above it`() throws {
        #expect(Golden.hex(WireDict(xdata: [:]).encoded) == "00000000ffffffff00000000")
        #expect(WireDict.none != WireDict.empty)
        #expect(WireDict.none.xdata.isEmpty && WireDict.empty.xdata.isEmpty)
    }

    @Test func `xdata comes back from the wire as it went in`() throws {
        var iatt = Iatt()
        (iatt.gfid, iatt.mode, iatt.size, iatt.rdev) = (.root, 0o100644, 1 << 40, 0x12345)
        let xdata: Xdata = [
            "i": .int(-7), "u": .uint(.max), "d": .double(1.5), "s": .string("naïve"), "b": .bytes([0, 1, 2]),
            "g": .gfid(.root), "a": .iatt(iatt),
            "m": .mdata(
                atime: Timestamp(seconds: -1, nanoseconds: 2), mtime: .zero,
                ctime: Timestamp(seconds: 3, nanoseconds: 999_999_999)),
        ]
        let decoded = try WireDict(decoding: WireDict(xdata: xdata).encoded, as: "dict")
        #expect(decoded.xdata == xdata)
    }

    @Test func `xattrs are what getxattr gives: bytes, text without its NUL, counts as big-endian words`() {
        let dict = WireDict(pairs: [
            .init("user.a", .bytes([1, 0])), .init("pathinfo", .string(Array("here".utf8))),
            .init("count", .uint(258)), .init("user.a", .bytes([9])), .init("number", .double(1)),
        ])
        #expect(
            dict.xattrs == ["user.a": [1, 0], "pathinfo": Array("here".utf8), "count": [0, 0, 0, 0, 0, 0, 1, 2]])
        #expect(WireDict(xattrs: ["user.a": [1]]).pairs == [.init("user.a", .bytes([1]))])
    }

    @Test func `a key that is not UTF-8 survives the wire`() throws {
        let dict = WireDict(pairs: [.init([0xff, 0xfe], .int(1))])
        #expect(try WireDict(decoding: dict.encoded, as: "dict") == dict)
    }

    @Test(arguments: [
        ("00000014 00000001 00000001 00000002 6b000000 00000002 fffffffffffffff", "20 bytes, 19 are left"),
        ("00000018 00000001 00000001 00000002 6b000000 00000002 fffffffffffffffe00000000", "its pairs end at"),
        ("00000010 00000001 00000001 00000002 6b000000 00000002 fffffffffffffffe", "its pairs end at"),
        ("00000014 7fffffff 7fffffff 00000002 6b000000 00000002 fffffffffffffffe", "2147483647 pairs in 20 bytes"),
        ("fffffff0 00000001 00000001 00000002 6b000000 00000002 fffffffffffffffe", "are left"),
        ("00000014 00000001 00000002 00000002 6b000000 00000002 fffffffffffffffe", "but 2 pairs"),
        ("00000014 00000001 00000001 ffffffff 6b000000 00000002 fffffffffffffffe", "4294967295 bytes long"),
        ("00000014 00000001 00000001 00000002 6b6b0000 00000002 fffffffffffffffe", "no NUL"),
        ("00000014 00000001 00000001 00000002 6b000000 0000000a fffffffffffffffe", "none of 1 to 9"),
        ("00000014 00000001 00000001 00000002 6b000000 00000005 00000004 61626364", "no NUL"),
        ("00000004 ffffffff 00000000", "no dict"), ("00000000 fffffffe 00000000", "-2, but 0"),
        ("00000000 00000000", "dict pairs at byte 8: needs 4 bytes, 0 are left"),
    ])
    func `a dict that contradicts itself is refused in a sentence with the byte`(hex: String, sentence: String) {
        let digits = hex.filter { $0 != " " }
        let bytes = Golden.bytes(String(digits.prefix(digits.count & ~1)))
        let error = #expect(throws: CodecError.self) { try WireDict(decoding: bytes, as: "dict") }
        #expect(error?.description.contains(sentence) == true, "\(error?.description ?? "")")
        #expect(error?.description.contains("at byte") == true)
    }
}
