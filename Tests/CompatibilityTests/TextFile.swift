import CPosix
import Glibc
import TranslatorCore

/// Small files as text, those in /proc too, which have no size.
enum TextFile {
    static func read(_ path: String) throws(FopError) -> String { String(decoding: try bytes(path), as: UTF8.self) }

    static func bytes(_ path: String) throws(FopError) -> [UInt8] {
        let number = cposix_open(path, O_RDONLY, 0)
        guard number >= 0 else { throw .last }
        defer { close(number) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = Glibc.read(number, &buffer, buffer.count)
            guard count >= 0 else { throw .last }
            guard count > 0 else { return bytes }
            bytes += buffer[..<count]
        }
    }

    static func write(_ text: String, to path: String) throws(FopError) {
        let number = cposix_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard number >= 0 else { throw .last }
        defer { close(number) }
        guard Glibc.write(number, text, text.utf8.count) == text.utf8.count else { throw .last }
    }
}
