import Testing

/// STYLE §2: who may import whom. The build checks what `Package.swift` says; this checks that it says the right thing.
@Suite struct ImportTests {
    private static let language: Set<String> = ["Swift", "Glibc", "Synchronization", "CPosix"]
    private static let pure: Set<String> = [
        "ReplicaState", "RangeMapping", "WireProtocol", "FuseProtocol", "HealProtocol", "Checksums",
    ]
    private static let collections: Set<String> = ["OrderedCollections", "HeapModule", "DequeModule"]
    private static let thirdParty: Set<String> = [
        "ArgumentParser", "Logging", "ServiceLifecycle", "UnixSignals", "OrderedCollections",
    ]

    /// By folder of `Sources`, the longest that fits: what may be imported beside the language's own modules.
    private static let allowed: [(folder: String, modules: Set<String>)] = [
        ("TranslatorCore", []),
        ("Checksums", ["CChecksums", "TranslatorCore"]),
        ("ReplicaState", ["TranslatorCore"]),
        ("RangeMapping", ["TranslatorCore"]),
        ("WireProtocol", ["TranslatorCore"]),
        ("FuseProtocol", ["CFuse", "TranslatorCore"]),
        ("HealProtocol", ["Checksums", "TranslatorCore"]),
        ("Translators/mount/fuse", ["TranslatorCore", "FuseProtocol", "CFuse"]),
        (
            "Translators",
            pure.subtracting(["HealProtocol", "FuseProtocol"]).union(["TranslatorCore", "COpenSSL"]).union(collections)
        ),
        ("HealTransport", ["TranslatorCore", "HealProtocol", "CZeroMQ"]),
        ("HealEngine", pure.subtracting(["FuseProtocol"]).union(["TranslatorCore"]).union(collections)),
        ("GlusterVolume", ["TranslatorCore", "Translators"]),
        (
            "TranslatorTesting",
            pure.union(["TranslatorCore", "Translators", "HealEngine", "CAllocationCount", "CPayloadPath"])
        ),
        ("DaemonProcess", ["TranslatorCore", "ArgumentParser", "CLastWords", "Logging"]),
        (
            "volmount",
            pure.union(thirdParty).union([
                "TranslatorCore", "Translators", "GlusterVolume", "FuseMount", "HealTransport", "DaemonProcess",
                "CLastWords",
            ])
        ),
        (
            "healer",
            pure.union(thirdParty).union([
                "TranslatorCore", "Translators", "GlusterVolume", "HealEngine", "HealTransport", "DaemonProcess",
                "CLastWords",
            ])
        ),
        ("healctl", ["TranslatorCore", "HealProtocol", "HealTransport", "ArgumentParser"]),
    ]

    private static func imports(of file: Repository.File) -> [(index: Int, module: String)] {
        file.lines.enumerated().compactMap { index, line in
            guard line.has("import ") else { return nil }
            let words = line.split(separator: " ")
            guard let position = words.firstIndex(of: "import"), position <= 2, !line.hasPrefix(" "),
                !line.hasPrefix("//")
            else {
                return nil
            }
            return words.dropFirst(position + 1).last.map { (index, String($0.split(separator: ".")[0])) }
        }
    }

    @Test func `arrows point down only`() {
        let swift = Repository.sources.filter(\.isSwift)
        let bad = swift.flatMap { file -> [String] in
            guard let rule = Self.allowed.first(where: { file.path.hasPrefix("Sources/\($0.folder)/") }) else {
                return ["\(file.path): its target has no rule here"]
            }
            return Self.imports(of: file).filter {
                !Self.language.contains($0.module) && !rule.modules.contains($0.module)
            }
            .map { "\(file.place($0.index)) imports \($0.module)" }
        }
        #expect(bad == [])
    }

    @Test func `no translator knows another`() {
        let files = Repository.sources.filter { $0.path.hasPrefix("Sources/Translators/") && $0.isSwift }
        let classes = files.flatMap { file in
            file.lines.compactMap { line -> (name: String, folder: String)? in
                let words = line.split { !$0.isLetter && !$0.isNumber }
                guard line.hasPrefix("public final class "), words.count > 3, words[3].hasSuffix("Translator") else {
                    return nil
                }
                return (String(words[3]), file.folder)
            }
        }
        #expect(classes.count > 5)
        let bad = files.filter { $0.name != "InTreeTranslators.swift" }.flatMap { file in
            classes.filter { $0.folder != file.folder }.flatMap { other in
                file.places { line in
                    line.has(other.name) && line.comment == nil
                        && line.split { !$0.isLetter && !$0.isNumber }.contains { $0 == other.name }
                }
                .map { "\($0) names \(other.name)" }
            }
        }
        #expect(bad == [])
    }
}
