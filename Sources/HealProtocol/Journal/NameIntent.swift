import Checksums
import TranslatorCore

/// A slot of a mount's names journal: a change of names that it has begun and that may not be done on all bricks yet.
/// 640 bytes, big-endian; the checksum is stored last, and zero takes the intent back.
///
///     0   kind 1 (`NameChange.Kind`) · 1 zero 3 · 4 bytes of the name 2 · 6 bytes of the new name 2
///     8   object's gfid 16 · 24 replaced object's gfid 16 · 40 directory's gfid 16 · 56 new directory's gfid 16
///     72  name 256 · 328 new name 256 · 584 zero 48 · 632 XXH3 of all bytes before it 8
public enum NameIntent {
    public static let encodedBytes = 640
    static let checksumAt = encodedBytes - 8
    private static let nameAt = 72, newNameAt = 328

    /// Stores into a slot of `encodedBytes`. A name longer than 255 bytes cannot be: false.
    public static func store(_ change: NameChange, at slot: UnsafeMutableRawPointer) -> Bool {
        let names = change.places.map(\.name.bytes.count)
        guard names.allSatisfy({ 1...EntryName.bytesMax ~= $0 }) else { return false }
        slot.initializeMemory(as: UInt8.self, repeating: 0, count: encodedBytes)
        slot.storeBytes(of: change.kind.rawValue, as: UInt8.self)
        put(UInt16(names[0]), at: slot + 4)
        put(change.object, at: slot + 8)
        put(change.replaced, at: slot + 24)
        put(change.place, at: slot + 40, name: slot + nameAt)
        if let newPlace = change.newPlace {
            put(UInt16(names[1]), at: slot + 6)
            put(newPlace, at: slot + 56, name: slot + newNameAt)
        }
        put(Checksums.xxh3(UnsafeRawBufferPointer(start: slot, count: checksumAt)), at: slot + checksumAt)
        return true
    }

    public static func clear(_ slot: UnsafeMutableRawPointer) { put(UInt64(0), at: slot + checksumAt) }

    private static func put(_ place: NameChange.Place, at slot: UnsafeMutableRawPointer, name: UnsafeMutableRawPointer)
    {
        put(place.parent, at: slot)
        place.name.bytes.withUnsafeBytes { name.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    }
    private static func put(_ gfid: Gfid, at place: UnsafeMutableRawPointer) {
        put(gfid.high, at: place)
        put(gfid.low, at: place + 8)
    }
    private static func put<Value: FixedWidthInteger & BitwiseCopyable>(
        _ value: Value, at place: UnsafeMutableRawPointer
    ) {
        place.storeBytes(of: value.bigEndian, as: Value.self)
    }

    /// Nil for a slot that is empty, was taken back, or was never finished.
    public static func read(_ slot: UnsafeRawBufferPointer) -> NameChange? {
        precondition(slot.count == encodedBytes)
        let checksum = UInt64(bigEndian: slot.loadUnaligned(fromByteOffset: checksumAt, as: UInt64.self))
        let body = UnsafeRawBufferPointer(rebasing: slot[..<checksumAt])
        guard checksum != 0, Checksums.xxh3(body) == checksum else { return nil }
        var reader = ByteReader(body)
        return try? change(&reader)
    }

    private static func change(_ bytes: inout ByteReader) throws(CodecError) -> NameChange {
        guard let kind = NameChange.Kind(rawValue: try bytes.uint8()) else {
            throw CodecError("an intent of a kind that is not known")
        }
        try bytes.skip(3)
        let lengths = (Int(try bytes.uint16()), Int(try bytes.uint16()))
        let object = try bytes.gfid(), replaced = try bytes.gfid()
        let parents = (try bytes.gfid(), try bytes.gfid())
        let place = NameChange.Place(parents.0, try name(lengths.0, &bytes))
        let newName = kind == .rename || kind == .exchange ? try name(lengths.1, &bytes) : nil
        var change = NameChange(kind, place, to: newName.map { NameChange.Place(parents.1, $0) }, of: object)
        change.replaced = replaced
        return change
    }

    private static func name(_ length: Int, _ bytes: inout ByteReader) throws(CodecError) -> EntryName {
        let room = try bytes.bytes(256)
        guard 1...EntryName.bytesMax ~= length else { throw CodecError("an intent's name has \(length) bytes") }
        return EntryName(bytes: room[..<length])
    }
}

/// The first slot of a names journal, in the room of an intent.
///
///     0 magic "BYPASSN2" 8 · 8 slots in the file, this one included 4 · 12 zero 4
///     16 volume id 16 · 32 boot id 16 · 48 superblock 8 · 56 mount 8 (`FileSystemInstance`)
///     64 XXH3 of all bytes before it 8
public struct NamesJournalHeader: Equatable, Sendable {
    static let magic: UInt64 = 0x4259_5041_5353_4E32
    public static let encodedBytes = 72
    public static let slotsMax = 1 << 16

    public var volume: Gfid, boot: Gfid
    public var instance: FileSystemInstance
    public var slots: Int

    public init(volume: Gfid, boot: Gfid, instance: FileSystemInstance, slots: Int) {
        (self.volume, self.boot, self.instance, self.slots) = (volume, boot, instance, slots)
    }

    public var encoded: [UInt8] {
        var bytes = ByteWriter(capacity: Self.encodedBytes)
        bytes.uint64(Self.magic)
        bytes.uint32(UInt32(slots))
        bytes.uint32(0)
        bytes.gfid(volume)
        bytes.gfid(boot)
        bytes.uint64(instance.superblock)
        bytes.uint64(instance.mount)
        bytes.uint64(bytes.bytes.withUnsafeBytes { Checksums.xxh3($0) })
        return bytes.bytes
    }

    /// Reads the beginning of a file. Throws for anything that no mount of ours has made.
    public init(decoding bytes: [UInt8]) throws(CodecError) {
        guard bytes.count >= Self.encodedBytes else {
            throw CodecError("a names journal has \(bytes.count) bytes only")
        }
        let head = Array(bytes[..<Self.encodedBytes])
        let checksum = head.withUnsafeBytes { Checksums.xxh3(UnsafeRawBufferPointer(rebasing: $0.dropLast(8))) }
        self = try ByteReader.decode(head) { reader throws(CodecError) in
            guard try reader.uint64() == Self.magic else { throw CodecError("not a names journal: its magic is wrong") }
            let slots = Int(try reader.uint32())
            try reader.skip(4)
            let volume = try reader.gfid(), boot = try reader.gfid()
            let instance = FileSystemInstance(superblock: try reader.uint64(), mount: try reader.uint64())
            guard try reader.uint64() == checksum, 1...Self.slotsMax ~= slots else {
                throw CodecError("the header of a names journal is damaged")
            }
            return NamesJournalHeader(volume: volume, boot: boot, instance: instance, slots: slots)
        }
    }
}
