import CChecksums

/// The checksums that GlusterFS's formats and our records use, computed by well-kept C libraries.
public enum Checksums {
    /// XXH64 with seed 0: names `trusted.gfid2path.*` (gluster-disk-format.md §1.1).
    public static func xxh64(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        cchecksums_xxh64(bytes.baseAddress, bytes.count, 0)
    }
    public static func xxh64(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes { xxh64($0) } }
    /// XXH3, 64 bits: guards our own records.
    public static func xxh3(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        cchecksums_xxh3(bytes.baseAddress, bytes.count)
    }
    /// Adler-32 with both sums started at 0: the weak checksum of RCHECKSUM (gluster-wire.md §12).
    public static func weak(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        cchecksums_adler32(0, bytes.baseAddress, bytes.count)
    }

    /// 32 bytes.
    public static func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { digest, count in
            precondition(cchecksums_sha256(bytes.baseAddress, bytes.count, digest.baseAddress) == 1, "SHA-256 failed")
            count = 32
        }
    }
    /// 16 bytes.
    public static func md5(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { digest, count in
            precondition(cchecksums_md5(bytes.baseAddress, bytes.count, digest.baseAddress) == 1, "MD5 failed")
            count = 16
        }
    }
}
