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
        try object.touch(touched, at: frame.time)
        return PrePostIatt(pre: pre, post: try iatt(object, gfid))
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
