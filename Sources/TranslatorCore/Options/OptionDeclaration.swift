/// One option of a translator or of a process: the one source for checking, help, man pages and completions.
/// Source: GlusterFS `options.h`, `volume_option_t`.
public struct OptionDeclaration: Sendable {
    public let name: String
    /// Other names under which volfiles have it.
    public var aliases: [String] = []
    public let kind: OptionKind
    /// As a volfile would write it; nil: no value unless given.
    public let defaultText: String?
    public let help: String
    /// Takes effect without a restart (`Translator.reconfigure`).
    public var isReconfigurable = false
    /// Former names: they still work, and warn once with the new name.
    public var formerNames: [String] = []
    /// Not to be used any more; the text says what to do instead. It still works, and warns once.
    public var deprecation: String?
    /// Accepted, and without effect: what happens instead. Said once where a value other than the default is given.
    public var missingEffect: String?
    /// A volfile must give it.
    public var isRequired = false
    /// Its value is masked wherever options are shown.
    public var isSecret = false

    public init(_ name: String, _ kind: OptionKind, default defaultText: String?, _ help: String) {
        (self.name, self.kind, self.defaultText, self.help) = (name, kind, defaultText, help)
    }

    public static func flag(_ name: String, default value: Bool, _ help: String) -> OptionDeclaration {
        OptionDeclaration(name, .flag, default: value ? "on" : "off", help)
    }
    public static func integer(
        _ name: String, default value: Int?, in range: ClosedRange<Int> = Int.min...Int.max, _ help: String
    ) -> OptionDeclaration {
        OptionDeclaration(name, .integer(range), default: value.map(String.init), help)
    }
    public static func real(
        _ name: String, default value: String?, in range: ClosedRange<Double>, _ help: String
    ) -> OptionDeclaration {
        OptionDeclaration(name, .real(range), default: value, help)
    }
    /// Bytes: `128KB`, `1MB`, `4096` (KB, MB, GB, TB, PB are powers of 1,024, as in GlusterFS).
    public static func size(
        _ name: String, default value: String?, in range: ClosedRange<Int> = 0...Int.max, _ help: String
    ) -> OptionDeclaration {
        OptionDeclaration(name, .size(range), default: value, help)
    }
    public static func percent(_ name: String, default value: String?, _ help: String) -> OptionDeclaration {
        OptionDeclaration(name, .percent, default: value, help)
    }
    public static func sizeOrPercent(_ name: String, default value: String?, _ help: String) -> OptionDeclaration {
        OptionDeclaration(name, .sizeOrPercent, default: value, help)
    }
    /// Time: `600` (seconds), `10m`, `50ms`, `2h`, `1d`.
    public static func duration(
        _ name: String, default value: String?, in range: ClosedRange<Duration> = .zero ... .seconds(1 << 40),
        _ help: String
    ) -> OptionDeclaration {
        OptionDeclaration(name, .duration(range), default: value, help)
    }
    public static func text(_ name: String, default value: String?, _ help: String) -> OptionDeclaration {
        OptionDeclaration(name, .text, default: value, help)
    }
    public static func choice(
        _ name: String, default value: String?, of allowed: [String], _ help: String
    ) -> OptionDeclaration {
        OptionDeclaration(name, .choice(allowed), default: value, help)
    }
    /// An absolute path.
    public static func path(_ name: String, default value: String?, _ help: String) -> OptionDeclaration {
        OptionDeclaration(name, .path, default: value, help)
    }
    /// The name of a volume of the graph.
    public static func translator(_ name: String, default value: String?, _ help: String) -> OptionDeclaration {
        OptionDeclaration(name, .translator, default: value, help)
    }
    /// Any of the kinds without a factory of their own.
    public static func value(_ name: String, _ kind: OptionKind, default value: String?, _ help: String)
        -> OptionDeclaration
    {
        OptionDeclaration(name, kind, default: value, help)
    }

    public func reconfigurable() -> OptionDeclaration { changing { $0.isReconfigurable = true } }
    public func alias(_ names: String...) -> OptionDeclaration { changing { $0.aliases += names } }

    /// The option was called so; see `formerNames`.
    public func formerly(_ names: String...) -> OptionDeclaration { changing { $0.formerNames += names } }
    /// See `deprecation`: `.deprecated("replicas are found by name now; leave it out")`.
    public func deprecated(_ instead: String) -> OptionDeclaration { changing { $0.deprecation = instead } }
    /// See `missingEffect`: `.without("replicas are chosen by reading policy, not by latency")`.
    public func without(_ effect: String) -> OptionDeclaration { changing { $0.missingEffect = effect } }
    public func required() -> OptionDeclaration { changing { $0.isRequired = true } }
    public func secret() -> OptionDeclaration { changing { $0.isSecret = true } }

    /// Every name under which a volfile may have it.
    public var names: [String] { [name] + aliases + formerNames }

    /// Whether `text` says what holds without it. Flags have several words for the same.
    func isDefault(_ text: String) -> Bool {
        guard kind == .flag, let defaultText else { return text == defaultText }
        return OptionText.flag(text) == OptionText.flag(defaultText)
    }

    private func changing(_ change: (inout OptionDeclaration) -> Void) -> OptionDeclaration {
        var copy = self
        change(&copy)
        return copy
    }
}
