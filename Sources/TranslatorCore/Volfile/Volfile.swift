/// A parsed volfile: volumes in the order of the file, each one's subvolumes above it; the last is the top.
public struct Volfile: Sendable, Equatable {
    /// Who chose the options. A person may have mistyped one, and is told; glusterd, perhaps of a later release, writes
    /// some that a translator here does not know: those are left out with a notice.
    public enum Writer: Sendable {
        case person, glusterd
    }
    /// One `option NAME VALUE` line.
    public struct Option: Sendable, Equatable {
        public let name: String, text: String
        public let location: VolfileLocation
        public init(name: String, text: String, location: VolfileLocation) {
            (self.name, self.text, self.location) = (name, text, location)
        }
    }
    /// One `volume … end-volume`.
    public struct VolumeBlock: Sendable, Equatable {
        public let name: String
        public let type: TranslatorType
        public let options: [Option]
        public let subvolumes: [String]
        /// The line that opens it.
        public let location: VolfileLocation
        public let writer: Writer
        public init(
            name: String, type: TranslatorType, options: [Option], subvolumes: [String], location: VolfileLocation,
            writer: Writer = .person
        ) {
            (self.name, self.type, self.options) = (name, type, options)
            (self.subvolumes, self.location, self.writer) = (subvolumes, location, writer)
        }
    }
    /// For messages.
    public let file: String
    public let volumes: [VolumeBlock]
    /// Volumes that the top does not stand on: the graph leaves them out.
    public let unused: [VolumeBlock]

    /// Reads volfile text and checks how the volumes stand on each other. `file` is for messages. `top` names the
    /// volume to mount; by default the last one.
    public init(
        _ text: String, file: String, top: String? = nil, writer: Writer = .person
    ) throws(VolfileError) {
        var parser = VolfileParser(text, file: file, writer: writer)
        try self.init(try parser.volfile(), file: file, top: top)
    }

    /// The same checks, for volumes that were not read from text.
    public init(_ volumes: [VolumeBlock], file: String, top: String? = nil) throws(VolfileError) {
        let topology = try VolfileTopology(volumes, file: file, top: top)
        (self.file, self.volumes, unused) = (file, topology.used, topology.unused)
    }

    /// The volume that the mount sees.
    public var top: VolumeBlock { volumes[volumes.count - 1] }

    public subscript(name: String) -> VolumeBlock? { volumes.first { $0.name == name } }
}

extension Volfile: CustomStringConvertible {
    /// Volfile text again, secrets masked: for logs.
    public var description: String { text(showingSecrets: false) }

    /// Text that reads back as this volfile.
    public func text(showingSecrets: Bool) -> String {
        volumes.map { volume in
            var lines = ["volume \(volume.name)", "    type \(volume.type)"]
            for option in volume.options {
                let shown =
                    !showingSecrets && Secret.isSecret(option.name) ? Secret.mask : Self.quotedIfNeeded(option.text)
                lines.append("    option \(option.name) \(shown)")
            }
            if !volume.subvolumes.isEmpty { lines.append("    subvolumes \(volume.subvolumes.joined(separator: " "))") }
            return (lines + ["end-volume", ""]).joined(separator: "\n")
        }.joined(separator: "\n")
    }

    private static func quotedIfNeeded(_ text: String) -> String {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        let isPlain =
            !text.isEmpty && !text.contains("\"") && !text.contains { $0 != " " && $0.isWhitespace }
            && words.allSatisfy { !$0.isEmpty && !$0.hasPrefix("#") }
        if isPlain { return text }
        let escaped = text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined()
        return "\"\(escaped)\""
    }
}
