import CPosix
import Glibc
import Synchronization

/// What this process does when it has no descriptor left (EMFILE), or the system has none (ENFILE): those who keep some
/// that nobody uses let go of them, and the call is made once more. If that does not help either it is said, with the
/// limit and what to do about it, at most once a minute; the caller gets the error.
public final class DescriptorPressure: Sendable {
    public static let shared = DescriptorPressure()
    private static let pauseSeconds = 60

    /// Kept by who registered, as long as that is to be asked.
    public final class Registration: Sendable {
        fileprivate let number = UniqueNumber.next()
        private let pressure: DescriptorPressure
        fileprivate init(_ pressure: DescriptorPressure) { self.pressure = pressure }
        deinit { pressure.keepers.withLock { $0[number] = nil } }
    }
    private struct Keeper {
        let relieve: @Sendable () -> Void
        let tell: (@Sendable (String) -> Void)?
    }
    private let keepers = Mutex<[UInt64: Keeper]>([:])
    private let lastToldSeconds = Atomic<Int>(-pauseSeconds)

    /// `relieve` closes what can be opened again, on any thread, and must not wait. `tell` hears the sentence.
    public func register(
        tell: (@Sendable (String) -> Void)? = nil, _ relieve: @escaping @Sendable () -> Void
    ) -> Registration {
        let registration = Registration(self)
        keepers.withLock { $0[registration.number] = Keeper(relieve: relieve, tell: tell) }
        return registration
    }

    /// Everybody lets go of what nobody uses. Not while a lock is held that a `relieve` takes.
    public func relieve() { for keeper in keepers.withLock({ Array($0.values) }) { keeper.relieve() } }

    /// It did not help: `error` is what the caller gets.
    public func tell(_ error: FopError) {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let last = lastToldSeconds.load(ordering: .relaxed)
        guard now.tv_sec - last >= Self.pauseSeconds,
            lastToldSeconds.compareExchange(expected: last, desired: now.tv_sec, ordering: .relaxed).exchanged
        else { return }
        let tellers = keepers.withLock { $0.values.compactMap(\.tell) }
        tellers.first?(Self.sentence(for: error))
    }

    static func sentence(for error: FopError) -> String {
        guard error == .tooManyOpenFiles else {
            return "the system has no open file left (\(error)): raise sysctl fs.file-max"
        }
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return
            "all \(limit.rlim_cur) descriptors of this process are in use, so that files cannot be opened (\(error)): raise its limit, LimitNOFILE= of its service or \"ulimit -Hn\" before it starts"
    }

    /// As many as the system lets this process have.
    public static func raiseLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max
        else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

extension FopError {
    /// EMFILE or ENFILE.
    public var isOutOfDescriptors: Bool { self == .tooManyOpenFiles || self == .tooManyOpenFilesInSystem }
}
