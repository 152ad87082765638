import Testing

@testable import TranslatorCore

@Suite struct XattrTextTests {
    @Test func `every name of an xattr is another text, and comes back as it was`() {
        let names: [[UInt8]] = [
            Array("user.mime".utf8), Array("user.caf\u{E9}".utf8), Array("user.cafe\u{301}".utf8),
            Array("user.caf".utf8) + [0xE9], Array("user.".utf8) + Array(0x80...0xFF), Array("user.\u{F7E9}".utf8),
        ]
        for name in names { #expect(XattrText.bytes(XattrText.text(name)) == name) }
        #expect(Set(names.map { XattrText.text($0) }).count == names.count)
        #expect(XattrText.text(names[0]) == "user.mime")
    }
}
