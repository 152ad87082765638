import Testing
import TranslatorCore

@testable import GlusterVolume

@Suite struct BrickTermsTests {
    private func terms(_ posix: String = "", _ more: String = "") throws -> BrickTerms {
        let text = """
            volume v-posix
                type storage/posix
                option directory /b0
                option volume-id 2f1d9a5c-4a5f-4a6e-9d0a-0a4f4f1b2c3d
                \(posix)
            end-volume
            volume v-bitrot-stub
                type features/bitrot-stub
                option bitrot disable
                option export /b0
                subvolumes v-posix
            end-volume
            volume v-quota
                type features/quota
                option server-quota off
                subvolumes v-bitrot-stub
            end-volume
            \(more)
            """
        return BrickTerms(try Volfile(text, file: "v.h.b0", writer: .glusterd))
    }

    @Test func `a brick's reserve is taken from its own volfile, and nobody watches its writes by default`() throws {
        #expect(try terms().reserve == nil && terms().watchers.isEmpty)
        #expect(try terms("option reserve 5").reserve == "5")
    }

    @Test func `bitrot, quota and geo-replication have to see every write`() throws {
        let marker = """
            volume v-marker
                type features/marker
                option quota on
                option inode-quota on
                option xtime off
                subvolumes v-quota
            end-volume
            volume v-changelog
                type features/changelog
                option changelog on
                subvolumes v-marker
            end-volume
            """
        #expect(try terms("", marker).watchers == ["quota", "the changelog"])
    }

    @Test func `glusterd has a brick's volfile under the names of volume, host and directory`() {
        let brick = BrickPlace(volume: "v-client-0", host: "db1.example", directory: "/bricks/a/b", volumeID: nil)
        #expect(brick.volfileName(in: "v") == "v.db1.example.bricks-a-b")
    }
}
