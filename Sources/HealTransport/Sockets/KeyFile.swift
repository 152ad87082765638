import CPosix
import Glibc
import TranslatorCore

/// CURVE keys in files, so that no command line and no volfile shows one. A line is a key, 40 characters of Z85; one
/// that begins with `#` is a comment: no key does, because 84 · 85⁴ is more than four bytes hold.
public enum KeyFile {
    /// The one key of a file that only its owner can read.
    public static func secretKey(in path: String) throws(TransportError) -> CurveKey {
        let keys = try publicKeys(in: path)
        guard keys.count == 1 else {
            throw TransportError(.badEndpoint, "\(path) holds \(keys.count) keys, where one secret key is expected")
        }
        var status = stat()
        guard stat(path, &status) == 0 else { throw .system("look at", path) }
        guard status.st_mode & 0o077 == 0 else {
            throw TransportError(.notAllowed, "the secret key in \(path) is open to others: chmod 600 \(path)")
        }
        return keys[0]
    }

    /// Keys that may be shown.
    public static func publicKeys(in path: String) throws(TransportError) -> [CurveKey] {
        var keys: [CurveKey] = []
        for (number, words) in try lines(of: path) {
            guard words.count == 1, let key = try? CurveKey(z85: words[0]) else {
                // What stands there may be secret.
                throw TransportError(
                    .badEndpoint, "\(path):\(number): not a CURVE key: 40 characters of Z85 are expected")
            }
            keys.append(key)
        }
        return keys
    }

    /// Makes a pair: the secret key in `path`, for its owner alone, and the public one in `path.pub`. Returns the
    /// public one. Neither may exist: a key that is in use is not lost by a slip.
    public static func makePair(_ path: String) throws(TransportError) -> CurveKey {
        let pair = CurveKey.makePair()
        try write(pair.secretKey, to: path, mode: 0o600)
        do throws(TransportError) { try write(pair.publicKey, to: "\(path).pub", mode: 0o644) } catch {
            unlink(path)
            throw error
        }
        return pair.publicKey
    }

    private static func write(_ key: CurveKey, to path: String, mode: mode_t) throws(TransportError) {
        let descriptor = cposix_open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw .system("make", path) }
        defer { close(descriptor) }
        let line = Array("\(key.z85)\n".utf8)
        guard Glibc.write(descriptor, line, line.count) == line.count else { throw .system("write", path) }
    }

    /// Lines that say something, with their numbers, as words.
    static func lines(of path: String) throws(TransportError) -> [(number: Int, words: [String])] {
        let bytes: [UInt8]
        do throws(FopError) { bytes = try LocalFile.bytes(of: path) } catch {
            throw TransportError(.system, "cannot read \(path): \(error)")
        }
        var lines: [(number: Int, words: [String])] = []
        let texts = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        for (position, text) in texts.enumerated() where !text.hasPrefix("#") {
            let words = text.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" }).map(String.init)
            if !words.isEmpty { lines.append((position + 1, words)) }
        }
        return lines
    }
}
