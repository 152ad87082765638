import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// Hears the knocks of other processes at the lock files: one thread with inotify, asleep while nothing happens.
///
/// A process that dies closes its files just before the kernel drops its locks, and what watches may be asked in between:
/// so after a close those that wait are tried again in growing pauses. Every second they are tried in any case, for
/// the sake of events that the kernel dropped and of watches that it refused.
final class LockWatcher: Sendable {
    private static let pausesAfterClose: [Duration] = [
        .microseconds(100), .milliseconds(1), .milliseconds(10), .milliseconds(100),
    ]
    private static let pauseAnyway = Duration.seconds(1)
    private static let eventBytes = 16 * 1024

    enum Event {
        /// Something moved at these watches.
        case knocks(Set<Int32>)
        /// Everybody who waits is to be tried.
        case all
    }

    private let inotify: Int32, wake: Int32
    private let waiterCount = Atomic<Int>(0)
    private let isStopping = Atomic<Bool>(false)

    init() throws(FopError) {
        inotify = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
        guard inotify >= 0 else { throw .last }
        wake = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard wake >= 0 else {
            let error = FopError.last
            close(inotify)
            throw error
        }
    }

    deinit {
        close(inotify)
        close(wake)
    }

    /// Starts the thread. `handle` is called on it, until it answers false or `stop` was called.
    func start(_ handle: @escaping @Sendable (Event) -> Bool) {
        WorkerThread.start(name: "lock-watch") { [self] in
            while !isStopping.load(ordering: .acquiring), run(handle) {}
        }
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        signal()
    }

    /// Nil when the system allows no more watches: then the file's waiters are tried once a second.
    func watch(_ path: String) -> Int32? {
        let watch = inotify_add_watch(inotify, path, UInt32(IN_ACCESS | IN_CLOSE_WRITE))
        return watch >= 0 ? watch : nil
    }
    func forget(_ watch: Int32) { inotify_rm_watch(inotify, watch) }

    /// Somebody in this process waits for other processes, or does no more.
    func waiterCame() { if waiterCount.wrappingAdd(1, ordering: .relaxed).oldValue == 0 { signal() } }
    func waiterWent() { waiterCount.wrappingSubtract(1, ordering: .relaxed) }

    private func signal() {
        var one: UInt64 = 1
        _ = write(wake, &one, 8)
    }

    /// One round of waiting and handling, with the retries after a close. False ends the thread.
    private func run(_ handle: (Event) -> Bool) -> Bool {
        var retries = Self.pausesAfterClose[...]
        var isRetrying = false
        repeat {
            let anybodyWaits = waiterCount.load(ordering: .relaxed) > 0
            let pause = !anybodyWaits ? nil : isRetrying ? retries.popFirst() ?? Self.pauseAnyway : Self.pauseAnyway
            guard sleep(for: pause) else {
                guard handle(.all) else { return false }
                continue
            }
            if isStopping.load(ordering: .acquiring) { return false }
            let (knocks, isClosed, isIncomplete) = readEvents()
            if isClosed { (isRetrying, retries) = (true, Self.pausesAfterClose[...]) }
            if isIncomplete { guard handle(.all) else { return false } }
            if !knocks.isEmpty { guard handle(.knocks(knocks)) else { return false } }
        } while isRetrying && !retries.isEmpty
        return true
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
