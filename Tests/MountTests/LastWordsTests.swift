import CPosix
import Glibc
import Testing
import TranslatorTesting

/// A real `volmount`, killed.
@Suite(.serialized, .enabled(if: MountedVolume.isPossible, "needs root and /dev/fuse"))
struct LastWordsTests {
    @Test(arguments: [SIGSEGV, SIGABRT])
    func `a mount that a signal kills says so in its log, once`(signal: Int32) async throws {
        // Without the runtime's own crash reporter, which says more and takes its time.
        setenv("SWIFT_BACKTRACE", "enable=no", 1)
        let volume = try MountedVolume()
        unsetenv("SWIFT_BACKTRACE")
        let serving = volume.pid
        try #require(serving > 0)
        #expect(kill(serving, signal) == 0)
        #expect(await eventually(within: .seconds(20)) { !MountedVolume.isAlive(serving) })
        let lines = try MountedVolume.read(volume.log).split(separator: "\n")
        #expect(lines.last?.hasPrefix("volmount: killed by signal \(signal), ") == true, "\(lines)")
        #expect(lines.count { $0.contains("killed by signal") } == 1)
        await volume.unmount()
    }

    @Test func `a closed pipe does not kill it`() async throws {
        let volume = try MountedVolume()
        #expect(kill(volume.pid, SIGPIPE) == 0)
        try MountedVolume.write("text", to: volume.path("file"))
        #expect(try MountedVolume.read(volume.path("file")) == "text")
        await volume.unmount()
    }
}
