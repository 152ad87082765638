import CPosix
import Glibc

/// The calling thread's caches, one for each pool that it uses. Ends with the thread, whose caches other threads then
/// take over.
final class IobufThreadCaches {
    /// What a get looks at first: the pool that was used last. Plain memory, so that it costs no access check.
    private struct Last {
        var pool: UInt64 = 0
        var cache: Unmanaged<IobufCache>?
        let all: Unmanaged<IobufThreadCaches>
    }
    private var caches: [UInt64: IobufCache] = [:]

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let failed = pthread_key_create(&key) { stored in
            let last = stored!.assumingMemoryBound(to: Last.self)
            last.pointee.all.release()
            last.deallocate()
        }
        precondition(failed == 0, "no thread-specific key is left")
        return key
    }()

    /// The cache of `pool` for this thread, adopted from it at the thread's first call.
    @inline(__always) static func cache(of pool: IobufPool) -> IobufCache {
        if let stored = pthread_getspecific(key) {
            let last = stored.assumingMemoryBound(to: Last.self)
            if last.pointee.pool == pool.number { return last.pointee.cache!.takeUnretainedValue() }
        }
        return find(pool)
    }

    @inline(never) private static func find(_ pool: IobufPool) -> IobufCache {
        let last = pthread_getspecific(key)?.assumingMemoryBound(to: Last.self) ?? first()
        let all = last.pointee.all.takeUnretainedValue()
        // Caches of pools that are gone go first.
        all.caches = all.caches.filter { !$0.value.isClosed }
        let cache = all.caches[pool.number] ?? pool.adoptCache()
        all.caches[pool.number] = cache
        (last.pointee.pool, last.pointee.cache) = (pool.number, .passUnretained(cache))
        return cache
    }

    private static func first() -> UnsafeMutablePointer<Last> {
        let last = UnsafeMutablePointer<Last>.allocate(capacity: 1)
        last.initialize(to: Last(all: .passRetained(IobufThreadCaches())))
        pthread_setspecific(key, last)
        return last
    }

    deinit { caches.values.forEach { $0.threadEnded() } }
}
