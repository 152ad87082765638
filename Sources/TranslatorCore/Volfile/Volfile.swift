/// A parsed volfile: volumes in the order of the file, each one's subvolumes above it; the last is the top.
public struct Volfile: Sendable {
    public struct Option: Sendable, Equatable {
        public let name: String, text: String
        public let location: VolfileLocation
    }
    public struct VolumeBlock: Sendable {
        public let name: String
        public let type: TranslatorType
        public let options: [Option]
        public let subvolumes: [String]
        public let location: VolfileLocation
    }
    public let file: String
    public let volumes: [VolumeBlock]

    /// Reads volfile text. `file` is for messages.
    public init(_ text: String, file: String) throws(VolfileError) {
        var volumes: [VolumeBlock] = []
        var name: String?, type: String?, options: [Option] = [], subvolumes: [String] = []
        var opened = VolfileLocation(file: file, line: 0)
        for (number, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let here = VolfileLocation(file: file, line: number + 1)
            let line = raw.prefix { $0 != "#" }
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            guard let keyword = words.first else { continue }
            switch keyword {
            case "volume":
                guard name == nil else { throw VolfileError(here, "volume \"\(name!)\" is still open; end-volume is missing") }
                guard words.count == 2 else { throw VolfileError(here, "volume needs one name") }
                (name, type, options, subvolumes, opened) = (words[1], nil, [], [], here)
            case "type" where name != nil && words.count == 2: type = words[1]
            case "option" where name != nil && words.count >= 2:
                options.append(Option(name: words[1], text: words.dropFirst(2).joined(separator: " "), location: here))
            case "subvolumes" where name != nil: subvolumes += words.dropFirst()
            case "end-volume":
                guard let open = name else { throw VolfileError(here, "end-volume without volume") }
                guard let type else { throw VolfileError(opened, "volume \"\(open)\" has no type") }
                volumes.append(VolumeBlock(name: open, type: type, options: options, subvolumes: subvolumes, location: opened))
                name = nil
            default: throw VolfileError(here, "\"\(keyword)\" cannot stand here")
            }
        }
        if let name { throw VolfileError(opened, "volume \"\(name)\" is not closed by end-volume") }
        guard !volumes.isEmpty else { throw VolfileError(VolfileLocation(file: file, line: 0), "no volume in it") }
        (self.file, self.volumes) = (file, volumes)
    }
}
