import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

/// Every replica has a directory of its own.
@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs trusted xattrs: run as root"))
struct BrickPlacesTests {
    enum Place: CaseIterable { case same, link, inside, around }

    @Test(arguments: Place.allCases)
    func `two replicas on one directory, or one within the other, are refused, and nothing is made there`(
        _ place: Place
    ) async throws {
        let scratch = TemporaryDirectory("places")
        let first = scratch.subdirectory("b"), inner = "\(first)/inner", link = scratch.appending("link")
        symlink(first, link)
        mkdir(inner, 0o755)
        let bricks =
            switch place {
            case .same: [first, first]
            case .link: [first, link]
            case .inside: [first, inner]
            case .around: [inner, first]
            }
        let text =
            BrickVolumes.volfile(bricks, above: [])
            + "volume set\n type cluster/replicate\n subvolumes index-0 index-1\nend-volume\n"
        let graph = try Graph.fromText(text)
        do throws(VolfileError) {
            try await graph.start()
            Issue.record("it started")
        } catch {
            let sentence = error.description
            #expect(sentence.contains("\"posix-0\"") && sentence.contains("\"posix-1\""), "\(sentence)")
            #expect(sentence.contains(bricks[0]) && sentence.contains(bricks[1]), "\(sentence)")
        }
        #expect(try LocalFile.names(in: first) == ["inner"] && XattrReading.all(at: first).isEmpty)
    }

    @Test func `bricks side by side in one folder are fine`() async throws {
        let scratch = TemporaryDirectory("places")
        let bricks = [scratch.subdirectory("a"), scratch.subdirectory("ab")]
        let graph = try Graph.fromText(
            BrickVolumes.volfile(bricks, above: [])
                + "volume set\n type cluster/replicate\n subvolumes index-0 index-1\nend-volume\n")
        try await graph.start()
        await graph.stop()
        withExtendedLifetime(scratch) {}
    }
}
