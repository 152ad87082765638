import HealProtocol
import Testing
import TranslatorCore

@Suite struct JSONTextTests {
    @Test func `text is escaped so that it neither ends early nor steers a terminal`() throws {
        let value = JSONText.text("a\"b\\c\n\u{1B}[2J\u{7F}\u{9B}é😀")
        #expect(value.line == #""a\"b\\c\n\u001b[2J\u007f\u009bé😀""#)
        #expect(try JSONText(parsing: value.line) == value)
    }

    @Test func `objects keep their order, and the pretty form reads back`() throws {
        let value = JSONText.object([
            ("z", .integer(1)), ("a", .list([.real(1.5), .null, .flag(true)])), ("empty", .list([])),
        ])
        #expect(value.line == #"{"z":1,"a":[1.5,null,true],"empty":[]}"#)
        #expect(value.pretty == "{\n  \"z\": 1,\n  \"a\": [\n    1.5,\n    null,\n    true\n  ],\n  \"empty\": []\n}")
        #expect(try JSONText(parsing: value.pretty) == value)
    }

    @Test func `what RFC 8259 allows is read`() throws {
        #expect(
            try JSONText(parsing: " \t\r\n[ -0 , 1e2, -1.5E-1, \"\\u0041\\ud83d\\ude00\\/\" ] ")
                == .list([.integer(0), .real(100), .real(-0.15), .text("A😀/")]))
        #expect(try JSONText(parsing: "9223372036854775807") == .integer(.max))
        #expect(try JSONText(parsing: "9223372036854775808") == .real(9_223_372_036_854_775_808))
    }

    @Test(arguments: [
        "", "[1,]", "{\"a\" 1}", "{a:1}", "01", "1.", "+1", "nul", "\"\u{1}\"", "\"\\ud800\"", "\"\\ud800\\u0041\"",
        "\"\\x\"",
        "\"open", "[1] 2", "1e999", "--1", "\"\\u00g0\"", "[", "{\"a\":", "'a'",
    ]) func `what it does not allow is refused`(text: String) {
        #expect(throws: CodecError.self) { try JSONText(parsing: text) }
    }

    @Test func `deep nesting is refused before the stack ends`() {
        #expect(throws: CodecError.self) { try JSONText(parsing: String(repeating: "[", count: 1_000_000)) }
    }

    @Test func `bytes that are not UTF-8 are refused`() {
        #expect(throws: CodecError.self) { try JSONText(parsing: [0x22, 0xFF, 0x22]) }
    }

    @Test func `mutations of a status never trap`() {
        let text = ControlMessageTests.status.json.utf8
        let seed: UInt64 = 7
        var random = SplitMix64(state: seed)
        var accepted = 0
        for _ in 0..<3_000 {
            var broken = text
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let position = Int.random(in: 0..<broken.count, using: &random)
                switch Int.random(in: 0...2, using: &random) {
                case 0: broken[position] = UInt8.random(in: 0...255, using: &random)
                case 1: broken.remove(at: position)
                default: broken[position] = text[Int.random(in: 0..<text.count, using: &random)]
                }
            }
            if (try? HealStatus(json: JSONText(parsing: broken))) != nil { accepted += 1 }
        }
        #expect(accepted > 10, "no mutation was harmless: the reader is not reached (seed \(seed))")
    }
}

@Suite struct TimestampTextTests {
    @Test func `times are written as RFC 3339 and read back`() {
        #expect(Timestamp(seconds: 0, nanoseconds: 0).iso8601 == "1970-01-01T00:00:00.000Z")
        #expect(Timestamp(seconds: 1_768_210_873, nanoseconds: 204_000_000).iso8601 == "2026-01-12T09:41:13.204Z")
        #expect(Timestamp(seconds: 951_782_400, nanoseconds: 0).iso8601 == "2000-02-29T00:00:00.000Z")
        #expect(Timestamp(seconds: -1, nanoseconds: 0).iso8601 == "1969-12-31T23:59:59.000Z")
        for seconds in stride(from: Int64(-2_000_000_000), to: 4_000_000_000, by: 86_413_007) {
            let time = Timestamp(seconds: seconds, nanoseconds: 5_000_000)
            #expect(Timestamp(iso8601: time.iso8601) == time)
        }
        #expect(Timestamp(iso8601: "2026-01-12T09:41:13Z") == Timestamp(seconds: 1_768_210_873, nanoseconds: 0))
        for wrong in [
            "", "2026-13-01T00:00:00Z", "2026-01-12 09:41:13Z", "2026-01-12T09:41:13", "2026-01-12T09:41:13.Z",
        ] {
            #expect(Timestamp(iso8601: wrong) == nil)
        }
    }
}
