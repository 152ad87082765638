/// Reads the volfile language, one method per rule. Keywords are not case-sensitive, as in GlusterFS.
/// Source: GlusterFS `graph.l`, `graph.y`; its backquotes, which run commands, are refused.
struct VolfileParser {
    /// More than any volume has; a file that goes past it is something else.
    static let volumesMax = 4096

    private var lexer: VolfileLexer
    private let file: String
    private let writer: Volfile.Writer

    init(_ text: String, file: String, writer: Volfile.Writer = .person) {
        (lexer, self.file, self.writer) = (VolfileLexer(text, file: file), file, writer)
    }

    /// `volfile = { volume }`, at least one.
    mutating func volfile() throws(VolfileError) -> [Volfile.VolumeBlock] {
        var volumes: [Volfile.VolumeBlock] = []
        while !lexer.isAtEnd {
            guard let keyword = lexer.word() else {
                try lexer.endOfLine(after: "a blank line")
                continue
            }
            let volume = try volume(keyword)
            volumes.append(volume)
            guard volumes.count <= Self.volumesMax else {
                throw VolfileError(volume.location, "more than \(Self.volumesMax) volumes")
            }
        }
        guard !volumes.isEmpty else { throw VolfileError(VolfileLocation(file: file, line: 0), "no volume in it") }
        return volumes
    }

    /// `volume = "volume" NAME  { type | option | subvolumes }  "end-volume"`, each on a line of its own.
    private mutating func volume(_ keyword: String) throws(VolfileError) -> Volfile.VolumeBlock {
        let start = lexer.location
        guard keyword.lowercased() == "volume" else { throw outside(keyword) }
        guard let name = lexer.word() else { throw VolfileError(start, "volume needs a name") }
        try lexer.endOfLine(after: "the volume's name")
        var draft = VolumeDraft(name: name, location: start)
        while !lexer.isAtEnd {
            let here = lexer.location
            guard let keyword = lexer.word() else {
                try lexer.endOfLine(after: "a blank line")
                continue
            }
            switch keyword.lowercased() {
            case "type": try type(&draft)
            case "option": try option(&draft)
            case "subvolumes": try subvolumes(&draft)
            case "end-volume":
                try lexer.endOfLine(after: "end-volume")
                return try draft.finished(writer)
            case "volume": throw draft.error(here, "is still open here: its end-volume is missing")
            default:
                throw draft.error(here, "\"\(keyword)\" cannot stand here" + NearestName.hint(Self.inside, to: keyword))
            }
        }
        throw draft.error(start, "is not closed: its end-volume is missing")
    }

    /// `type = "type" CATEGORY/NAME`
    private mutating func type(_ draft: inout VolumeDraft) throws(VolfileError) {
        let here = lexer.location
        guard let type = lexer.word() else { throw draft.error(here, "type needs a value such as storage/posix") }
        if let earlier = draft.type { throw draft.error(here, "type was already given: \(earlier)") }
        draft.type = type
        try lexer.endOfLine(after: "the type")
    }

    /// `option = "option" NAME VALUE`; the value is the rest of the line, or in quotes.
    private mutating func option(_ draft: inout VolumeDraft) throws(VolfileError) {
        let here = lexer.location
        guard let name = lexer.word() else { throw draft.error(here, "option needs a name and a value") }
        let text = try lexer.value()
        if text.contains("`") {
            throw draft.error(here, "option \"\(name)\": commands in backquotes are not run; write the value itself")
        }
        if let earlier = draft.options.first(where: { $0.name == name }) {
            throw draft.error(here, "option \"\(name)\" was already given in line \(earlier.location.line)")
        }
        draft.options.append(Volfile.Option(name: name, text: text, location: here))
        try lexer.endOfLine(after: "the value")
    }

    /// `subvolumes = "subvolumes" NAME { NAME }`
    private mutating func subvolumes(_ draft: inout VolumeDraft) throws(VolfileError) {
        let here = lexer.location
        let before = draft.subvolumes.count
        while let name = lexer.word() {
            guard !draft.subvolumes.contains(name) else {
                throw draft.error(here, "subvolume \"\(name)\" is listed twice")
            }
            draft.subvolumes.append(name)
        }
        guard draft.subvolumes.count > before else { throw draft.error(here, "subvolumes needs at least one name") }
        try lexer.endOfLine(after: "the subvolumes")
    }

    private static let inside = ["type", "option", "subvolumes", "end-volume"]

    private func outside(_ keyword: String) -> VolfileError {
        if keyword.lowercased() == "end-volume" {
            return VolfileError(lexer.location, "end-volume without a volume before it")
        }
        let place = Self.inside.contains(keyword.lowercased()) ? "outside of a volume" : "here"
        return VolfileError(
            lexer.location, "\"\(keyword)\" cannot stand \(place): a volume begins with \"volume NAME\"")
    }
}

/// A volume whose end was not read yet.
private struct VolumeDraft {
    let name: String
    let location: VolfileLocation
    var type: TranslatorType?
    var options: [Volfile.Option] = []
    var subvolumes: [String] = []

    init(name: String, location: VolfileLocation) { (self.name, self.location) = (name, location) }

    func error(_ location: VolfileLocation, _ message: String) -> VolfileError {
        VolfileError(location, "volume \"\(name)\": \(message)")
    }

    func finished(_ writer: Volfile.Writer) throws(VolfileError) -> Volfile.VolumeBlock {
        guard let type else { throw error(location, "has no type") }
        return Volfile.VolumeBlock(
            name: name, type: type, options: options, subvolumes: subvolumes, location: location, writer: writer)
    }
}
