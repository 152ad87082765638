import CPosix
import Glibc
import TranslatorCore

/// The value of `trusted.glusterfs.mdata`: the times that all replicas recorded alike. 57 bytes, big-endian: u8 version
/// 1, u64 flags 0, then (u64 seconds, u64 nanoseconds) for ctime, mtime, atime. Source: gluster-disk-format.md §1.1.
struct Mdata: Equatable, Sendable {
    static let key = "trusted.glusterfs.mdata"
    static let encodedBytes = 57

    var ctime = Timestamp.zero, mtime = Timestamp.zero, atime = Timestamp.zero

    init(ctime: Timestamp, mtime: Timestamp, atime: Timestamp) {
        (self.ctime, self.mtime, self.atime) = (ctime, mtime, atime)
    }

    init(xattr: [UInt8]) throws(CodecError) {
        self = try ByteReader.decode(xattr) { bytes throws(CodecError) in
            let version = try bytes.uint8()
            guard version == 1 else { throw CodecError("mdata has version \(version), not 1") }
            _ = try bytes.uint64()
            return Mdata(
                ctime: try Self.time(from: &bytes), mtime: try Self.time(from: &bytes),
                atime: try Self.time(from: &bytes))
        }
    }

    private static func time(from bytes: inout ByteReader) throws(CodecError) -> Timestamp {
        let seconds = try bytes.int64()
        let nanoseconds = try bytes.uint64()
        guard nanoseconds < 1_000_000_000 else { throw CodecError("mdata has \(nanoseconds) nanoseconds in a second") }
        return Timestamp(seconds: seconds, nanoseconds: UInt32(nanoseconds))
    }

    var xattr: [UInt8] {
        var bytes = ByteWriter(capacity: Self.encodedBytes)
        bytes.uint8(1)
        bytes.uint64(0)
        for time in [ctime, mtime, atime] {
            bytes.int64(time.seconds)
            bytes.uint64(UInt64(time.nanoseconds))
        }
        return bytes.bytes
    }
}

/// Which of an object's times a fop moves to the frame's time.
struct TouchedTimes: OptionSet, Sendable {
    let rawValue: Int
    static let ctime = TouchedTimes(rawValue: 1), mtime = TouchedTimes(rawValue: 2)
    static let content: TouchedTimes = [.ctime, .mtime]
}

extension BrickObject {
    /// Nil when the object has none, or one that cannot be read: then the file system's own times hold.
    func mdata() throws(FopError) -> Mdata? {
        let value: [UInt8]
        do throws(FopError) {
            value = try [UInt8](capacity: Mdata.encodedBytes) { memory throws(FopError) in
                try readXattr(Mdata.key, into: UnsafeMutableRawBufferPointer(memory))
            }
        } catch {
            if error == .noData || error == .outOfRange || error == .notSupported { return nil }
            throw error
        }
        return try? Mdata(xattr: value)
    }

    /// Records `time` in an mdata that is there; makes none. Times never go back here: another process may have
    /// recorded a later one. `time` zero (healers) records nothing.
    func touch(_ touched: TouchedTimes, at time: Timestamp) throws(FopError) {
        guard time != .zero, var mdata = try mdata() else { return }
        let before = mdata
        if touched.contains(.ctime) { mdata.ctime = max(mdata.ctime, time) }
        if touched.contains(.mtime) { mdata.mtime = max(mdata.mtime, time) }
        if mdata != before { try setXattr(Mdata.key, mdata.xattr) }
    }
}
