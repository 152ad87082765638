/// The options of one volume, checked against their declarations, defaults filled in. Asking for a name or a kind that
/// was not declared is a mistake in the translator and traps.
public struct OptionValues: Sendable {
    /// Keyed by declared name; the text as written, or the default.
    private let texts: [String: String]
    private let declared: [String: OptionDeclaration]
    /// Declared names of those that the volfile set itself.
    public let given: Set<String>
    /// One sentence for each deprecated name or option that was used.
    public let deprecations: [String]
    /// One sentence for each option that was given and has no effect here.
    public let notices: [String]

    /// Checks `texts` against `declarations`. Throws one sentence that names the option, and the nearest name for an
    /// unknown one. `skipsUnknown`: unknown ones are left out with a notice instead.
    public init(
        _ texts: [String: String], declarations: [OptionDeclaration], skipsUnknown: Bool = false
    ) throws(OptionError) {
        var declared: [String: OptionDeclaration] = [:]
        var byAnyName: [String: OptionDeclaration] = [:]
        var values: [String: String] = [:]
        for declaration in declarations {
            declared[declaration.name] = declaration
            values[declaration.name] = declaration.defaultText
            for name in declaration.names { byAnyName[name] = declaration }
        }
        var givenAs: [String: String] = [:]
        var deprecations: [String] = [], notices: [String] = []
        for (name, text) in texts.sorted(by: { $0.key < $1.key }) {
            guard let option = byAnyName[name] else {
                guard skipsUnknown else { throw .unknown(name, among: declarations) }
                notices.append("option \"\(name)\" is not known here and left out")
                continue
            }
            if let other = givenAs.updateValue(name, forKey: option.name) {
                throw OptionError("options \"\(other)\" and \"\(name)\" are the same one: give it once", option: name)
            }
            try OptionText.check(text, option)
            values[option.name] = text
            if option.formerNames.contains(name) {
                deprecations.append("option \"\(name)\" is called \"\(option.name)\" now")
            }
            if let effect = option.missingEffect, !option.isDefault(text) {
                notices.append("option \"\(name)\" has no effect here: \(effect)")
            }
            if let instead = option.deprecation { deprecations.append("option \"\(name)\" is deprecated: \(instead)") }
        }
        if let missing = declarations.first(where: { $0.isRequired && values[$0.name] == nil }) {
            throw OptionError("needs option \"\(missing.name)\", \(missing.kind.allowed): \(missing.help)")
        }
        (self.texts, self.declared, self.deprecations, self.notices) = (values, declared, deprecations, notices)
        given = Set(givenAs.keys)
    }

    public func isSet(_ name: String) -> Bool { text(ifSet: name) != nil }

    public func text(ifSet name: String) -> String? {
        precondition(declared[name] != nil, "option \(name) is not declared")
        return texts[name]
    }
    public func text(_ name: String) -> String { text(ifSet: name)! }
    public func flag(_ name: String) -> Bool { OptionText.flag(text(name))! }
    public func integer(_ name: String) -> Int { OptionText.integer(text(name))! }
    public func real(_ name: String) -> Double { Double(text(name))! }
    /// Bytes.
    public func size(_ name: String) -> Int { OptionText.size(text(name))! }
    public func duration(_ name: String) -> Duration { OptionText.duration(text(name))! }
    /// 0…100.
    public func percent(_ name: String) -> Double { OptionText.percent(text(name))! }
    public func sizeOrPercent(_ name: String) -> SizeOrPercent { OptionText.sizeOrPercent(text(name))! }
    /// The parts of a comma-separated text; none when it is not set.
    public func list(_ name: String) -> [String] { text(ifSet: name).map(OptionText.list) ?? [] }
    /// In bytes, in the order given.
    public func sizeList(_ name: String) -> [Int] { OptionText.sizeList(text(name))! }
    public func priorityList(_ name: String) -> [(name: String, priority: Int)] { OptionText.priorityList(text(name))! }

    /// Declared names whose values differ, compared as text.
    public func changes(to other: OptionValues) -> [String] {
        declared.keys.filter { texts[$0] != other.texts[$0] }.sorted()
    }

    /// Values by name for people: secrets masked, unset ones left out.
    public var shown: [(name: String, text: String)] {
        texts.sorted { $0.key < $1.key }.map { ($0.key, declared[$0.key]!.isSecret ? Secret.mask : $0.value) }
    }

    func declaration(_ name: String) -> OptionDeclaration? { declared[name] }
    /// Names of volumes in options of that kind, with the option that names them.
    var namedTranslators: [(option: String, volume: String)] {
        declared.values.filter { $0.kind == .translator }.sorted { $0.name < $1.name }.compactMap { option in
            texts[option.name].map { (option.name, $0) }
        }
    }
}

/// Why an option's value cannot be used; the caller puts the place in front.
public struct OptionError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
    /// The option to blame, as it was written.
    public let option: String?
    public init(_ description: String, option: String? = nil) {
        (self.description, self.option) = (description, option)
    }

    static func unknown(_ name: String, among declarations: [OptionDeclaration]) -> OptionError {
        let known = declarations.flatMap(\.names)
        var hint = NearestName.hint(known, to: name)
        if hint.isEmpty {
            hint =
                known.isEmpty
                ? ": there are none here" : "; known are " + declarations.map(\.name).joined(separator: ", ")
        }
        return OptionError("unknown option \"\(name)\"\(hint)", option: name)
    }
}

/// What stands where a secret would.
enum Secret {
    static let mask = "***"
    /// Options that hold secrets in GlusterFS's own volfiles, where no declaration tells.
    static func isSecret(_ name: String) -> Bool {
        ["password", "passwd", "secret"].contains { name.lowercased().contains($0) }
    }
}
