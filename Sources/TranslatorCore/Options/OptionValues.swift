/// The options of one volume, checked against their declarations, defaults filled in. Asking for a name or a kind that
/// was not declared is a mistake in the translator and traps.
public struct OptionValues: Sendable {
    /// Keyed by declared name; the text as written, or the default.
    private let texts: [String: String]
    private let declared: [String: OptionDeclaration]
    /// Names that the volfile set itself.
    public let given: Set<String>

    /// Checks `texts` against `declarations`. Throws one sentence that names the option, and the nearest name for an
    /// unknown one.
    public init(_ texts: [String: String], declarations: [OptionDeclaration]) throws(OptionError) {
        var byName: [String: OptionDeclaration] = [:]
        var canonical: [String: String] = [:]
        for declaration in declarations {
            byName[declaration.name] = declaration
            for name in [declaration.name] + declaration.aliases { canonical[name] = declaration.name }
        }
        var values: [String: String] = [:]
        for declaration in declarations {
            if let text = declaration.defaultText { values[declaration.name] = text }
        }
        var given: Set<String> = []
        for (name, text) in texts {
            guard let known = canonical[name] else { throw OptionError("unknown option \"\(name)\"") }
            try OptionText.check(text, byName[known]!)
            values[known] = text
            given.insert(known)
        }
        (self.texts, declared, self.given) = (values, byName, given)
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
}

/// Why an option's value cannot be used; the caller puts the place in front.
public struct OptionError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
