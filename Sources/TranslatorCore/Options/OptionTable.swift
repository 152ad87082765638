/// The options of a translator or a process, to be shown: help text, manual page and JSON from the same declarations
/// that check them.
public struct OptionTable: Sendable {
    /// What has them: a volfile type, or a program's name.
    public let title: String
    /// What it does, in one sentence; may be empty.
    public let summary: String
    public let declarations: [OptionDeclaration]

    public init(title: String, summary: String = "", _ declarations: [OptionDeclaration]) {
        (self.title, self.summary, self.declarations) = (title, summary, declarations)
    }

    public init(of translator: any Translator.Type) {
        self.init(title: translator.type, summary: translator.summary, translator.options)
    }

    /// What stands behind an option's help: what it takes, its default, other names, whether it changes live.
    private static func facts(_ option: OptionDeclaration) -> [String] {
        var facts = ["Takes \(option.kind.allowed)."]
        if option.isRequired {
            facts.append("Must be given.")
        } else if let text = option.defaultText {
            facts.append("Default: \(text.isEmpty ? "empty" : text).")
        }
        if !option.aliases.isEmpty { facts.append("Also called \(option.aliases.joined(separator: ", ")).") }
        if !option.formerNames.isEmpty { facts.append("Formerly \(option.formerNames.joined(separator: ", ")).") }
        if option.isReconfigurable { facts.append("Can change while mounted.") }
        if let effect = option.missingEffect { facts.append("Has no effect here: \(effect).") }
        if let instead = option.deprecation { facts.append("Deprecated: \(instead).") }
        return facts
    }

    private static func sentences(_ option: OptionDeclaration) -> String {
        ([option.help] + facts(option)).filter { !$0.isEmpty }.joined(separator: " ")
    }
}

// Plain text
extension OptionTable {
    /// For `--help`: each option on a line of its own, what it does indented below, lines at most `width` long.
    public func text(width: Int = 80) -> String {
        var lines = summary.isEmpty ? [title] : ["\(title): \(summary)"]
        for option in declarations {
            lines += ["", "  \(option.name)"] + Self.wrapped(Self.sentences(option), indent: 6, width: width)
        }
        return lines.map { $0 + "\n" }.joined()
    }

    static func wrapped(_ text: String, indent: Int, width: Int) -> [String] {
        let margin = String(repeating: " ", count: indent)
        var lines: [String] = [], line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, indent + line.count + 1 + word.count > width {
                lines.append(margin + line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return line.isEmpty ? lines : lines + [margin + line]
    }
}

// Manual pages: man(7)
extension OptionTable {
    /// A section of a page: `.SH`, the summary, and a tagged paragraph for each option.
    public func roff() -> String { ".SH \(Roff.quoted(title.uppercased()))\n" + body }
    /// The same as part of a section.
    public func subsection() -> String { ".SS \(Roff.quoted(Roff.escaped(title)))\n" + body }

    private var body: String {
        (summary.isEmpty ? "" : Roff.escaped(summary) + "\n")
            + (declarations.isEmpty ? "It has no options.\n" : items())
    }

    /// A tagged paragraph for each option: name and type, and below them what it does and takes.
    public func items() -> String {
        declarations.map { option in
            let head = ".BR \(Roff.quoted(Roff.escaped(option.name))) \" (\(Roff.escaped(option.kind.name)))\""
            return [".TP", head, Roff.escaped(Self.sentences(option))].map { $0 + "\n" }.joined()
        }.joined()
    }

    /// A whole page about several tables, such as xlator-options(7).
    public static func page(
        name: String, section: Int, purpose: String, _ tables: [OptionTable], footer: String = ""
    ) -> String {
        let head = [
            ".TH \(Roff.quoted(name.uppercased())) \(section) \"\" \(Roff.quoted(footer))",
            ".SH NAME", "\(Roff.escaped(name)) \\- \(Roff.escaped(purpose))",
        ]
        return head.map { $0 + "\n" }.joined() + tables.map { $0.roff() }.joined()
    }
}

/// man(7) needs care with backslashes, hyphens, and dots and apostrophes that begin a line.
enum Roff {
    static func escaped(_ text: String) -> String {
        let characters = text.map { character -> String in
            switch character {
            case "\\": "\\e"
            case "-": "\\-"
            default: String(character)
            }
        }.joined()
        return characters.hasPrefix(".") || characters.hasPrefix("'") ? "\\&" + characters : characters
    }
    static func quoted(_ text: String) -> String { "\"" + text.replacing("\"", with: "\\(dq") + "\"" }
}

// JSON
extension OptionTable {
    /// For completions and other programs; `.json` of it is the text.
    public var value: StateDump.Value {
        .table([
            ("title", .text(title)), ("summary", .text(summary)), ("options", .list(declarations.map(Self.value))),
        ])
    }

    private static func value(_ option: OptionDeclaration) -> StateDump.Value {
        var entries: [(String, StateDump.Value)] = [
            ("name", .text(option.name)), ("type", .text(option.kind.name)), ("allowed", .text(option.kind.allowed)),
            ("help", .text(option.help)), ("reconfigurable", .flag(option.isReconfigurable)),
            ("required", .flag(option.isRequired)),
        ]
        if let text = option.defaultText { entries.append(("default", .text(text))) }
        if case .choice(let values) = option.kind { entries.append(("values", .list(values.map { .text($0) }))) }
        if !option.aliases.isEmpty { entries.append(("aliases", .list(option.aliases.map { .text($0) }))) }
        if !option.formerNames.isEmpty { entries.append(("former-names", .list(option.formerNames.map { .text($0) }))) }
        if let instead = option.deprecation { entries.append(("deprecated", .text(instead))) }
        return .table(entries)
    }
}
