import TranslatorCore

/// FUSE messages are C structures of the kernel's own header in the machine's byte order: they are loaded and stored
/// whole. `Structure` must be one of linux/fuse.h's, all of which are padded by hand and hold plain integers.
extension ByteReader {
    mutating func structure<Structure: BitwiseCopyable>(
        _: Structure.Type = Structure.self
    ) throws(CodecError) -> Structure {
        try slice(MemoryLayout<Structure>.size, "FUSE structure").loadUnaligned(as: Structure.self)
    }

    /// A name with its NUL, as LOOKUP and others carry them. Throws when the NUL is missing, or nothing precedes it.
    mutating func name() throws(CodecError) -> EntryName {
        let bytes = try terminated()
        guard !bytes.isEmpty else { throw CodecError("an empty name") }
        return EntryName(bytes: bytes)
    }

    /// The bytes up to the next NUL, which is passed over too.
    mutating func terminated() throws(CodecError) -> UnsafeRawBufferPointer {
        var ahead = self
        let rest = try ahead.slice(ahead.remaining)
        guard let length = rest.firstIndex(of: 0) else { throw CodecError("a text without its final NUL") }
        defer { try? skip(1) }
        return try slice(length)
    }
}

/// The bytes of a reply structure as the kernel reads them.
public func fuseBytes<Structure: BitwiseCopyable>(of structure: Structure) -> [UInt8] {
    withUnsafeBytes(of: structure) { Array($0) }
}
