import TranslatorCore
import Translators

extension Graph {
    /// The graph of a volfile written in a test. `extra` translators join (or replace) those of the tree.
    public static func fromText(
        _ text: String, file: String = "test.vol", extra: [any Translator.Type] = [],
        environment: GraphEnvironment = GraphEnvironment(log: .silent)
    ) throws(VolfileError) -> Graph {
        let fakes: [any Translator.Type] = [
            CuttableLink.self, FaultyTranslator.self, InertStorage.self, MemoryStorage.self, RecordingTranslator.self,
            ReplicaSetStub.self,
        ]
        let registry = TranslatorRegistry(InTreeTranslators.all + fakes + extra)
        return try Graph(Volfile(text, file: file), registry: registry, environment: environment)
    }
}
