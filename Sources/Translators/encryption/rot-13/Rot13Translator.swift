import TranslatorCore

/// `encryption/rot-13`: rotates ASCII letters by 13 places on their way down and on their way up.
/// Rotates into a fresh iobuf, because the caller's pages may be on their way to other replicas too.
/// Source: the worked example of "Translator 101"; `encryption/my-rot-13` is what that text calls its own build.
public final class Rot13Translator: Translator {
    public static let type: TranslatorType = "encryption/rot-13"
    public static let aliases: [TranslatorType] = ["encryption/my-rot-13"]
    public static let summary = "Rotates ASCII letters by 13 places: the worked example of a translator."
    public static let needs: SubvolumeNeed = .exactly(1)
    public static let options: [OptionDeclaration] = [
        .flag("encrypt-write", default: true, "Rotate letters before they reach the brick."),
        .flag("decrypt-read", default: true, "Rotate letters before they reach the caller."),
    ]
    public let volume: Volume
    let encryptsWrites: Bool
    let decryptsReads: Bool

    public init(_ volume: Volume) throws(VolfileError) {
        self.volume = volume
        encryptsWrites = volume.options.flag("encrypt-write")
        decryptsReads = volume.options.flag("decrypt-read")
    }

    public func writev(_ write: WriteRequest, in frame: Frame) async throws(FopError) -> WriteReply {
        guard encryptsWrites else { return try await subvolume.writev(write, in: frame) }
        return try await subvolume.writev(write.replacing(payload: rotated(write.payload)), in: frame)
    }

    public func readv(_ read: ReadRequest, in frame: Frame) async throws(FopError) -> ReadReply {
        var reply = try await subvolume.readv(read, in: frame)
        if decryptsReads { reply.payload = rotated(reply.payload) }
        return reply
    }

    private func rotated(_ payload: Payload) -> Payload {
        guard payload.count > 0 else { return payload }
        let draft = volume.environment.pool.draft(bytes: payload.count)
        let bytes = draft.bytes
        var position = 0
        for slice in payload.slices {
            for byte in slice.bytes {
                bytes[position] = Self.rotated(byte)
                position += 1
            }
        }
        return Payload(draft.freeze(count: position))
    }

    /// Its own inverse; what is no ASCII letter stays.
    static func rotated(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "m"), UInt8(ascii: "A")...UInt8(ascii: "M"): byte + 13
        case UInt8(ascii: "n")...UInt8(ascii: "z"), UInt8(ascii: "N")...UInt8(ascii: "Z"): byte - 13
        default: byte
        }
    }
}
