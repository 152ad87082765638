import CPosix
import Glibc
import TranslatorCore

extension PosixBrick {
    /// The attributes of an object as bricks report them: the handle's link is not counted, times come from mdata where
    /// there is one.
    func iatt(_ object: BrickObject, _ gfid: Gfid, status known: stat? = nil) throws(FopError) -> Iatt {
        let status = if let known { known } else { try object.status() }
        var iatt = Iatt(status, gfid: gfid)
        if let mdata = try object.mdata() {
            (iatt.atime, iatt.mtime, iatt.ctime) = (mdata.atime, mdata.mtime, mdata.ctime)
        }
        return iatt
    }

    /// Runs `change` on an object and answers its attributes before and after; times move to the frame's where
    /// recorded.
    func changing(
        _ object: BrickObject, _ gfid: Gfid, _ touched: TouchedTimes, _ frame: Frame,
        _ change: () throws(FopError) -> Void
    ) throws(FopError) -> PrePostIatt {
        let pre = try iatt(object, gfid)
        try change()
        if !isVisited { try object.touch(touched, at: frame.time) }
        return PrePostIatt(pre: pre, post: try iatt(object, gfid))
    }
}

extension BrickObject {
    /// The attributes but for times, which stay zero. Whoever asks for times makes the next write record finer ones
    /// (Linux 6.13, multigrain timestamps): a transaction of the file system each, which takes a quarter of its speed
    /// from a program that writes and syncs.
    func timelessIatt(_ gfid: Gfid) throws(FopError) -> Iatt {
        var status = statx()
        let wanted = UInt32(STATX_BASIC_STATS) & ~UInt32(STATX_ATIME | STATX_MTIME | STATX_CTIME)
        try PosixCall.run { cposix_statx(number, wanted, &status) }
        var iatt = Iatt()
        (iatt.gfid, iatt.mode) = (gfid, UInt32(status.stx_mode))
        iatt.nlink = iatt.isDirectory ? status.stx_nlink : max(status.stx_nlink, 1) - 1
        (iatt.uid, iatt.gid) = (status.stx_uid, status.stx_gid)
        (iatt.size, iatt.blocks, iatt.blockSize) = (status.stx_size, status.stx_blocks, status.stx_blksize)
        return iatt
    }
}

extension Iatt {
    init(_ status: stat, gfid: Gfid) {
        self.init()
        self.gfid = gfid
        mode = status.st_mode
        let links = UInt32(clamping: status.st_nlink)
        nlink = isDirectory ? links : max(links, 1) - 1
        (uid, gid, rdev, dev) = (status.st_uid, status.st_gid, UInt64(status.st_rdev), UInt64(status.st_dev))
        size = UInt64(status.st_size)
        blockSize = UInt32(clamping: status.st_blksize)
        blocks = UInt64(status.st_blocks)
        (atime, mtime, ctime) = (Timestamp(status.st_atim), Timestamp(status.st_mtim), Timestamp(status.st_ctim))
    }
}

extension Timestamp {
    init(_ time: timespec) { self.init(seconds: Int64(time.tv_sec), nanoseconds: UInt32(time.tv_nsec)) }
    var timespec: Glibc.timespec { Glibc.timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds)) }
}
