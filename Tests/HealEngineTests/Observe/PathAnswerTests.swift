import Testing

@testable import HealEngine

/// What bricks answer who are asked for a file's path.
@Suite struct PathAnswerTests {
    @Test func `the first of a file's paths, from the volume's root`() {
        #expect(HealPipeline.firstPath(in: Array("/images/vm".utf8)) == "images/vm")
        #expect(HealPipeline.firstPath(in: Array("/a:b/c:/second".utf8)) == "a:b/c")
    }

    @Test func `a brick that does not know a file's path has not named one`() {
        #expect(HealPipeline.firstPath(in: Array("<gfid:9f65bebe-950f-4037-a5cf-0be605f5be9f>".utf8)) == nil)
        #expect(HealPipeline.firstPath(in: []) == nil)
    }
}
