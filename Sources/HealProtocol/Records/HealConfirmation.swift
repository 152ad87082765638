import Checksums
import TranslatorCore

/// A healer tells writers what it healed. A hint: a writer that waits reads the xattrs too (DESIGN §3.1, step 6).
///
///     0  volume id 16 · 16 kind 1 'C' · 17 gfid 16 · 33 version 1 · 34 replica set 2 · 36 target 2 · 38 sink 2
///     40 generation 4 · 44 zero 4 · 48 healer id 16 · 64 XXH3 of all bytes before it 8
public struct HealConfirmation: Hashable, Sendable {
    public static let formatVersion: UInt8 = 1
    public static let encodedBytes = 72

    public var volume: Gfid
    public var replicaSet: UInt16, target: UInt16
    /// The replica that was healed, by position.
    public var sink: UInt16
    public var gfid: Gfid
    /// The newest epoch healed.
    public var generation: Int32
    public var healer: Gfid

    public init(
        volume: Gfid, replicaSet: UInt16, target: UInt16, sink: UInt16, gfid: Gfid, generation: Int32, healer: Gfid
    ) {
        (self.volume, self.replicaSet, self.target, self.sink) = (volume, replicaSet, target, sink)
        (self.gfid, self.generation, self.healer) = (gfid, generation, healer)
    }

    public var encoded: [UInt8] {
        var bytes = ByteWriter(capacity: Self.encodedBytes)
        bytes.append(HealerTopic.confirmations(of: volume))
        bytes.gfid(gfid)
        bytes.uint8(Self.formatVersion)
        bytes.uint16(replicaSet)
        bytes.uint16(target)
        bytes.uint16(sink)
        bytes.int32(generation)
        bytes.uint32(0)
        bytes.gfid(healer)
        bytes.uint64(bytes.bytes.withUnsafeBytes { Checksums.xxh3($0) })
        return bytes.bytes
    }

    public init(decoding bytes: [UInt8]) throws(CodecError) {
        guard bytes.count == Self.encodedBytes else {
            throw CodecError("a confirmation has \(Self.encodedBytes) bytes, not \(bytes.count)")
        }
        let checksum = bytes.withUnsafeBytes { Checksums.xxh3(UnsafeRawBufferPointer(rebasing: $0.dropLast(8))) }
        self = try ByteReader.decode(bytes) { reader throws(CodecError) in
            let volume = try reader.gfid()
            guard try reader.uint8() == HealerTopic.confirmation else { throw CodecError("not a confirmation") }
            let gfid = try reader.gfid()
            guard try reader.uint8() == Self.formatVersion else {
                throw CodecError("a confirmation of another version")
            }
            let replicaSet = try reader.uint16(), target = try reader.uint16(), sink = try reader.uint16()
            let generation = try reader.int32()
            guard try reader.uint32() == 0 else { throw CodecError("a confirmation has unknown bits set") }
            let healer = try reader.gfid()
            guard try reader.uint64() == checksum else { throw CodecError("a confirmation's checksum does not match") }
            return HealConfirmation(
                volume: volume, replicaSet: replicaSet, target: target, sink: sink, gfid: gfid, generation: generation,
                healer: healer)
        }
    }
}

/// What a healer publishes begins with the volume's id and a letter, by which one subscribes to confirmations or
/// events.
public enum HealerTopic {
    static let confirmation = UInt8(ascii: "C"), event = UInt8(ascii: "E")
    public static func confirmations(of volume: Gfid) -> [UInt8] { volume.bytes + [confirmation] }
    public static func events(of volume: Gfid) -> [UInt8] { volume.bytes + [event] }

    /// An event as it is published: the topic, then its JSON text.
    public static func message(_ event: HealEvent, volume: Gfid) -> [UInt8] { events(of: volume) + event.json.utf8 }

    /// Reads it back.
    public static func event(in message: [UInt8]) throws(CodecError) -> HealEvent {
        guard message.count > 17, message[16] == event else { throw CodecError("not a healer's event") }
        return try HealEvent(json: JSONText(parsing: Array(message[17...])))
    }
}
