import CPosix
import Glibc

/// Small files and directories of this machine that are read whole: volfiles, `/proc`, what processes leave for each
/// other. Never a volume's.
public enum LocalFile {
    private static let blockBytes = 16_384

    /// All of its bytes, also where its size is not known before, as in `/proc`. Throws what open(2) or read(2) say.
    public static func bytes(of path: String) throws(FopError) -> [UInt8] {
        let descriptor = cposix_open(path, O_RDONLY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw .last }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: blockBytes)
        while true {
            let count = read(descriptor, &block, block.count)
            if count == 0 { return bytes }
            if count > 0 { bytes += block[..<count] } else if errno != EINTR { throw .last }
        }
    }

    /// The names in a directory but "." and "..", in the file system's order. Throws what opendir(3) says.
    public static func names(in path: String) throws(FopError) -> [String] {
        guard let directory = opendir(path) else { throw .last }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
