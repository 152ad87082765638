import Synchronization

/// Translators linked as a volfile says, from the bricks to the top.
public final class Graph: Sendable {
    public let environment: GraphEnvironment
    /// In the order of the volfile: subvolumes before those above them.
    public let translators: [any Translator]
    public var top: any Translator { translators[translators.count - 1] }
    private let registry: TranslatorRegistry
    private let source: Mutex<Volfile>

    /// Builds, links and checks; no I/O. The first error is thrown.
    public init(_ volfile: Volfile, registry: TranslatorRegistry, environment: GraphEnvironment) throws(VolfileError) {
        let plan = try GraphPlan(volfile, registry: registry)
        let values = try plan.values()
        var made: [any Translator] = []
        for (planned, options) in zip(plan.volumes, values) {
            let volume = Volume(
                name: planned.name, type: planned.type, options: options,
                subvolumes: planned.subvolumes.map { made[$0] },
                slot: made.count, environment: environment, location: planned.location)
            let translator = try planned.translator.init(volume)
            volume.subvolumes.forEach { $0.volume.addParent(translator) }
            made.append(translator)
        }
        (self.environment, translators, self.registry) = (environment, made, registry)
        source = Mutex(volfile)
        for volume in volfile.unused {
            environment.log.write(.warning, volume: volume.name) {
                "\(volume.location): volume \"\(volume.name)\" is left out: \"\(volfile.top.name)\", the top, does not stand on it"
            }
        }
        translators.forEach { $0.volume.sayOnceOfOptions() }
    }

    public subscript(name: String) -> (any Translator)? { translators.first { $0.name == name } }

    /// The volfile that it was built from, or last reconfigured with.
    public var volfile: Volfile { source.withLock { $0 } }
}

// Life
extension Graph {
    /// Starts subvolumes first; what was started is stopped again when one fails.
    public func start() async throws(VolfileError) {
        try BrickPlaces.check(translators.compactMap { $0 as? any LocalBrick }.filter(\.isServedHere))
        for translator in translators.reversed() { try await translator.survey() }
        for (position, translator) in translators.enumerated() {
            do throws(VolfileError) {
                try await translator.start()
            } catch {
                for started in translators[..<position].reversed() { await started.stop() }
                throw error
            }
        }
    }

    /// Stops parents first.
    public func stop() async { for translator in translators.reversed() { await translator.stop() } }
}

// Live changes
extension Graph {
    /// Takes new values of options that are declared reconfigurable, while fops run. All or nothing: a volfile of
    /// another shape, a bad value, or a change that needs a new mount is refused with a sentence before anything
    /// changes. Answers what changed, as `volume.option`.
    @discardableResult
    public func reconfigure(with volfile: Volfile) throws(VolfileError) -> [String] {
        let outcome = source.withLock { current -> Result<[String], VolfileError> in
            do throws(VolfileError) {
                let changed = try apply(try changes(to: volfile))
                current = volfile
                return .success(changed)
            } catch {
                return .failure(error)
            }
        }
        translators.forEach { $0.volume.sayOnceOfOptions() }
        return try outcome.get()
    }

    private typealias Change = (translator: any Translator, values: OptionValues, options: [String])

    private func changes(to volfile: Volfile) throws(VolfileError) -> [Change] {
        let plan = try GraphPlan(volfile, registry: registry)
        guard plan.volumes.map(\.name) == translators.map(\.name) else {
            throw VolfileError(
                VolfileLocation(file: volfile.file, line: 0),
                "it has other volumes than the running graph: mount anew to change them")
        }
        let values = try plan.values()
        var changes: [Change] = []
        for (position, translator) in translators.enumerated() {
            let planned = plan.volumes[position], volume = translator.volume
            guard planned.translator == type(of: translator) else {
                throw planned.error("its type is \(volume.type) in the running graph: mount anew to change it")
            }
            guard planned.subvolumes.map({ plan.volumes[$0].name }) == translator.subvolumes.map(\.name) else {
                throw planned.error("it has other subvolumes in the running graph: mount anew to change them")
            }
            let options = volume.options.changes(to: values[position])
            for option in options where volume.options.declaration(option)?.isReconfigurable != true {
                throw planned.error(
                    "option \"\(option)\" cannot change while mounted: mount anew to change it",
                    at: planned.options.first { $0.name == option }?.location)
            }
            if !options.isEmpty { changes.append((translator, values[position], options)) }
        }
        return changes
    }

    /// A translator that refuses its new values takes everything back: those before it get their old ones again.
    private func apply(_ changes: [Change]) throws(VolfileError) -> [String] {
        for (position, change) in changes.enumerated() {
            do throws(VolfileError) {
                try change.translator.reconfigure(change.values)
            } catch {
                for earlier in changes[...position].reversed() {
                    do throws(VolfileError) {
                        try earlier.translator.reconfigure(earlier.translator.volume.options)
                    } catch {
                        earlier.translator.volume.log(.error, "cannot take back new options: \(error)")
                    }
                }
                throw error
            }
        }
        for change in changes { change.translator.volume.take(change.values) }
        return changes.flatMap { change in change.options.map { "\(change.translator.name).\($0)" } }
    }
}
