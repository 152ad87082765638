import Glibc
import Testing
import TranslatorTesting

/// What somebody put into the brick behind the mount's back.
@Suite(.serialized, .enabled(if: MountedVolume.isPossible, "needs root and /dev/fuse"))
struct ForeignFileTests {
    @Test func `a file put into the brick from outside is there, and can be written, moved and removed`() async throws {
        let mounted = try MountedVolume()
        #expect(mkdir("\(mounted.brick)/d", 0o755) == 0)
        try MountedVolume.write("from outside", to: "\(mounted.brick)/d/f")
        #expect(try MountedVolume.read(mounted.path("d/f")) == "from outside")
        #expect(XattrReading.gfid(at: "\(mounted.brick)/d/f") != nil)
        try MountedVolume.write("changed", to: mounted.path("d/f"))
        #expect(rename(mounted.path("d/f"), mounted.path("g")) == 0)
        #expect(try MountedVolume.read("\(mounted.brick)/g") == "changed")
        #expect(unlink(mounted.path("g")) == 0 && rmdir(mounted.path("d")) == 0)
        await mounted.unmount()
    }

    @Test func `a read-only mount gives it no gfid`() async throws {
        let mounted = try MountedVolume(["ro"])
        try MountedVolume.write("from outside", to: "\(mounted.brick)/f")
        #expect(open(mounted.path("f"), O_RDONLY) == -1 && errno == ENODATA)
        #expect(XattrReading.gfid(at: "\(mounted.brick)/f") == nil)
        await mounted.unmount()
    }
}
