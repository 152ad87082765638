import Foundation
import TranslatorCore

/// Bytes captured from the genuine brick, as they stand in `Vectors/`.
enum Vectors {
    static func decode<Value: Decodable>(_ name: String, as: Value.Type = Value.self) throws -> Value {
        let file = Bundle.module.bundleURL.appendingPathComponent("Vectors/\(name)")
        return try JSONDecoder().decode(Value.self, from: Data(contentsOf: file))
    }

    static func bytes(hex: String) -> [UInt8] {
        let digits = Array(hex.utf8).map { UInt8(Character(UnicodeScalar($0)).hexDigitValue!) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
