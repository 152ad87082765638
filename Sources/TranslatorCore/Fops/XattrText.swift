/// Names of xattrs as text. They are bytes (xattr(7)); a `String` cannot hold all of them, and compares by Unicode's
/// canonical equivalence. So a byte that is not ASCII stands as a private-use character of its own, U+F700 + byte, and
/// two names are equal as text exactly if their bytes are. ASCII, which is nearly all, is itself.
public enum XattrText {
    private static let first: UInt32 = 0xF700

    public static func text(_ bytes: some Collection<UInt8>) -> String {
        // Not generic, as most names are read: nothing specializes this for other modules.
        if let text = bytes.withContiguousStorageIfAvailable(ascii) ?? nil { return text }
        var text = String.UnicodeScalarView()
        for byte in bytes { text.append(byte < 0x80 ? Unicode.Scalar(byte) : Unicode.Scalar(first + UInt32(byte))!) }
        return String(text)
    }

    private static func ascii(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
        bytes.allSatisfy { $0 < 0x80 } ? String(decoding: bytes, as: UTF8.self) : nil
    }

    public static func bytes(_ text: String) -> [UInt8] {
        if isASCII(text) { return Array(text.utf8) }
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            if first + 0x80...first + 0xFF ~= scalar.value {
                bytes.append(UInt8(scalar.value - first))
            } else {
                bytes += Array(String(scalar).utf8)
            }
        }
        return bytes
    }

    public static func isASCII(_ text: String) -> Bool {
        text.utf8.withContiguousStorageIfAvailable { $0.allSatisfy { $0 < 0x80 } } ?? text.utf8.allSatisfy { $0 < 0x80 }
    }
}
