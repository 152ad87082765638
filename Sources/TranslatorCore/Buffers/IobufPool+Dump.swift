import Synchronization

/// What a pool holds now and did so far.
public struct IobufPoolCounts: Sendable, Equatable {
    /// One size class, all threads together; `bytes` is its capacity.
    public struct SizeClass: Sendable, Equatable {
        public let bytes: Int
        /// Blocks held by somebody, and free ones.
        public var active = 0, passive = 0
        /// Gets that found a free block, and those that had to allocate.
        public var hits: UInt64 = 0, misses: UInt64 = 0
        public init(bytes: Int, active: Int = 0, passive: Int = 0, hits: UInt64 = 0, misses: UInt64 = 0) {
            (self.bytes, self.active, self.passive, self.hits, self.misses) = (bytes, active, passive, hits, misses)
        }
    }
    public var classes: [SizeClass]
    /// Above the largest class: held now, their bytes, and how many there ever were.
    public var plainActive = 0, plainActiveBytes = 0
    public var plainTotal: UInt64 = 0
    /// Copies of payload, and their bytes.
    public var copies: UInt64 = 0, copiedBytes: UInt64 = 0
    /// Caches: one for each thread that uses the pool, and those of ended threads that wait for the next one.
    public var threadCount = 0, orphanCount = 0

    public var active: Int { classes.reduce(plainActive) { $0 + $1.active } }
    public var passive: Int { classes.reduce(0) { $0 + $1.passive } }
    public var activeBytes: Int { classes.reduce(plainActiveBytes) { $0 + $1.active * $1.bytes } }
    public var passiveBytes: Int { classes.reduce(0) { $0 + $1.passive * $1.bytes } }
    public var hits: UInt64 { classes.reduce(0) { $0 + $1.hits } }
    public var misses: UInt64 { classes.reduce(0) { $0 + $1.misses } }
}

extension IobufPool {
    public var counts: IobufPoolCounts {
        let caches = caches.withLock { $0 }
        var counts = IobufPoolCounts(classes: layout.capacities.map { IobufPoolCounts.SizeClass(bytes: $0) })
        counts.threadCount = caches.count
        for cache in caches {
            if cache.isOrphaned { counts.orphanCount += 1 }
            for (position, one) in cache.classes.enumerated() {
                counts.classes[position].active += one.activeCount
                counts.classes[position].passive += one.freeCount
                counts.classes[position].hits += one.hits
                counts.classes[position].misses += one.misses
            }
        }
        counts.plainActive = accounts.plainActive.load(ordering: .relaxed)
        counts.plainActiveBytes = accounts.plainActiveBytes.load(ordering: .relaxed)
        counts.plainTotal = accounts.plainTotal.load(ordering: .relaxed)
        counts.copies = accounts.copies.load(ordering: .relaxed)
        counts.copiedBytes = accounts.copiedBytes.load(ordering: .relaxed)
        return counts
    }

    /// How closely buffers are watched; may change at any time.
    public var tracking: IobufTracking {
        get { tracker.mode }
        set { tracker.mode = newValue }
    }

    /// Tracked buffers that are out for at least `age`, grouped by who asked for them, the most bytes first.
    public func leaks(olderThan age: Duration = .zero) -> [IobufLeak] { tracker.leaks(olderThan: age) }

    /// Looks at everything in quarantine now. Answers how many buffers were ever found written after their last unref.
    @discardableResult public func checkQuarantine() -> Int { tracker.emptyQuarantine() }

    /// For statedumps and `healctl`: GlusterFS's `iobuf.global` section, and who holds what where buffers are tracked.
    public func dump() -> StateDump {
        let counts = counts, tracked = tracker.counts
        var dump = StateDump()
        dump.add("active", counts.active)
        dump.add("active-bytes", counts.activeBytes)
        dump.add("passive", counts.passive)
        dump.add("passive-bytes", counts.passiveBytes)
        dump.add("hits", Int(clamping: counts.hits))
        dump.add("misses", Int(clamping: counts.misses))
        dump.add("plain-active", counts.plainActive)
        dump.add("plain-active-bytes", counts.plainActiveBytes)
        dump.add("plain-total", Int(clamping: counts.plainTotal))
        dump.add("copies", Int(clamping: counts.copies))
        dump.add("copied-bytes", Int(clamping: counts.copiedBytes))
        dump.add("threads", counts.threadCount)
        dump.add("classes", .list(counts.classes.filter { $0.hits + $0.misses > 0 }.map(Self.entry)))
        dump.add("tracking", "\(tracking)")
        dump.add("tracked", tracked.tracked)
        dump.add("quarantine-bytes", tracked.quarantineBytes)
        dump.add("written-after-unref", tracked.damaged)
        dump.add("outstanding", .list(leaks().prefix(100).map(Self.entry)))
        return dump
    }

    private static func entry(_ one: IobufPoolCounts.SizeClass) -> StateDump.Value {
        .table([
            ("bytes", .integer(Int64(one.bytes))), ("active", .integer(Int64(one.active))),
            ("passive", .integer(Int64(one.passive))), ("hits", .integer(Int64(clamping: one.hits))),
            ("misses", .integer(Int64(clamping: one.misses))),
        ])
    }

    private static func entry(_ leak: IobufLeak) -> StateDump.Value {
        .table([
            ("owner", .text(leak.owner)), ("fop", .text(leak.fop?.name ?? "")), ("place", .text(leak.place)),
            ("count", .integer(Int64(leak.count))), ("bytes", .integer(Int64(leak.bytes))),
            ("age-seconds", .real(leak.age.inSeconds)), ("trail", .list(leak.trail.map { .text($0) })),
        ])
    }
}
