import TranslatorCore

/// Every translator of this tree, one a line in the order of their types: what a process can load without plug-ins.
public enum InTreeTranslators {
    public static let all: [any Translator.Type] = [
        DistributeTranslator.self,
        ReplicateTranslator.self,
        DelayGenTranslator.self,
        ErrorGenTranslator.self,
        IoStatsTranslator.self,
        TraceTranslator.self,
        Rot13Translator.self,
        BypassTranslator.self,
        IndexTranslator.self,
        LocksTranslator.self,
        UtimeTranslator.self,
        DirectTranslator.self,
        WriteBehindTranslator.self,
        ClientTranslator.self,
        PosixTranslator.self,
    ]
    public static let registry = TranslatorRegistry(all)
}
