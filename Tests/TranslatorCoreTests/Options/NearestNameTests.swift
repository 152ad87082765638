import Testing
import TranslatorCore

@Suite struct NearestNameTests {
    @Test func `one slip is found, another word is not`() {
        let names = ["replicate-0", "bypass-0", "index-0"]
        #expect(NearestName.among(names, to: "replicate-O") == "replicate-0")
        #expect(NearestName.among(names, to: "REPLICATE-0") == "replicate-0")
        #expect(NearestName.among(names, to: "bypas-0") == "bypass-0")
        #expect(NearestName.among(names, to: "bypsas-0") == "bypass-0")
        #expect(NearestName.among(names, to: "locks") == nil)
        #expect(NearestName.among([], to: "locks") == nil)
        #expect(NearestName.among(names, to: "") == nil)
    }
}
