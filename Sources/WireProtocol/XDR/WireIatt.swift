import TranslatorCore

/// The attributes of one inode as they travel, 148 bytes. Source: GlusterFS `gfx_iattx`; gluster-wire.md §2.2.
///
///     0   gfid             16
///     16  flags             8   which fields are valid; bricks answer 0x17ff, requests need none
///     24  ino               8   the gfid's last 8 bytes; 1 for the root
///     32  dev               8
///     40  rdev              8   in a reply major << 32 | minor
///     48  size              8
///     56  blocks            8   of 512 bytes
///     64  attributes        8   0
///     72  attributes mask   8   0
///     80  atime, mtime, ctime, btime          8 each, signed
///     112 their nanoseconds                   4 each
///     128 nlink, uid, gid, blksize, mode      4 each
public struct WireIatt: XDRStructure, Equatable {
    public static let encodedBytes = 148
    /// What bricks say is valid: type, mode, nlink, uid, gid, times, ino, size, blocks, gfid.
    public static let validFlags: UInt64 = 0x17ff

    public var gfid = Gfid.none
    public var flags: UInt64 = 0, inodeNumber: UInt64 = 0
    public var dev: UInt64 = 0, rdev: UInt64 = 0
    public var size: UInt64 = 0, blocks: UInt64 = 0
    public var attributes: UInt64 = 0, attributesMask: UInt64 = 0
    public var atime = Timestamp.zero, mtime = Timestamp.zero, ctime = Timestamp.zero, btime = Timestamp.zero
    public var nlink: UInt32 = 0, uid: UInt32 = 0, gid: UInt32 = 0
    public var blockSize: UInt32 = 0
    /// A full st_mode.
    public var mode: UInt32 = 0

    public init() {}

    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&gfid, "ia_gfid")
        try xdr.integer(&flags, "ia_flags")
        try xdr.integer(&inodeNumber, "ia_ino")
        try xdr.integer(&dev, "ia_dev")
        try xdr.integer(&rdev, "ia_rdev")
        try xdr.integer(&size, "ia_size")
        try xdr.integer(&blocks, "ia_blocks")
        try xdr.integer(&attributes, "ia_attributes")
        try xdr.integer(&attributesMask, "ia_attributes_mask")
        try xdr.seconds(&atime, "ia_atime")
        try xdr.seconds(&mtime, "ia_mtime")
        try xdr.seconds(&ctime, "ia_ctime")
        try xdr.seconds(&btime, "ia_btime")
        try xdr.nanoseconds(&atime, "ia_atime_nsec")
        try xdr.nanoseconds(&mtime, "ia_mtime_nsec")
        try xdr.nanoseconds(&ctime, "ia_ctime_nsec")
        try xdr.nanoseconds(&btime, "ia_btime_nsec")
        try xdr.integer(&nlink, "ia_nlink")
        try xdr.integer(&uid, "ia_uid")
        try xdr.integer(&gid, "ia_gid")
        try xdr.integer(&blockSize, "ia_blksize")
        try xdr.integer(&mode, "mode")
    }
}

extension WireIatt {
    /// As a brick answers it.
    public init(reply iatt: Iatt) {
        self.init(request: iatt)
        (flags, inodeNumber) = (Self.validFlags, iatt.inodeNumber)
        (dev, size, blocks, nlink) = (iatt.dev, iatt.size, iatt.blocks, iatt.nlink)
        rdev = DeviceNumber.halves(of: iatt.rdev)
        blockSize = iatt.blockSize
    }

    /// As SETATTR sends it: what a caller may set; all else 0.
    public init(request iatt: Iatt) {
        self.init()
        (gfid, mode, uid, gid) = (iatt.gfid, iatt.mode, iatt.uid, iatt.gid)
        (atime, mtime, ctime) = (iatt.atime, iatt.mtime, iatt.ctime)
    }

    /// Nothing but zeros: "no attributes here", as in error replies.
    public var isNone: Bool { self == WireIatt() }

    /// From a reply.
    public var iatt: Iatt {
        var iatt = Iatt()
        (iatt.gfid, iatt.mode, iatt.nlink, iatt.uid, iatt.gid) = (gfid, mode, nlink, uid, gid)
        (iatt.size, iatt.blocks, iatt.blockSize, iatt.dev) = (size, blocks, blockSize, dev)
        iatt.rdev = DeviceNumber.joined(rdev)
        (iatt.atime, iatt.mtime, iatt.ctime) = (atime, mtime, ctime)
        return iatt
    }
}

/// Device numbers: Linux's dev_t (makedev(3)) in requests and in `Iatt`; replies have major << 32 | minor.
enum DeviceNumber {
    static func halves(of device: UInt64) -> UInt64 {
        let major = device >> 8 & 0xfff | device >> 32 & 0xffff_f000
        let minor = device & 0xff | device >> 12 & 0xffff_ff00
        return major << 32 | minor
    }

    static func joined(_ halves: UInt64) -> UInt64 {
        let (major, minor) = (halves >> 32, halves & 0xffff_ffff)
        return (major & 0xfff) << 8 | (major & 0xffff_f000) << 32 | minor & 0xff | (minor & 0xffff_ff00) << 12
    }
}
