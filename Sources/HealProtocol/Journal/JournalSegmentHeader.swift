import Checksums
import TranslatorCore

/// The first slot of a journal segment, 128 bytes, big-endian. The second slot is empty, or holds the record *blind*;
/// every slot from the third on is empty or holds a record.
///
///     0  magic "BYPASSJ1" 8 · 8 version 2 · 10 slot bytes 2 · 12 slots in the file, these two included 4
///     16 volume id 16 · 32 writer id 16 · 48 boot id 16 · 64 segment number 8 · 72 replica set 2 · 74 target 2
///     76 superblock 8 · 84 mount 8 (`FileSystemInstance`) · 92 zero 28 · 120 XXH3 of all bytes before it 8
///
/// Version 1 had zeros in place of the instance, which is read as unknown.
public struct JournalSegmentHeader: Equatable, Sendable {
    public static let magic: UInt64 = 0x4259_5041_5353_4A31
    public static let version: UInt16 = 2, oldestVersion: UInt16 = 1
    public static let encodedBytes = 128
    /// Slots that hold no ordinary record: the header, and *blind*.
    public static let reservedSlots = 2
    /// A segment of 1 GiB; no larger one is read.
    public static let slotsMax = 1 << 23

    public var volume: Gfid, writer: Gfid, boot: Gfid
    /// Of the brick's file system, as its writer had it.
    public var instance: FileSystemInstance
    public var replicaSet: UInt16, target: UInt16
    /// 1, 2, 3, … in the order in which the writer filled them.
    public var number: UInt64
    public var slots: Int

    public init(
        volume: Gfid, writer: Gfid, boot: Gfid, instance: FileSystemInstance, replicaSet: UInt16, target: UInt16,
        number: UInt64, slots: Int
    ) {
        (self.volume, self.writer, self.boot, self.instance) = (volume, writer, boot, instance)
        (self.replicaSet, self.target, self.number, self.slots) = (replicaSet, target, number, slots)
    }

    public var encoded: [UInt8] {
        var bytes = ByteWriter(capacity: Self.encodedBytes)
        bytes.uint64(Self.magic)
        bytes.uint16(Self.version)
        bytes.uint16(UInt16(WriteRecord.encodedBytes))
        bytes.uint32(UInt32(slots))
        bytes.gfid(volume)
        bytes.gfid(writer)
        bytes.gfid(boot)
        bytes.uint64(number)
        bytes.uint16(replicaSet)
        bytes.uint16(target)
        bytes.uint64(instance.superblock)
        bytes.uint64(instance.mount)
        bytes.zeros(28)
        bytes.uint64(bytes.bytes.withUnsafeBytes { Checksums.xxh3($0) })
        return bytes.bytes
    }

    /// Reads the first 128 bytes of a segment.
    public init(decoding bytes: [UInt8]) throws(CodecError) {
        guard bytes.count == Self.encodedBytes else {
            throw CodecError("a segment's header has \(Self.encodedBytes) bytes, not \(bytes.count)")
        }
        let checksum = bytes.withUnsafeBytes { Checksums.xxh3(UnsafeRawBufferPointer(rebasing: $0.dropLast(8))) }
        self = try ByteReader.decode(bytes) { reader throws(CodecError) in
            guard try reader.uint64() == Self.magic else {
                throw CodecError("not a journal segment: its magic is wrong")
            }
            let version = try reader.uint16(), slotBytes = try reader.uint16(), slots = Int(try reader.uint32())
            guard (Self.oldestVersion...Self.version).contains(version), slotBytes == WriteRecord.encodedBytes else {
                throw CodecError("a journal segment of version \(version); this program reads \(Self.version)")
            }
            guard (Self.reservedSlots + 1...Self.slotsMax).contains(slots) else {
                throw CodecError("a journal segment claims \(slots) slots")
            }
            let volume = try reader.gfid(), writer = try reader.gfid(), boot = try reader.gfid()
            let number = try reader.uint64(), replicaSet = try reader.uint16(), target = try reader.uint16()
            let instance = FileSystemInstance(superblock: try reader.uint64(), mount: try reader.uint64())
            try reader.skip(28)
            guard try reader.uint64() == checksum else {
                throw CodecError("a segment header's checksum does not match")
            }
            return JournalSegmentHeader(
                volume: volume, writer: writer, boot: boot, instance: instance, replicaSet: replicaSet,
                target: target, number: number, slots: slots)
        }
    }
}
