import CPosix
import Glibc
import Synchronization

/// Where iobufs come from and go home to: free lists per thread and size class up to 1 MiB, plain allocations above.
///
/// Source: the seed's document on iobufs; GlusterFS `iobuf.c`. `iobuf_get` and `iobuf_get2` are `draft`, counted by
/// ARC; code that counts by hand takes an `IobufHandle` (`get`, `get2`).
public final class IobufPool: Sendable {
    /// GlusterFS `iobuf_get`: 128 KiB.
    public static let defaultBytes = 128 * 1024
    /// Above this a draft is a plain allocation (`iobuf_get2`), unless the configuration has larger classes.
    public static let pooledBytesMax = 1024 * 1024
    /// What O_DIRECT asks for on every file system.
    public static let alignment = 4096

    /// What a pool keeps and how closely it watches.
    public struct Configuration: Sendable {
        /// Bytes, multiples of `alignment`, at most 16 of them: by default the powers of two from 4 KiB to 1 MiB.
        public var sizeClasses = (12...20).map { 1 << $0 }
        /// How much free memory a thread keeps of each class; at least two blocks.
        public var cachedBytesMax = 8 * 1024 * 1024
        /// How many free blocks of each class and thread a purge leaves.
        public var purgeFloor = 2
        public var tracking = IobufTracking.off
        /// How much returned memory lies in quarantine under full tracking.
        public var quarantineBytesMax = 16 * 1024 * 1024
        public var time: any TimeSource = SystemTimeSource()
        /// Where leaks and writes after the last unref are told, when buffers are tracked.
        public var log = Log.standardError()
        public init() {}
    }

    let number = UniqueNumber.next()
    let configuration: Configuration
    let layout: IobufLayout
    let accounts = IobufAccounts()
    let caches = Mutex<[IobufCache]>([])
    let tracker: IobufTracker

    public init(_ configuration: Configuration = Configuration()) {
        self.configuration = configuration
        layout = IobufLayout(sizes: configuration.sizeClasses, cachedBytesMax: configuration.cachedBytesMax)
        tracker = IobufTracker(configuration)
    }

    /// Gives every free block back and says what was not returned. Buffers still held stay good; their memory is given
    /// back as they go.
    deinit {
        tracker.reportAtTeardown()
        caches.withLock { $0 }.forEach { $0.close() }
    }

    /// A buffer of at least `bytes` (0: the default), writable until frozen. `owner`, `fop` and the place of the call
    /// are what a leak report shows.
    @inline(__always)
    public func draft(
        bytes: Int = 0, owner: String = "", fop: Fop? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> IobufDraft {
        IobufDraft(take(bytes: bytes, owner: owner, fop: fop, file: file, line: line))
    }

    @usableFromInline
    func take(bytes: Int, owner: String, fop: Fop?, file: StaticString, line: UInt) -> Iobuf {
        precondition(bytes >= 0)
        let wanted = bytes == 0 ? Self.defaultBytes : bytes
        let cache = IobufThreadCaches.cache(of: self)
        let tracker = tracker.wants(from: cache) ? tracker : nil
        let iobuf: Iobuf
        if let sizeClass = layout.sizeClass(for: wanted) {
            iobuf = Iobuf(
                base: cache.take(sizeClass), capacity: layout.capacities[sizeClass], home: cache, sizeClass: sizeClass,
                tracker: tracker)
        } else {
            iobuf = plain(wanted, home: cache, tracker: tracker)
        }
        tracker?.gave(iobuf, IobufSite(owner: owner, fop: fop, file: file, line: line))
        return iobuf
    }

    private func plain(_ bytes: Int, home: IobufCache, tracker: IobufTracker?) -> Iobuf {
        let capacity = (bytes + Self.alignment - 1) / Self.alignment * Self.alignment
        accounts.plainTaken(capacity)
        return Iobuf(
            base: IobufMemory.allocate(capacity), capacity: capacity, home: home, sizeClass: IobufCache.classesMax,
            tracker: tracker)
    }

    /// A cache for a thread that has none: that of a thread that has ended, or a new one.
    func adoptCache() -> IobufCache {
        caches.withLock { caches in
            if let orphan = caches.first(where: { $0.takeOver() }) { return orphan }
            let made = IobufCache(layout: layout, accounts: accounts)
            caches.append(made)
            return made
        }
    }
}

// Idle memory
extension IobufPool {
    /// Gives back what nobody needed since the last purge, down to the configured floor. Answers the bytes.
    @discardableResult public func purge() -> Int {
        let bytes = caches.withLock { $0 }.reduce(0) { $0 + $1.purge(floor: configuration.purgeFloor) }
        // Small blocks went to the C library, which keeps them unless it is asked.
        if bytes > 0 { malloc_trim(0) }
        return bytes
    }

    /// Purges now and then until the task is cancelled: a child task of every process that has a pool for long.
    public func purgeRegularly(every pause: Duration = .seconds(10)) async {
        while true {
            do { try await configuration.time.sleep(for: pause) } catch { return }
            purge()
        }
    }
}

// Copies
extension IobufPool {
    /// A fresh iobuf with the bytes of `payload`, in one piece. Counted: copies per operation are a metric.
    /// GlusterFS: `iobuf_copy`.
    public func copy(
        _ payload: Payload, owner: String = "", fop: Fop? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Iobuf {
        payload.withIovecs { copy($0, owner: owner, fop: fop, file: file, line: line) }
    }

    /// The same from memory of the caller's, borrowed for the call.
    public func copy(
        _ vector: UnsafeBufferPointer<iovec>, owner: String = "", fop: Fop? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Iobuf {
        let count = vector.reduce(0) { $0 + $1.iov_len }
        let draft = draft(bytes: max(1, count), owner: owner, fop: fop, file: file, line: line)
        var position = 0
        for part in vector where part.iov_len > 0 {
            memcpy(draft.bytes.baseAddress! + position, part.iov_base, part.iov_len)
            position += part.iov_len
        }
        countCopy(bytes: count)
        return draft.freeze(count: count)
    }

    /// Counts a copy of payload that a translator could not avoid.
    public func countCopy(bytes: Int) {
        accounts.copies.wrappingAdd(1, ordering: .relaxed)
        accounts.copiedBytes.wrappingAdd(UInt64(bytes), ordering: .relaxed)
    }
}
