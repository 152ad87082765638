import CPosix
import Glibc

/// The files of this repository, as the tidy tests read them.
enum Repository {
    struct File: Sendable {
        /// From the repository's root.
        let path: String
        let lines: [String]

        var name: String { String(path.split(separator: "/").last ?? "") }
        var folder: String { path.split(separator: "/").dropLast().joined(separator: "/") }
        var isSwift: Bool { path.hasSuffix(".swift") }
        var text: String { lines.joined(separator: "\n") }

        /// `Sources/X/Y.swift:12`, where every complaint points.
        func place(_ index: Int) -> String { "\(path):\(index + 1)" }
        /// Places of the lines that `isBad`.
        func places(where isBad: (String) -> Bool) -> [String] {
            lines.indices.filter { isBad(lines[$0]) }.map(place)
        }
    }

    /// The folder that holds `Package.swift`, found from where this file was compiled.
    static let root: String = {
        var parts = #filePath.split(separator: "/")
        while !parts.isEmpty {
            let folder = "/" + parts.joined(separator: "/")
            if access(folder + "/Package.swift", R_OK) == 0 { return folder }
            parts.removeLast()
        }
        return ""
    }()

    static let sources = files(in: "Sources", [".swift", ".c", ".h"])
    static let tests = files(in: "Tests", [".swift", ".c", ".h"])
    static let volfiles = files(in: "volfiles", [".vol"])
    static let prose = files(in: "docs", [".md"]) + files(in: "scripts", [""]) + volfiles

    /// Below `folder`, names ending in one of `endings`, hidden folders left out, in order.
    static func files(in folder: String, _ endings: [String]) -> [File] {
        names(root + "/" + folder).flatMap { name -> [File] in
            let path = folder + "/" + name
            var status = Glibc.stat()
            guard lstat(root + "/" + path, &status) == 0 else { return [] }
            if status.st_mode & S_IFMT == S_IFDIR { return files(in: path, endings) }
            return endings.contains { name.hasSuffix($0) } ? [read(path)] : []
        }
    }

    /// Folders directly below `folder`.
    static func isFolder(_ path: String) -> Bool {
        var status = Glibc.stat()
        return stat(root + "/" + path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func names(_ path: String) -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    private static func read(_ path: String) -> File {
        guard let stream = fopen(root + "/" + path, "r") else { return File(path: path, lines: []) }
        defer { fclose(stream) }
        var bytes: [UInt8] = [], chunk = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&chunk, 1, chunk.count, stream), count > 0 { bytes += chunk.prefix(count) }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        return File(path: path, lines: lines.map { String(decoding: $0, as: UTF8.self) })
    }
}

extension String {
    /// Byte by byte: the library's own search takes seconds for this repository in a debug build.
    func has(_ part: String) -> Bool { strstr(self, part) != nil }

    /// From "//" on, if the line has a comment.
    var comment: Substring? {
        guard has("//"), let start = ranges(of: "//").first else { return nil }
        return self[start.lowerBound...]
    }
}

extension Substring {
    func has(_ part: String) -> Bool { String(self).has(part) }
}
