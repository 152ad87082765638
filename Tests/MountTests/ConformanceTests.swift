import Testing
import TranslatorCore
import TranslatorTesting

/// Every body on the mount and on a plain directory of the same file system: the lines must be equal.
@Suite(.serialized, .enabled(if: MountedVolume.isPossible, "needs root, /dev/fuse and trusted xattrs"))
struct ConformanceTests {
    static let modes = ["write-through", "writeback-cache"]

    /// One mount for all bodies of a mode, each in a directory of its own: a mount for each would take twice as long.
    @Test(arguments: modes)
    func `the mount behaves as ext4`(mode: String) async throws {
        let volume = try MountedVolume(["cache-mode=\(mode)"])
        for (number, body) in ConformanceBody.all.enumerated() {
            let plain = volume.scratch.subdirectory("plain-\(number)")
            let mounted = volume.path("work-\(number)")
            #expect(mkdirAsTests(mounted))
            let expected = Probe.run(in: plain, body.run)
            let found = Probe.run(in: mounted, body.run)
            for (position, (a, b)) in zip(expected, found).enumerated() where a != b {
                Issue.record("\(body.name), step \(position): ext4 says \"\(a)\", the mount \"\(b)\"")
            }
            #expect(expected.count == found.count && !expected.isEmpty, "\(body.name)")
        }
        await volume.unmount()
        #expect(!volume.isRunning, "a process is left")
    }
}
