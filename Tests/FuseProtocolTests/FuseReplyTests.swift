import CFuse
import FuseProtocol
import Testing
import TranslatorCore

/// Expected bytes are written from the layouts in linux/fuse.h, field by field.
@Suite struct FuseReplyTests {
    private var iatt: Iatt {
        var iatt = Iatt()
        iatt.gfid = Gfid(high: 1, low: 0x0102_0304_0506_0708)
        (iatt.mode, iatt.nlink, iatt.uid, iatt.gid) = (0o100640, 2, 0x11, 0x22)
        (iatt.size, iatt.blocks, iatt.blockSize) = (0x1234_5678_9A, 0x77, 4096)
        iatt.atime = Timestamp(seconds: 1, nanoseconds: 2)
        iatt.mtime = Timestamp(seconds: -3, nanoseconds: 4)
        iatt.ctime = Timestamp(seconds: 5, nanoseconds: 6)
        iatt.rdev = 0x103
        return iatt
    }
    private let attributes =
        "0807060504030201" + "9a78563412000000" + "7700000000000000" + "0100000000000000" + "fdffffffffffffff"
        + "0500000000000000" + "02000000" + "04000000" + "06000000" + "a0810000" + "02000000" + "11000000" + "22000000"
        + "03010000" + "00100000" + "00000000"

    @Test func `attributes, with a time before 1970`() {
        #expect(fuseBytes(of: fuse_attr(iatt)) == GoldenRequests.bytes(attributes))
    }

    @Test func `an entry and how long it is valid`() {
        let entry = fuse_entry_out(
            node: 0x99, iatt, entryValid: FuseValidity(.milliseconds(1500)), attributesValid: FuseValidity(.seconds(2)))
        let expected =
            "9900000000000000" + "0000000000000000" + "0100000000000000" + "0200000000000000" + "0065cd1d" + "00000000"
            + attributes
        #expect(fuseBytes(of: entry) == GoldenRequests.bytes(expected))
        #expect(
            fuseBytes(of: FuseCreateReply(entry: entry, open: fuse_open_out(handle: 7, flags: [.keepCache])))
                == GoldenRequests.bytes(expected + "0700000000000000" + "02000000" + "00000000"))
    }

    @Test func `a negative validity is none`() { #expect(FuseValidity(.seconds(-1)) == .none) }

    @Test func `the root has number 1 whatever its gfid's bytes`() {
        var root = iatt
        root.gfid = .root
        #expect(fuse_attr(root).ino == 1)
    }

    @Test func `INIT's answer takes what both have, and 1 MiB writes`() {
        let offer = try! ByteReader.decode(Array(GoldenRequests.initialize[40...])) { bytes throws(CodecError) in
            try FuseInitRequest(from: &bytes)
        }
        let reply = FuseInitReply(
            answering: offer, wanted: [.posixLocks, .writebackCache], maxBackground: 256,
            congestionThreshold: 192)
        #expect(reply.features == [.posixLocks, .writebackCache, .initExtended, .maxPages, .bigWrites])
        let expected =
            "07000000" + "26000000" + "00000200" + "22004140" + "0001" + "c000" + "00001000" + "01000000" + "0001"
            + "0000"
            + "00000000" + String(repeating: "0", count: 56)
        #expect(fuseBytes(of: reply.encoded) == GoldenRequests.bytes(expected))
    }

    @Test func `what the kernel does not offer is not taken`() {
        var offer = try! ByteReader.decode(Array(GoldenRequests.initialize[40...])) { bytes throws(CodecError) in
            try FuseInitRequest(from: &bytes)
        }
        offer.features = [.asyncRead]
        let reply = FuseInitReply(
            answering: offer, wanted: [.asyncRead, .maxPages, .posixACL], maxBackground: 64, congestionThreshold: .max)
        #expect(reply.features == [.asyncRead])
        #expect(reply.encoded.max_pages == 0 && reply.encoded.max_write == 131_072)
    }

    @Test func `headers of replies: success, error`() {
        #expect(
            fuseBytes(of: FuseReplyHeader.make(unique: 0x42, bodyBytes: 8))
                == GoldenRequests.bytes("18000000" + "00000000" + "4200000000000000"))
        #expect(
            fuseBytes(of: FuseReplyHeader.make(unique: 0x42, error: 2))
                == GoldenRequests.bytes("10000000" + "feffffff" + "4200000000000000"))
    }

    @Test func `a lock to the end of the file ends at the kernel's OFFSET_MAX`() {
        let whole = fuse_lk_out(PosixLock(kind: .write, range: .whole, pid: 77))
        #expect(
            fuseBytes(of: whole)
                == GoldenRequests.bytes("0000000000000000" + "ffffffffffffff7f" + "01000000" + "4d000000"))
        let some = fuse_lk_out(PosixLock(kind: .read, range: LockRange(start: 5, length: 10), pid: 77))
        #expect(some.lk.start == 5 && some.lk.end == 14)
    }

    @Test func `directory entries are padded to 8 bytes and end where the room does`() {
        var room = [UInt8](repeating: 0xEE, count: 80)
        let (count, fits) = room.withUnsafeMutableBytes { bytes in
            var writer = FuseDirectoryWriter(bytes)
            let fits = [
                writer.append("abc", inodeNumber: 1, nextOffset: 2, type: .regular),
                writer.append("12345678", inodeNumber: 3, nextOffset: 4, type: .directory),
                writer.append("x", inodeNumber: 5, nextOffset: 6, type: .regular),
            ]
            return (writer.count, fits)
        }
        #expect(fits == [true, true, false] && count == 64)
        let expected =
            "0100000000000000" + "0200000000000000" + "03000000" + "08000000" + "6162630000000000"
            + "0300000000000000" + "0400000000000000" + "08000000" + "04000000" + "3132333435363738"
        #expect(Array(room[..<64]) == GoldenRequests.bytes(expected))
        #expect(room[64...].allSatisfy { $0 == 0xEE })
    }

    @Test func `an entry with attributes is its entry and then its name`() {
        var room = [UInt8](repeating: 0xEE, count: 160)
        let entry = fuse_entry_out(node: 9, iatt, entryValid: .none, attributesValid: .none)
        let count = room.withUnsafeMutableBytes { bytes in
            var writer = FuseDirectoryWriter(bytes)
            let fits = writer.append("abc", inodeNumber: 1, nextOffset: 2, type: .regular, entry: entry)
            let second = writer.append("d", inodeNumber: 1, nextOffset: 3, type: .regular, entry: entry)
            #expect(fits && !second)
            return writer.count
        }
        #expect(count == 160)
        #expect(Array(room[..<128]) == fuseBytes(of: entry))
        #expect(
            Array(room[128...])
                == GoldenRequests.bytes(
                    "0100000000000000" + "0200000000000000" + "03000000" + "08000000" + "6162630000000000"))
    }

    @Test func `notifications are replies to nobody`() {
        #expect(
            FuseNotification.invalidateInode(node: 7, offset: -1, length: 0)
                == GoldenRequests.bytes(
                    "28000000" + "02000000" + "0000000000000000" + "0700000000000000" + "ffffffffffffffff"
                        + "0000000000000000"))
        #expect(
            FuseNotification.invalidateEntry(parent: 1, name: "ab")
                == GoldenRequests.bytes(
                    "23000000" + "03000000" + "0000000000000000" + "0100000000000000" + "02000000" + "00000000"
                        + "616200"))
    }
}
