import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// Hears the knocks of other processes at the lock files of all bricks that this process has open: one thread with one
/// inotify instance (a user may have 128 of them), asleep while nothing happens.
///
/// A process that dies closes its files just before the kernel drops its locks, and what watches may be asked in
/// between: so after a close those that wait are tried again in growing pauses. Every second they are tried in any
/// case, for the sake of events that the kernel dropped and of watches that it refused.
final class LockWatcher: Sendable {
    private static let pausesAfterClose: [Duration] = [
        .microseconds(100), .milliseconds(1), .milliseconds(10), .milliseconds(100),
    ]
    private static let pauseAnyway = Duration.seconds(1)
    private static let eventBytes = 16 * 1024

    /// What a watch is at.
    enum Place: Hashable, Sendable {
        case file(Int)
        case posix(Gfid)
    }
    enum Event: Sendable {
        /// Something moved there.
        case knocks([Place])
        /// Everybody who waits is to be tried.
        case all
    }
    typealias SubscriberID = UInt64
    private struct State {
        var handlers: [SubscriberID: @Sendable (Event) -> Void] = [:]
        /// Two graphs on one brick have one watch at the same file.
        var watches: [Int32: [SubscriberID: Place]] = [:]
    }
    private let state = Mutex(State())
    private let inotify: Int32, wake: Int32
    private let waiterCount = Atomic<Int>(0)

    private static let made = Mutex<LockWatcher?>(nil)

    /// The process's one, made when it is first asked for. Throws what the system refuses.
    static func shared() throws(FopError) -> LockWatcher {
        let result = made.withLock { made -> Result<LockWatcher, FopError> in
            if let made { return .success(made) }
            do throws(FopError) {
                let watcher = try LockWatcher()
                made = watcher
                WorkerThread.start(name: "lock-watch") { while true { watcher.run() } }
                return .success(watcher)
            } catch { return .failure(error) }
        }
        return try result.get()
    }

    private init() throws(FopError) {
        inotify = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
        guard inotify >= 0 else { throw .last }
        wake = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard wake >= 0 else {
            let error = FopError.last
            close(inotify)
            throw error
        }
    }

    /// From now on `handle` is called, on the watcher's thread, for what is heard at this subscriber's watches.
    func subscribe(_ handle: @escaping @Sendable (Event) -> Void) -> SubscriberID {
        let id = UniqueNumber.next()
        state.withLock { $0.handlers[id] = handle }
        return id
    }

    /// Takes its watches away too. A call that has begun may still be under way.
    func unsubscribe(_ id: SubscriberID) {
        let handler = state.withLock { state in
            for watch in state.watches.keys where state.watches[watch]![id] != nil { remove(watch, of: id, &state) }
            return state.handlers.removeValue(forKey: id)
        }
        // Outside the lock: it may be the last who knows a lock directory, which unsubscribes when it dies.
        _ = handler
    }

    /// Nil when the system allows no more watches: then those that wait at the file are tried once a second.
    func watch(_ path: String, as place: Place, for id: SubscriberID) -> Int32? {
        state.withLock { state in
            let watch = inotify_add_watch(inotify, path, UInt32(IN_ACCESS | IN_CLOSE_WRITE))
            guard watch >= 0 else { return nil }
            state.watches[watch, default: [:]][id] = place
            return watch
        }
    }
    func forget(_ watch: Int32, of id: SubscriberID) { state.withLock { remove(watch, of: id, &$0) } }

    private func remove(_ watch: Int32, of id: SubscriberID, _ state: inout State) {
        state.watches[watch]?[id] = nil
        guard state.watches[watch]?.isEmpty == true else { return }
        state.watches[watch] = nil
        inotify_rm_watch(inotify, watch)
    }

    /// Somebody in this process waits for other processes, or does no more.
    func waiterCame() { if waiterCount.wrappingAdd(1, ordering: .relaxed).oldValue == 0 { signal() } }
    func waiterWent() { waiterCount.wrappingSubtract(1, ordering: .relaxed) }

    private func signal() {
        var one: UInt64 = 1
        _ = write(wake, &one, 8)
    }

    /// One round of waiting and handling, with the retries after a close.
    private func run() {
        var retries = Self.pausesAfterClose[...]
        var isRetrying = false
        repeat {
            let anybodyWaits = waiterCount.load(ordering: .relaxed) > 0
            let pause = !anybodyWaits ? nil : isRetrying ? retries.popFirst() ?? Self.pauseAnyway : Self.pauseAnyway
            guard sleep(for: pause) else {
                tellAll()
                continue
            }
            let (knocks, isClosed, isIncomplete) = readEvents()
            if isClosed { (isRetrying, retries) = (true, Self.pausesAfterClose[...]) }
            if isIncomplete { tellAll() } else { tell(knocks) }
        } while isRetrying && !retries.isEmpty
    }

    private func tell(_ watches: Set<Int32>) {
        let calls = state.withLock { state in
            var places: [SubscriberID: [Place]] = [:]
            for watch in watches {
                for (id, place) in state.watches[watch] ?? [:] { places[id, default: []].append(place) }
            }
            return places.compactMap { id, places in state.handlers[id].map { ($0, places) } }
        }
        for (handle, places) in calls { handle(.knocks(places)) }
    }

    private func tellAll() {
        let handlers = state.withLock { Array($0.handlers.values) }
        for handle in handlers { handle(.all) }
    }

    /// True when something happened, false when the time is up; nil: no limit.
    private func sleep(for pause: Duration?) -> Bool {
        var descriptors = [
            pollfd(fd: inotify, events: Int16(POLLIN), revents: 0), pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
        ]
        var limit = timespec()
        if let pause {
            limit.tv_sec = Int(pause.wholeNanoseconds / 1_000_000_000)
            limit.tv_nsec = Int(pause.wholeNanoseconds % 1_000_000_000)
        }
        while true {
            let count =
                pause == nil ? ppoll(&descriptors, 2, nil, nil) : ppoll(&descriptors, 2, &limit, nil)
            if count == 0 { return false }
            if count > 0 { break }
            precondition(errno == EINTR, "ppoll: \(FopError.last)")
        }
        var drained: UInt64 = 0
        _ = read(wake, &drained, 8)
        return true
    }

    private func readEvents() -> (knocks: Set<Int32>, isClosed: Bool, isIncomplete: Bool) {
        var knocks: Set<Int32> = []
        var isClosed = false, isIncomplete = false
        withUnsafeTemporaryAllocation(byteCount: Self.eventBytes, alignment: 8) { buffer in
            while true {
                let count = read(inotify, buffer.baseAddress, Self.eventBytes)
                guard count > 0 else { return }
                var offset = 0
                while offset < count {
                    let event = buffer.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                    if event.mask & UInt32(IN_Q_OVERFLOW) != 0 { isIncomplete = true }
                    if event.mask & UInt32(IN_CLOSE_WRITE) != 0 { isClosed = true }
                    if event.wd >= 0 { knocks.insert(event.wd) }
                    offset += MemoryLayout<inotify_event>.size + Int(event.len)
                }
            }
        }
        return (knocks, isClosed, isIncomplete)
    }
}
