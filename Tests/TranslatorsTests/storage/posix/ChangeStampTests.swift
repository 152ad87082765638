import CPosix
import Glibc
import Testing

@testable import Translators

/// `bypass.change-stamp`: equal only where nothing can have changed in between.
@Suite struct ChangeStampTests {
    private func status(inode: UInt = 7, ageMilliseconds: Int, fractions: Int? = nil) -> stat {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let nanoseconds = now.tv_sec * 1_000_000_000 + now.tv_nsec - ageMilliseconds * 1_000_000
        var status = stat()
        status.st_ino = inode
        status.st_ctim = timespec(
            tv_sec: nanoseconds / 1_000_000_000, tv_nsec: fractions ?? nanoseconds % 1_000_000_000)
        return status
    }

    @Test func `the same state has the same stamp, another ctime or inode another one`() throws {
        let old = status(ageMilliseconds: 5000, fractions: 1)
        let stamp = try #require(ChangeStamp.of(old))
        #expect(ChangeStamp.of(old) == stamp)
        var other = old
        other.st_ctim.tv_nsec += 1
        #expect(ChangeStamp.of(other) != stamp)
        other = old
        other.st_ino += 1
        #expect(ChangeStamp.of(other) != stamp)
    }

    @Test func `what changed within a few ticks of the clock has none, the next change might leave the same ctime`() {
        #expect(ChangeStamp.of(status(ageMilliseconds: 20, fractions: nil)) == nil)
        #expect(ChangeStamp.of(status(ageMilliseconds: -3_600_000, fractions: nil)) == nil, "a clock that was put back")
    }

    @Test func `full seconds have none, the file system may keep no more`() {
        #expect(ChangeStamp.of(status(ageMilliseconds: 5000, fractions: 0)) == nil)
    }
}
