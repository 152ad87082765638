import CPosix
import FuseMount
import Glibc
import Testing
import TranslatorCore
import TranslatorTesting
import Translators

@testable import volmount

/// A real mount of a bypass volume, served by this process: FUSE's queue, features/bypass, the journal, storage/posix,
/// the reply. Records are published to nobody.
private final class HotPath {
    let scratch = TemporaryDirectory("hot-path")
    let graph: Graph
    let mount: FuseMount
    let service: BypassService
    let directory: String
    var meters: [AllocationMeter] { (0..<2).map { graph["meter-\($0)"] as! AllocationMeter } }
    var status: BypassStatus { (graph["v-bypass"] as! BypassTranslator).status }

    init() async throws {
        let scratch = scratch
        directory = scratch.subdirectory("mnt")
        var text = ""
        for number in 0..<2 {
            text += """
                volume posix-\(number)
                    type storage/posix
                    option directory \(scratch.subdirectory("brick\(number)"))
                end-volume
                volume meter-\(number)
                    type testing/allocation-meter
                    subvolumes posix-\(number)
                end-volume
                volume locks-\(number)
                    type features/locks
                    subvolumes meter-\(number)
                end-volume
                volume v-client-\(number)
                    type features/index
                    subvolumes locks-\(number)
                end-volume

                """
        }
        text += """
            volume v-replicate-0
                type cluster/replicate
                subvolumes v-client-0 v-client-1
            end-volume
            volume v-bypass
                type features/bypass
                option target v-client-0
                subvolumes v-replicate-0
            end-volume
            volume v
                type debug/io-stats
                subvolumes v-bypass
            end-volume
            """
        graph = try Graph.fromText(text, extra: [AllocationMeter.self])
        try await graph.start()
        service = try BypassService(graph, runtimeDirectory: scratch.path, link: nil, log: .silent)
        mount = FuseMount(graph, settings: FuseMountSettings())
        try await mount.mount(on: directory)
    }

    func end() async throws {
        try mount.unmount()
        await mount.untilUnmounted()
        await graph.stop()
        service.stop()
    }

    /// A file of 1 MiB on the mount, open for reading and writing past the kernel's cache, in an open epoch.
    func file() -> Int32 {
        let fd = cposix_open("\(directory)/file", O_RDWR | O_CREAT | O_DIRECT, 0o644)
        precondition(fd >= 0, "\(FopError.last)")
        let page = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096)
        defer { page.deallocate() }
        page.initializeMemory(as: UInt8.self, repeating: 7, count: 4096)
        for position in 0..<256 { precondition(pwrite(fd, page, 4096, position * 4096) == 4096) }
        return fd
    }

    static let requests = 1_000

    static func write(_ fd: Int32) { each { precondition(pwrite(fd, $0, 4096, $1) == 4096) } }
    static func read(_ fd: Int32) { each { precondition(pread(fd, $0, 4096, $1) == 4096) } }

    private static func each(_ body: (UnsafeMutableRawPointer, Int) -> Void) {
        let page = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096)
        defer { page.deallocate() }
        page.initializeMemory(as: UInt8.self, repeating: 9, count: 4096)
        for number in 0..<requests { body(page, number * 7919 % 256 * 4096) }
    }
}

@Suite(.serialized, .enabled(if: MountedVolume.isPossible && AllocationCount.isCounting, "needs root and /dev/fuse"))
struct HotPathTests {
    /// Allocations of one request from FUSE's queue to the reply, at most, in a debug build, where closures and small
    /// values are on the heap that an optimized one keeps on the stack: the task and what it runs, the frame, the
    /// iobuf, the memory of each layer's part of the task.
    static let allocationsOfWriteMax: UInt64 = 20, allocationsOfReadMax: UInt64 = 15

    @Test func `a write of 4 KiB allocates 20 times at most from the kernel and back, a read 15 times`()
        async throws
    {
        let path = try await HotPath()
        let fd = path.file()
        for (work, most) in [(HotPath.write, Self.allocationsOfWriteMax), (HotPath.read, Self.allocationsOfReadMax)] {
            work(fd)
            path.meters[0].restart(for: 4 * HotPath.requests)
            work(fd)
            let allocations = path.meters[0].allocations
            try #require(allocations.count > HotPath.requests * 9 / 10)
            // Other requests, a roll or a tick may come in between now and then: hence not the largest.
            #expect(allocations[allocations.count * 3 / 4] <= most)
        }
        #expect(path.status.writesLocal >= UInt64(2 * HotPath.requests))
        close(fd)
        try await path.end()
    }

    @Test func `payload is written from where the kernel put it, and answered from where it was read`() async throws {
        let path = try await HotPath()
        let fd = path.file()
        let copies = path.graph.environment.pool.counts.copies
        let counts = await PayloadPath.counts {
            HotPath.write(fd)
            HotPath.read(fd)
        }
        let all = UInt64(HotPath.requests)
        #expect(
            counts
                == PayloadPath.Counts(writesInPlace: all, writesElsewhere: 0, readsInPlace: all, readsElsewhere: 0))
        #expect(path.graph.environment.pool.counts.copies == copies)
        close(fd)
        try await path.end()
    }
}
