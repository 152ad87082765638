import CPosix
import Glibc
import HealProtocol
import RangeMapping
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealEngine

/// What FIEMAP says of a file: everything that is allocated, written and unwritten stretches apart.
private struct Room: Equatable, CustomStringConvertible {
    var written = ByteRanges(), unwritten = ByteRanges()

    /// `isSynced`: after a sync, and with the pages in memory dropped.
    init(_ path: String, isSynced: Bool = true) {
        let fd = cposix_open(path, O_RDONLY, 0)
        precondition(fd >= 0, "\(path): \(FopError.last)")
        defer { Glibc.close(fd) }
        if isSynced { fsync(fd) }
        let countMax = 512, stride = MemoryLayout<fiemap_extent>.stride
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 32 + countMax * stride, alignment: 8)
        defer { bytes.deallocate() }
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        let head = bytes.baseAddress!.assumingMemoryBound(to: fiemap.self)
        (head.pointee.fm_length, head.pointee.fm_extent_count) = (UInt64.max, UInt32(countMax))
        precondition(cposix_ioctl_ptr(fd, cposix_fs_ioc_fiemap(), head) == 0, "FIEMAP: \(FopError.last)")
        for position in 0..<Int(head.pointee.fm_mapped_extents) {
            let extent = (bytes.baseAddress! + 32 + position * stride).load(as: fiemap_extent.self)
            let range = ByteRange(start: extent.fe_logical, end: extent.fe_logical + extent.fe_length)
            if extent.fe_flags & UInt32(FIEMAP_EXTENT_UNWRITTEN) != 0 {
                unwritten.insert(range)
            } else {
                written.insert(range)
            }
        }
    }
    var description: String { "written \(written.ranges), unwritten \(unwritten.ranges)" }
}

extension PlainFile {
    fileprivate static func reserve(_ path: String, _ offset: Int, _ count: Int, keepsSize: Bool) {
        let fd = cposix_open(path, O_WRONLY, 0)
        precondition(fallocate(fd, keepsSize ? FALLOC_FL_KEEP_SIZE : 0, off_t(offset), off_t(count)) == 0)
        Glibc.close(fd)
    }
    fileprivate static func sync(_ path: String) {
        let fd = cposix_open(path, O_RDONLY, 0)
        fsync(fd)
        Glibc.close(fd)
    }
    /// Brings the pages into memory.
    fileprivate static func look(_ path: String) {
        let fd = cposix_open(path, O_RDONLY, 0)
        var block = [UInt8](repeating: 0, count: 1 << 20)
        while read(fd, &block, block.count) > 0 {}
        Glibc.close(fd)
    }
}

