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
    public static func value(_ name: String, _ kind: OptionKind, default value: String?, _ help: String) -> OptionDeclaration {
        OptionDeclaration(name, kind, default: value, help)
    }

    public func reconfigurable() -> OptionDeclaration { changing { $0.isReconfigurable = true } }
    public func alias(_ names: String...) -> OptionDeclaration { changing { $0.aliases += names } }

    private func changing(_ change: (inout OptionDeclaration) -> Void) -> OptionDeclaration {
        var copy = self
        change(&copy)
        return copy
    }
}

/// What values an option takes. GlusterFS's types: any, str, int, sizet, percent, percent-or-sizet, bool, xlator, path,
/// time, double, internet-address, internet-address-list, priority-list, size-list, client-auth-addr.
public enum OptionKind: Sendable, Equatable {
    case any, text, flag, percent, sizeOrPercent, path, translator
    case integer(ClosedRange<Int>)
    case size(ClosedRange<Int>)
    case real(ClosedRange<Double>)
    case duration(ClosedRange<Duration>)
    case choice([String])
    case address, addressList, priorityList, sizeList, clientAuthAddress
}
