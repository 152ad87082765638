/// A graph on paper: volumes with their types found and their options as text, before any translator exists. What
/// refinements complete.
public struct GraphPlan {
    /// One volume of the plan.
    public struct PlannedVolume {
        public let name: String
        public let type: TranslatorType
        let translator: any Translator.Type
        /// Positions in `volumes`, all smaller than its own.
        public let subvolumes: [Int]
        public fileprivate(set) var options: [Volfile.Option]
        public let location: VolfileLocation
        let writer: Volfile.Writer

        /// The value under `name` or another name of the same option; the declared default; nil when there is neither.
        public func text(of name: String) -> String? {
            guard let declaration = declaration(of: name) else { return nil }
            return options.first { declaration.names.contains($0.name) }?.text ?? declaration.defaultText
        }
        /// Whether the volfile, or an earlier refinement, set it.
        public func isSet(_ name: String) -> Bool {
            let names = declaration(of: name)?.names ?? [name]
            return options.contains { names.contains($0.name) }
        }
        func declaration(of name: String) -> OptionDeclaration? {
            translator.options.first { $0.names.contains(name) }
        }
        func error(_ message: String, at line: VolfileLocation? = nil) -> VolfileError {
            VolfileError(line ?? location, "volume \"\(name)\": \(message)")
        }
    }
    /// In the order of the volfile: subvolumes before those above them.
    public private(set) var volumes: [PlannedVolume] = []

    /// Finds the type of each volume and checks how many subvolumes it has.
    init(_ volfile: Volfile, registry: TranslatorRegistry) throws(VolfileError) {
        var positions: [String: Int] = [:]
        for block in volfile.volumes {
            guard let type = registry[block.type] else {
                throw VolfileError(
                    block.location,
                    "volume \"\(block.name)\": unknown type \"\(block.type)\""
                        + NearestName.hint(registry.names, to: block.type))
            }
            let planned = PlannedVolume(
                name: block.name, type: block.type, translator: type,
                subvolumes: block.subvolumes.compactMap { positions[$0] },
                options: block.options, location: block.location, writer: block.writer)
            guard type.needs.isMet(by: planned.subvolumes.count) else {
                throw planned.error("\(block.type) needs \(type.needs), has \(planned.subvolumes.count)")
            }
            positions[block.name] = volumes.count
            volumes.append(planned)
        }
        // Parents first, so that what one hands down can be handed on.
        for position in volumes.indices.reversed() {
            if let refining = volumes[position].translator as? any GraphRefining.Type {
                try refining.refine(&self, at: position)
            }
        }
    }
}

/// A translator that completes the options of volumes below it from what it knows itself, such as the xattr names that
/// an index must watch. Runs on the plan, so that the core knows no translator.
public protocol GraphRefining: Translator {
    /// `volume` is the position of the instance in `plan.volumes`. No I/O. What the volfile says itself always stays.
    static func refine(_ plan: inout GraphPlan, at volume: Int) throws(VolfileError)
}

extension GraphPlan {
    /// Positions of the volumes under `position` whose type is `type`, on every way down; those behind such a volume
    /// not.
    public func nearest(_ type: TranslatorType, below position: Int) -> [Int] {
        var found: Set<Int> = []
        var waiting = volumes[position].subvolumes
        while let current = waiting.popLast() {
            let translator = volumes[current].translator
            if translator.type == type || translator.aliases.contains(type) {
                found.insert(current)
            } else {
                waiting += volumes[current].subvolumes
            }
        }
        return found.sorted()
    }

    /// Gives the volume at `position` an option that it does not have yet. Nothing happens when the volfile set it, or
    /// when that translator does not declare it.
    public mutating func handDown(_ name: String, _ text: String, to position: Int) {
        let volume = volumes[position]
        guard volume.declaration(of: name) != nil, !volume.isSet(name) else { return }
        volumes[position].options.append(Volfile.Option(name: name, text: text, location: volume.location))
    }

    /// The checked option values of each volume, defaults filled in.
    func values() throws(VolfileError) -> [OptionValues] {
        var values: [OptionValues] = []
        for volume in volumes { values.append(try self.values(of: volume)) }
        return values
    }

    private func values(of volume: PlannedVolume) throws(VolfileError) -> OptionValues {
        func line(of option: String?) -> VolfileLocation? { volume.options.first { $0.name == option }?.location }
        let values: OptionValues
        do throws(OptionError) {
            let texts = Dictionary(volume.options.map { ($0.name, $0.text) }) { first, _ in first }
            values = try OptionValues(
                texts, declarations: volume.translator.options, skipsUnknown: volume.writer == .glusterd)
        } catch {
            throw volume.error(error.description, at: line(of: error.option))
        }
        for (option, name) in values.namedTranslators where !volumes.contains(where: { $0.name == name }) {
            let hint = NearestName.hint(volumes.map(\.name), to: name)
            throw volume.error(
                "option \"\(option)\": no volume \"\(name)\" in this volfile\(hint)", at: line(of: option))
        }
        return values
    }
}
