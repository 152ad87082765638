import CPosix
import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@testable import FuseMount

/// Files whose names others take away or give to something else while they are used here.
@Suite(.serialized, .enabled(if: MountedVolume.isPossible, "needs root and /dev/fuse"))
struct ReplacedFileTests {
    @Test func `an open file can be changed and asked after by its descriptor when its last name is gone`() async throws
    {
        let mounted = try MountedVolume()
        try MountedVolume.write("text", to: mounted.path("f"))
        let fd = cposix_open(mounted.path("f"), O_RDWR, 0)
        try #require(fd >= 0)
        defer { close(fd) }
        // As another process takes it from the brick.
        let gfid = try #require(XattrReading.gfid(at: "\(mounted.brick)/f")).description
        let handle = "\(mounted.brick)/.glusterfs/\(gfid.prefix(2))/\(gfid.dropFirst(2).prefix(2))/\(gfid)"
        #expect(unlink("\(mounted.brick)/f") == 0 && unlink(handle) == 0)
        #expect(fchmod(fd, 0o600) == 0, "\(FopError.last)")
        #expect(fsetxattr(fd, "user.colour", "blue", 4, 0) == 0, "\(FopError.last)")
        #expect(fgetxattr(fd, "user.colour", nil, 0) == 4, "\(FopError.last)")
        var status = Glibc.stat()
        #expect(fstat(fd, &status) == 0 && status.st_nlink == 0 && status.st_mode & 0o777 == 0o600)
        // By its name it is looked up again, though a brick would open it as long as this descriptor is open.
        #expect(cposix_open(mounted.path("f"), O_RDONLY, 0) == -1 && errno == ENOENT)
        await mounted.unmount()
    }

    @Test func `a name whose file is gone at every other look is opened all the same`() async throws {
        // Two of three times that the file is opened it is gone. The kernel looks for it twice.
        let mounted = try MountedVolume { brick in
            MountedVolume.locksOverPosix(brick) + """

                volume replaced
                    type debug/error-gen
                    option enable open
                    option error-no ESTALE
                    option failure 66.7
                    subvolumes top
                end-volume
                """
        }
        try MountedVolume.write("text", to: mounted.path("f"))
        for _ in 0..<20 { #expect(try MountedVolume.read(mounted.path("f")) == "text") }
        await mounted.unmount()
    }

    @Test func `a walk is known by its process until it must have ended`() {
        let walks = SecondWalks()
        let root = InodeTable().inode(.root, type: .directory)
        let place = SecondWalks.Place(node: 17, parent: root, name: "f")
        let begin = MonotonicTime(nanoseconds: 1_000_000_000)
        #expect(walks.walk(7, at: { begin }) == nil)
        walks.begin(7, needsName: false, at: begin)
        walks.begin(0, needsName: false, at: begin)
        #expect(walks.walk(7, at: { begin })?.found == nil)
        #expect(walks.walk(8, at: { begin }) == nil && walks.walk(0, at: { begin }) == nil)
        #expect(walks.found(place, held: 3, by: 7) == nil)
        #expect(walks.found(place, held: 4, by: 7) == 3, "what was held before is to be let go")
        #expect(walks.found(place, held: 5, by: 8) == 5, "nobody walks who could use it")
        #expect(walks.walk(7, at: { begin })?.found?.node == 17)
        #expect(walks.walk(7, at: { begin + SecondWalks.patience }) == nil)
        #expect(walks.walk(7, at: { begin }) == nil)
    }

    @Test func `look-ups of others do not even read the clock once all walks must have ended`() {
        let walks = SecondWalks()
        let begin = MonotonicTime(nanoseconds: 1_000_000_000), end = begin + SecondWalks.patience
        walks.begin(7, needsName: false, at: begin)
        #expect(walks.walk(8, at: { end }) == nil)
        var reads = 0
        func now() -> MonotonicTime {
            reads += 1
            return end
        }
        #expect(walks.walk(8, at: now) == nil && reads == 0)
    }
}
