import Testing
import TranslatorCore

@Suite struct GfidTests {
    @Test func `the root gfid reads back from its canonical form`() {
        #expect(Gfid.root.description == "00000000-0000-0000-0000-000000000001")
        #expect(Gfid("00000000-0000-0000-0000-000000000001") == .root)
        #expect(Gfid("00000000-0000-0000-0000-00000000000g") == nil)
    }

    @Test func `a random gfid is a version 4 UUID and survives both forms`() {
        let gfid = Gfid.random()
        #expect(gfid.description.dropFirst(14).first == "4")
        #expect(Gfid(gfid.description) == gfid)
        #expect(Gfid(bytes: gfid.bytes) == gfid)
    }
}