@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct AllocationTests {
    private let bench: BrickBench
    private let inode: Inode
    private var source: String { bench.path("file", on: 0) }
    private var sink: String { bench.path("file", on: 1) }
    private static let mib = 1 << 20

    init() async throws {
        bench = try await BrickBench()
        inode = try await bench.create("file")
    }

    /// Heals one epoch of these ranges, or the whole file.
    private func heal(_ ranges: [(offset: Int, bytes: Int)]?) async throws -> HealReport {
        let generation = try await bench.openEpoch(inode)
        for (number, range) in (ranges ?? []).enumerated() {
            bench.pipeline.received(
                bench.record(
                    inode, generation, UInt64(number + 1),
                    .range(offset: UInt64(range.offset), bytes: UInt64(range.bytes))))
        }
        bench.pipeline.received(
            bench.record(
                inode, generation, UInt64((ranges ?? []).count + 1),
                // Without ranges one record has been lost.
                .close(records: UInt64(ranges?.count ?? 1), isExact: true)))
        return await bench.heal(inode)
    }

    private func expectEqual(_ report: HealReport, _ method: HealMethod) {
        #expect(report.outcome == .healed(isAll: true))
        #expect(report.plan?.method == method)
        #expect(PlainFile.areEqual(source, sink))
        #expect(Room(source) == Room(sink))
        #expect(bench.counts("file") == .zero)
    }

    @Test func `a range that was preallocated and partly written arrives as both`() async throws {
        PlainFile.reserve(source, 0, 8 * Self.mib, keepsSize: false)
        PlainFile.write(pattern(300_000, seed: 1), at: 3 * Self.mib, to: source)
        let report = try await heal([(0, 8 * Self.mib), (3 * Self.mib, 300_000)])
        expectEqual(report, .range)
        #expect(Room(sink).unwritten.byteCount > 7 << 20)
        #expect(PlainFile.allocated(sink) == PlainFile.allocated(source))
        #expect(report.bytesMoved < 400_000, "room is not copied as zeros")
    }

    @Test(arguments: [true, false])
    func `room behind the end of the file arrives, and the size stays`(byRanges: Bool) async throws {
        PlainFile.write(pattern(Self.mib + 77, seed: 2), at: 0, to: source)
        PlainFile.reserve(source, 0, 16 * Self.mib, keepsSize: true)
        let report = try await heal(byRanges ? [(0, Self.mib + 77), (0, 16 * Self.mib)] : nil)
        expectEqual(report, byRanges ? .range : .diff)
        #expect(PlainFile.size(sink) == Self.mib + 77)
        #expect(PlainFile.allocated(sink) >= 16 * Self.mib)
    }

    @Test func `room that the source has given up is given up`() async throws {
        PlainFile.write(pattern(4096, seed: 3), at: 0, to: source)
        PlainFile.resize(source, to: 8 * Self.mib)
        PlainFile.reserve(sink, 0, 32 * Self.mib, keepsSize: true)
        expectEqual(try await heal(nil), .diff)
        #expect(PlainFile.allocated(sink) <= 8192)
    }

    @Test func `a hole punched into a preallocated file leaves a hole`() async throws {
        for path in [source, sink] { PlainFile.reserve(path, 0, 8 * Self.mib, keepsSize: false) }
        PlainFile.punch(source, 2 * Self.mib, 3 * Self.mib)
        expectEqual(try await heal([(2 * Self.mib, 3 * Self.mib)]), .range)
        #expect(PlainFile.allocated(sink) < 6 * Self.mib)
    }

    @Test func `what is written but not on the disk yet is data, though its extents count as unwritten`() async throws {
        PlainFile.reserve(source, 0, 8 * Self.mib, keepsSize: false)
        PlainFile.sync(source)
        PlainFile.write(pattern(2 * Self.mib, seed: 4), at: Self.mib, to: source)
        let before = Room(source, isSynced: false)
        #expect(before.unwritten.contains(UInt64(Self.mib)), "the test needs pages that are not on the disk: \(before)")
        expectEqual(try await heal([(0, 8 * Self.mib)]), .range)
    }

    @Test(arguments: [true, false])
    func `room whose zeros were read lately is still room`(byRanges: Bool) async throws {
        PlainFile.reserve(source, 0, 4 * Self.mib, keepsSize: false)
        PlainFile.sync(source)
        PlainFile.look(source)
        let report = try await heal(byRanges ? [(0, 4 * Self.mib)] : nil)
        expectEqual(report, byRanges ? .range : .diff)
        #expect(Room(sink).unwritten.byteCount == 4 << 20)
    }

    @Test func `zeros that were written into room are data, on the disk or not`() async throws {
        PlainFile.reserve(source, 0, 4 * Self.mib, keepsSize: false)
        PlainFile.sync(source)
        PlainFile.write([UInt8](repeating: 0, count: Self.mib), at: Self.mib, to: source)
        expectEqual(try await heal([(0, 4 * Self.mib), (Self.mib, Self.mib)]), .range)
        #expect(Room(sink).written.byteCount == 1 << 20)
    }

    @Test func `on a sink that cannot preallocate a hole is right`() async throws {
        bench.faulty(1).fail(.fallocate, with: .notSupported)
        PlainFile.reserve(source, 0, 4 * Self.mib, keepsSize: false)
        let report = try await heal([(0, 4 * Self.mib)])
        #expect(report.outcome == .healed(isAll: true))
        #expect(PlainFile.areEqual(source, sink))
        // A block for xattrs may be there.
        #expect(PlainFile.allocated(sink) <= 4096)
    }

    @Test func `a sink without room for the reservation stays marked`() async throws {
        bench.faulty(1).fail(.fallocate, with: .noSpace)
        PlainFile.reserve(source, 0, 4 * Self.mib, keepsSize: false)
        let report = try await heal([(0, 4 * Self.mib)])
        #expect(report.outcome != .healed(isAll: true))
        #expect(bench.counts("file").data != 0)
        bench.faulty(1).mend()
    }

    @Test func `a second heal of equal files changes nothing`() async throws {
        PlainFile.reserve(source, 0, 4 * Self.mib, keepsSize: true)
        PlainFile.write(pattern(9000, seed: 5), at: Self.mib, to: source)
        expectEqual(try await heal(nil), .diff)
        let calls = { [Fop.fallocate, .discard, .ftruncate, .writev].map { bench.faulty(1).callCount(of: $0) } }
        let before = calls()
        expectEqual(try await heal(nil), .diff)
        #expect(calls() == before)
    }
}
