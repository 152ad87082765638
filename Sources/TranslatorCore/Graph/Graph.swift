/// Translators linked as a volfile says, from the bricks to the top.
public final class Graph: Sendable {
    public let environment: GraphEnvironment
    /// In the order of the volfile: subvolumes before those above them.
    public let translators: [any Translator]
    public var top: any Translator { translators[translators.count - 1] }

    /// Builds, links and checks; no I/O. The first error is thrown.
    public init(_ volfile: Volfile, registry: TranslatorRegistry, environment: GraphEnvironment) throws(VolfileError) {
        var made: [any Translator] = []
        for block in volfile.volumes {
            guard let type = registry[block.type] else {
                throw VolfileError(block.location, "volume \"\(block.name)\": unknown type \"\(block.type)\"")
            }
            var subvolumes: [any Translator] = []
            for name in block.subvolumes {
                guard let found = made.first(where: { $0.name == name }) else {
                    throw VolfileError(block.location, "volume \"\(block.name)\": no volume \"\(name)\" above")
                }
                subvolumes.append(found)
            }
            guard type.needs.isMet(by: subvolumes.count) else {
                throw VolfileError(
                    block.location,
                    "volume \"\(block.name)\": \(block.type) needs \(type.needs) subvolumes, has \(subvolumes.count)")
            }
            var texts: [String: String] = [:]
            for option in block.options { texts[option.name] = option.text }
            let values: OptionValues
            do throws(OptionError) {
                values = try OptionValues(texts, declarations: type.options)
            } catch {
                throw VolfileError(block.location, "volume \"\(block.name)\": \(error)")
            }
            let volume = Volume(
                name: block.name, type: block.type, options: values, subvolumes: subvolumes, slot: made.count,
                environment: environment, location: block.location)
            let translator = try type.init(volume)
            subvolumes.forEach { $0.volume.addParent(translator) }
            made.append(translator)
        }
        (self.environment, translators) = (environment, made)
    }

    /// Starts subvolumes first; what was started is stopped again when one fails.
    public func start() async throws(VolfileError) {
        for (position, translator) in translators.enumerated() {
            do throws(VolfileError) {
                try await translator.start()
            } catch {
                for started in translators[..<position].reversed() { await started.stop() }
                throw error
            }
        }
    }

    public func stop() async { for translator in translators.reversed() { await translator.stop() } }

    public subscript(name: String) -> (any Translator)? { translators.first { $0.name == name } }
}
