import Synchronization
import TranslatorCore

/// `performance/direct`: a brick of this machine that another process serves, such as `glusterfsd`. The data of open
/// files is read and written in the brick's directory; everything else, names, locks and marks above all, goes through
/// that process.
///
/// Its subvolumes are the way there, a `protocol/client`, and the directory, a `storage/posix` with `visiting`. Nothing
/// goes to the directory before it has proved to be the brick (`DirectTranslator+Proof.swift`), nor by a file that is
/// not open on both: then all goes over the wire. While the brick's process is away its locks are gone, so everything
/// is ENOTCONN as without this.
///
/// Writes in the directory are not seen by the process, which keeps the times of files itself: it is told them
/// (`DirectTranslator+Times.swift`). Sizes it reads from the file system whenever it is asked.
public final class DirectTranslator: RemoteBrick {
    public static let type: TranslatorType = "performance/direct"
    public static let summary =
        "Reads and writes the data of a brick of this machine in its directory, beside the process that serves it."
    public static let needs: SubvolumeNeed = .exactly(2)

    public static let options: [OptionDeclaration] = [
        .text(
            "watchers", default: nil,
            "What in the brick's process has to see every write, such as bitrot detection, quota or the changelog of geo-replication: nothing goes to the directory while there is any."
        ).reconfigurable()
    ]

    /// What is known of the directory.
    enum Standing: Sendable {
        /// The brick's process was never reached.
        case unknown
        case proved
        case refused(String)
    }
    struct State: Sendable {
        var standing = Standing.unknown
        /// How often the wire came up, or went down. What is found out belongs to one time.
        var time: UInt64 = 0
        var isWireUp = false
        /// Whether the directory was looked at since the wire came up.
        var isDecided = false
        var isStarted = false
        /// Of the directory as it was proved since the wire came up; 0: it was not.
        var visit: UInt64 = 0
        var watchers: String?
        /// What goes to the directory now.
        var served: UInt64 { watchers == nil ? visit : 0 }
        var proving: Task<Void, Never>?
        var teller: Task<Void, Never>?

        var upSince: UInt64? { isWireUp && isDecided ? time : nil }
    }

    public let volume: Volume
    let wire: any Translator
    let directory: any VisitedBrick
    let state = Mutex(State())
    /// The visit whose files are used now, for the hot path; 0: none are.
    let serving = Atomic<UInt64>(0)
    let late = LateInodes()
    let counters = DirectCounters()
    /// Of which time parents were told that this is up; nil: down. Held while they are told, so that "up" never stands
    /// behind the "down" that came after it.
    private let told = Mutex<UInt64?>(nil)

    public init(_ volume: Volume) throws(VolfileError) {
        guard let directory = volume.subvolumes[1] as? any VisitedBrick, !directory.isServedHere else {
            throw volume.error(
                "its second subvolume \"\(volume.subvolumes[1].name)\" is to be the brick's directory, a storage/posix with option visiting on"
            )
        }
        self.volume = volume
        (wire, self.directory) = (volume.subvolumes[0], directory)
        let watchers = volume.options.text(ifSet: "watchers")
        state.withLock { $0.watchers = watchers }
        sayWatchers(watchers)
    }

    public func reconfigure(_ options: OptionValues) throws(VolfileError) {
        let watchers = options.text(ifSet: "watchers")
        let isNews = state.withLock { state in
            defer { state.watchers = watchers }
            return state.watchers != watchers
        }
        guard isNews else { return }
        state.withLock { serving.store($0.served, ordering: .releasing) }
        sayWatchers(watchers)
    }

    private func sayWatchers(_ watchers: String?) {
        guard let watchers else { return }
        volume.log(
            .warning, "data of \(brickPlace) goes through the process that serves it, which has to see it: \(watchers)")
    }

    /// Whether files that are opened now are read and written in the directory.
    var isDirect: Bool { serving.load(ordering: .relaxed) != 0 }

    public var brickPlace: String { wire.shownBrick ?? wire.name }

    /// The directory, unless it turned out to be another one.
    public var localBrick: (any LocalBrick)? {
        state.withLock { state in
            if case .refused = state.standing { return nil }
            return directory
        }
    }

    /// Returns when the directory has been looked at, if the brick's process was reached.
    public func start() async throws(VolfileError) {
        let teller = Task(executorPreference: volume.environment.executor) { [weak self] in
            while let time = self?.volume.environment.time, (try? await time.sleep(for: Self.timesLateMax)) != nil {
                await self?.tellAllTimes()
            }
        }
        let isUp = state.withLock { state in
            (state.isStarted, state.teller) = (true, teller)
            return state.isWireUp
        }
        if isUp { prove() }
        await state.withLock { $0.proving }?.value
    }

    /// The wire is still up: what the brick does not know yet, it is told.
    public func stop() async {
        let tasks = state.withLock { state in
            state.isStarted = false
            return [state.teller, state.proving]
        }
        for task in tasks { task?.cancel() }
        for task in tasks { await task?.value }
        await tellAllTimes()
        serving.store(0, ordering: .releasing)
    }

    public func notify(_ event: GraphEvent, from subvolume: any Translator) {
        guard subvolume === wire else { return }
        switch event {
        case .subvolumeUp:
            if wireChanged(isUp: true) { prove() }
        case .subvolumeDown:
            _ = wireChanged(isUp: false)
            announce()
        default: volume.notifyParents(event, from: self)
        }
    }

    /// Answers whether this is started.
    private func wireChanged(isUp: Bool) -> Bool {
        state.withLock { state in
            (state.isWireUp, state.isDecided, state.time) = (isUp, false, state.time + 1)
            state.visit = 0
            serving.store(0, ordering: .releasing)
            return state.isStarted
        }
    }

    /// Parents hear of the brick when it is known whether its directory is to be used: what they open goes there then.
    func announce() {
        told.withLock { told in
            let since = state.withLock { $0.upSince }
            guard told != since else { return }
            if told != nil { volume.notifyParents(.subvolumeDown, from: self) }
            if since != nil { volume.notifyParents(.subvolumeUp, from: self) }
            told = since
        }
    }

    public func dump() -> StateDump? {
        let standing = state.withLock { $0.standing }
        var dump = StateDump()
        dump.add("directory", directory.brickDirectory)
        dump.add("direct", isDirect)
        if case .refused(let why) = standing { dump.add("refused", why) }
        dump.add("opened-direct", Int(counters.openedDirect.value))
        dump.add("opened-by-wire", Int(counters.openedByWire.value))
        dump.add("times-told", Int(counters.timesTold.value))
        return dump
    }
}
