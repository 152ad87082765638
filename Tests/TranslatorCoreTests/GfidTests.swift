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

    @Test func `new gfids differ, and share their first two bytes by runs that fill one directory of handles`() {
        let source = NewGfids()
        let gfids = (0..<10 * NewGfids.runLength).map { _ in source.next() }
        #expect(Set(gfids).count == gfids.count)
        #expect(gfids.allSatisfy { $0.description.dropFirst(14).first == "4" })
        for run in 0..<10 {
            let prefixes = Set(gfids[(run * NewGfids.runLength)...].prefix(NewGfids.runLength).map { $0.high >> 48 })
            #expect(prefixes.count == 1, "run \(run)")
        }
        #expect(Set(gfids.map { $0.high >> 48 }).count > 5, "a new run is elsewhere")
    }
}
