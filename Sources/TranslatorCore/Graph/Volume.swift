import Synchronization

/// One `volume … end-volume` of a volfile, come alive: what a translator instance knows of itself and its place.
public final class Volume: Sendable {
    public let name: String
    public let type: TranslatorType
    /// Checked against the declared options; defaults are filled in. A live reconfiguration replaces them after the
    /// translator took the new ones.
    public var options: OptionValues { values.withLock { $0 } }
    public let subvolumes: [any Translator]
    /// The translator's place in `ContextSlots`: unique in its graph.
    public let slot: Int
    public let environment: GraphEnvironment
    /// Where the volume stands, for messages.
    public let location: VolfileLocation
    private let values: Mutex<OptionValues>
    private let parents = Mutex<[WeakParent]>([])

    private struct WeakParent: Sendable { weak var translator: (any Translator)? }

    public init(
        name: String, type: TranslatorType, options: OptionValues, subvolumes: [any Translator], slot: Int,
        environment: GraphEnvironment, location: VolfileLocation
    ) {
        (self.name, self.type, self.subvolumes) = (name, type, subvolumes)
        values = Mutex(options)
        (self.slot, self.environment, self.location) = (slot, environment, location)
    }

    @inlinable public var firstSubvolume: any Translator { subvolumes[0] }

    /// Called by the graph builder, once for each translator that stands on this one.
    public func addParent(_ parent: any Translator) { parents.withLock { $0.append(WeakParent(translator: parent)) } }

    public func notifyParents(_ event: GraphEvent, from translator: any Translator) {
        for parent in parents.withLock({ $0 }) { parent.translator?.notify(event, from: translator) }
    }

    /// An error that names this volume and its line: `demo.vol:12: volume "bypass-0": …`.
    public func error(_ message: String) -> VolfileError {
        VolfileError(location, "volume \"\(name)\": \(message)")
    }

    func take(_ options: OptionValues) { values.withLock { $0 = options } }

    /// Deprecations as warnings, options without effect as information, each once.
    func sayOnceOfOptions() {
        for sentence in options.deprecations {
            environment.sayOnce(.warning, volume: name, "\(location): volume \"\(name)\": \(sentence)")
        }
        for sentence in options.notices {
            environment.sayOnce(.info, volume: name, "\(location): volume \"\(name)\": \(sentence)")
        }
    }

    public func log(_ level: LogLevel, _ message: @autoclosure () -> String) {
        environment.log.write(level, volume: name, message)
    }
}

/// What all translators of one process share.
public final class GraphEnvironment: Sendable {
    public let inodes: InodeTable
    public let pool: IobufPool
    public let time: any TimeSource
    public let log: Log
    /// Where chains that suspended go on; its threads may block.
    public let executor: any TaskExecutor
    public let waits = InterruptibleWaits()
    /// Where random pauses come from: the system's numbers, or those of a simulation's seed.
    private let random: @Sendable () -> UInt64
    /// Whether an operator asked for bricks to be made of empty directories beside bricks that the volume has already.
    public let makesBricks: Bool
    private let warned = Mutex<Set<String>>([])

    public init(
        inodes: InodeTable = InodeTable(), pool: IobufPool = IobufPool(), time: any TimeSource = SystemTimeSource(),
        log: Log = .standardError(), executor: any TaskExecutor = IOExecutor.shared, makesBricks: Bool = false,
        random: @escaping @Sendable () -> UInt64 = { UInt64.random(in: 0 ... .max) }
    ) {
        (self.inodes, self.pool, self.time, self.log, self.executor) = (inodes, pool, time, log, executor)
        (self.random, self.makesBricks) = (random, makesBricks)
    }
    /// Somewhere in `range`, so that those who were refused together do not come back together.
    public func pause(_ range: ClosedRange<Duration>) -> Duration {
        let span = UInt64((range.upperBound - range.lowerBound).wholeNanoseconds)
        return range.lowerBound + .nanoseconds(Int64(random() % (span + 1)))
    }
    /// Says a sentence that is worth saying once in the life of the process.
    public func warnOnce(volume: String, _ sentence: String) { sayOnce(.warning, volume: volume, sentence) }

    func sayOnce(_ level: LogLevel, volume: String, _ sentence: String) {
        if warned.withLock({ $0.insert(sentence).inserted }) { log.write(level, volume: volume) { sentence } }
    }
}
