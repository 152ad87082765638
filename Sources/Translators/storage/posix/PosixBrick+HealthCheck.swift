import CPosix
import Glibc
import TranslatorCore

extension PosixBrick {
    /// 25 bytes: `2026-01-31 23:59:59 +0000`. Source: gluster-disk-format.md §1, health_check.
    static let healthStampBytes = 25

    static func healthStamp(at time: Timestamp) -> [UInt8] {
        var seconds = time_t(time.seconds)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func padded(_ number: Int32, _ digits: Int = 2) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        let day = [padded(parts.tm_year + 1900, 4), padded(parts.tm_mon + 1), padded(parts.tm_mday)]
        let clock = [padded(parts.tm_hour), padded(parts.tm_min), padded(parts.tm_sec)]
        return Array((day.joined(separator: "-") + " " + clock.joined(separator: ":") + " +0000").utf8)
    }

    /// Writes the time to `.glusterfs/health_check`, down to the disk, and reads it back. Other processes write there
    /// too, so what is read need not be what was written, but must be as long.
    func writeHealthStamp(at time: Timestamp) throws(FopError) {
        let file = Descriptor(
            taking: try PosixCall.run {
                cposix_openat(root.number, BrickFolder.healthCheck, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
            })
        let stamp = Self.healthStamp(at: time)
        let written = try PosixCall.run { pwrite(file.number, stamp, stamp.count, 0) }
        guard written == stamp.count else { throw .io }
        try PosixCall.run { fdatasync(file.number) }
        let back = try [UInt8](capacity: stamp.count) { memory throws(FopError) in
            try PosixCall.run { pread(file.number, memory.baseAddress, memory.count, 0) }
        }
        guard back.count == Self.healthStampBytes, try root.status().st_nlink > 0 else { throw .io }
    }
}
