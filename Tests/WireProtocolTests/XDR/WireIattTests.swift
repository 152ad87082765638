import Testing
import TranslatorCore
import WireProtocol

@Suite struct WireIattTests {
    @Test func `an iatt has 148 bytes`() {
        #expect(WireIatt().encoded.count == WireIatt.encodedBytes)
        #expect(WireIatt().isNone)
    }

    @Test func `attributes come back from a reply as they were`() throws {
        var iatt = Iatt()
        (iatt.gfid, iatt.mode, iatt.nlink, iatt.uid, iatt.gid) = (Gfid(high: 1, low: 2), 0o100640, 3, 4, 5)
        (iatt.size, iatt.blocks, iatt.blockSize, iatt.dev) = (6, 7, 8, 9)
        iatt.atime = Timestamp(seconds: -10, nanoseconds: 11)
        iatt.mtime = Timestamp(seconds: 12, nanoseconds: 13)
        iatt.ctime = Timestamp(seconds: 14, nanoseconds: 15)
        iatt.rdev = UInt64(0x1_0203_0405)
        let wire = try WireIatt(decoding: WireIatt(reply: iatt).encoded, as: "iatt")
        #expect(wire.iatt == iatt)
        #expect(wire.flags == WireIatt.validFlags && wire.inodeNumber == 2)
    }

    /// Pairs as makedev(3) joins them: 12 bits of major, 20 of minor, and the rest above.
    @Test(
        arguments: [
            (0x103, 1, 3), (0x811, 8, 17), (0xffff_ffff, 0xfff, 0xfffff), (0x10300, 259, 0),
            (0x1234_59ab_cde6_78f0, 0x1234_5678, 0x9abc_def0),
        ] as [(UInt64, UInt64, UInt64)])
    func `a reply has major and minor in two halves, Linux's dev_t does not`(
        device: UInt64, major: UInt64, minor: UInt64
    ) {
        var iatt = Iatt()
        iatt.rdev = device
        #expect(WireIatt(reply: iatt).rdev == major << 32 | minor)
        #expect(WireIatt(reply: iatt).iatt.rdev == device)
    }
}
