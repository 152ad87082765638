import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

@Suite struct DiskReserveTests {
    private let client = Frame(caller: .root)

    @Test func `the room is what is left before the reserve, in bytes or of all blocks`() {
        var status = statvfs()
        (status.f_frsize, status.f_blocks, status.f_bavail) = (4096, 1000, 100)
        #expect(DiskReserve.room(status, reserved: .percent(1)) == 90 * 4096)
        #expect(DiskReserve.room(status, reserved: .bytes(4096)) == 99 * 4096)
        #expect(DiskReserve.room(status, reserved: .percent(20)) == 0)
    }

    @Test func `a number up to 100 is per cent, as GlusterFS writes its default`() {
        #expect(DiskReserve.Amount(.size(1)) == .percent(1))
        #expect(DiskReserve.Amount(.size(101)) == .bytes(101))
        #expect(DiskReserve.Amount(.percent(2.5)) == .percent(2.5))
        #expect(DiskReserve.Amount(.size(0)).isNothing)
    }

    @Test func `a file system that is full up to its reserve is ENOSPC for all but heals`() {
        let scratch = TemporaryDirectory("reserve")
        let descriptor = open(scratch.path, O_RDONLY)
        defer { close(descriptor) }
        let reserve = DiskReserve(.percent(100))
        #expect(throws: FopError.noSpace) { try reserve.take(1, descriptor, in: client) }
        #expect(throws: Never.self) { try reserve.take(1, descriptor, in: Frame(caller: .selfHeal)) }
        reserve.change(to: .bytes(0))
        #expect(throws: Never.self) { try reserve.take(1, descriptor, in: client) }
        reserve.change(to: .percent(0.001))
        #expect(throws: Never.self) { try reserve.take(1, descriptor, in: client) }
        #expect(throws: FopError.noSpace) { try reserve.take(1 << 60, atOnce: true, descriptor, in: client) }
        #expect(throws: Never.self) { try reserve.take(1, descriptor, in: client) }
        // What was let through before counts no more.
        reserve.change(to: .percent(100))
        #expect(throws: FopError.noSpace) { try reserve.take(1, descriptor, in: client) }
    }
}
