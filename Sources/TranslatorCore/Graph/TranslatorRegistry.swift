/// The translator types that a process can load.
public struct TranslatorRegistry: Sendable {
    private var types: [TranslatorType: any Translator.Type] = [:]

    public init(_ translators: [any Translator.Type]) {
        for translator in translators {
            for type in [translator.type] + translator.aliases { types[type] = translator }
        }
    }

    public subscript(type: TranslatorType) -> (any Translator.Type)? { types[type] }
    public var all: [any Translator.Type] { Set(types.values.map { $0.type }).sorted().compactMap { types[$0] } }

    /// Every type that a volfile may have, aliases too, in order.
    public var names: [TranslatorType] { types.keys.sorted() }
}
