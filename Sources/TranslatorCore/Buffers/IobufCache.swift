import Synchronization

/// The free blocks of one thread, by size class. A block goes home to the cache that it came from, whichever thread
/// lets go of it; then, and when the pool takes stock, another thread is inside: hence a lock, which is hardly ever
/// waited for.
final class IobufCache: Sendable {
    static let classesMax = 16

    /// One size class. Free blocks are linked through their own first word.
    struct SizeClass: Sendable {
        // Safe because free blocks belong to the cache alone, whose lock guards this value.
        nonisolated(unsafe) var head: UnsafeMutableRawPointer?
        var freeCount = 0
        /// The fewest free ones since the last purge: nobody needed them all that time.
        var freeCountLeast = 0
        /// Blocks that somebody holds.
        var activeCount = 0
        var hits: UInt64 = 0, misses: UInt64 = 0

        mutating func pop() -> UnsafeMutableRawPointer? {
            activeCount += 1
            guard let block = head else {
                misses += 1
                return nil
            }
            hits += 1
            freeCount -= 1
            if freeCount < freeCountLeast { freeCountLeast = freeCount }
            head = block.load(as: UnsafeMutableRawPointer?.self)
            return block
        }

        mutating func push(_ block: UnsafeMutableRawPointer) {
            block.storeBytes(of: head, as: UnsafeMutableRawPointer?.self)
            head = block
            freeCount += 1
        }

        /// Takes `count` free blocks out, for good.
        mutating func remove(_ count: Int) -> [UnsafeMutableRawPointer] {
            var removed: [UnsafeMutableRawPointer] = []
            while removed.count < count, let block = head {
                head = block.load(as: UnsafeMutableRawPointer?.self)
                freeCount -= 1
                removed.append(block)
            }
            freeCountLeast = min(freeCountLeast, freeCount)
            return removed
        }
    }
    struct State: Sendable {
        var classes = InlineArray<16, SizeClass>(repeating: SizeClass())
        /// The pool is gone: blocks that still come home are given back at once.
        var isClosed = false
        /// Its thread has ended: the next new thread takes it over.
        var isOrphaned = false
        /// Counts down to the next buffer that is tracked, where only a sample is.
        var untilSample = 0
    }

    /// Shared by all caches of a pool: capacities by class, ascending, and how many free blocks are kept of each.
    let layout: IobufLayout
    let accounts: IobufAccounts
    let state = Mutex(State())

    init(layout: IobufLayout, accounts: IobufAccounts) { (self.layout, self.accounts) = (layout, accounts) }

    deinit { drain() }

    @inline(__always) func take(_ sizeClass: Int) -> UnsafeMutableRawPointer {
        let cached = state.withLock { $0.classes[sizeClass].pop() }
        return cached ?? IobufMemory.allocate(layout.capacities[sizeClass])
    }

    @inline(__always) func takeBack(_ block: UnsafeMutableRawPointer, _ sizeClass: Int) {
        let isFull = state.withLock { state in
            state.classes[sizeClass].activeCount -= 1
            if state.isClosed || state.classes[sizeClass].freeCount >= layout.freeCountsMax[sizeClass] { return true }
            state.classes[sizeClass].push(block)
            return false
        }
        if isFull { IobufMemory.free(block, layout.capacities[sizeClass]) }
    }

    /// Whether the next buffer is one of those that a sampling pool tracks: each `period`th of this thread.
    func isSampled(period: Int) -> Bool {
        state.withLock { state in
            state.untilSample -= 1
            guard state.untilSample <= 0 else { return false }
            state.untilSample = period
            return true
        }
    }

    /// A block of this cache is gone for good, or lies in quarantine.
    func forget(_ sizeClass: Int) { state.withLock { $0.classes[sizeClass].activeCount -= 1 } }

    /// Gives back free blocks that were not needed since the last purge, down to `floor` blocks a class. Answers the
    /// bytes.
    func purge(floor: Int) -> Int {
        let surplus = state.withLock { state in
            layout.capacities.indices.map { position in
                let idle = min(state.classes[position].freeCountLeast, state.classes[position].freeCount - floor)
                let removed = idle > 0 ? state.classes[position].remove(idle) : []
                state.classes[position].freeCountLeast = state.classes[position].freeCount
                return removed
            }
        }
        return free(surplus)
    }

    /// Gives everything free back and keeps nothing from now on.
    func close() {
        state.withLock { $0.isClosed = true }
        drain()
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }
    var isOrphaned: Bool { state.withLock { $0.isOrphaned } }
    func threadEnded() { state.withLock { $0.isOrphaned = true } }
    /// True when it was orphaned: it is the caller's now.
    func takeOver() -> Bool {
        state.withLock { state in
            defer { state.isOrphaned = false }
            return state.isOrphaned
        }
    }

    /// A copy of the counts, by class.
    var classes: [SizeClass] { state.withLock { state in layout.capacities.indices.map { state.classes[$0] } } }

    private func drain() {
        let all = state.withLock { state in
            layout.capacities.indices.map { state.classes[$0].remove(state.classes[$0].freeCount) }
        }
        _ = free(all)
    }

    private func free(_ blocks: [[UnsafeMutableRawPointer]]) -> Int {
        var bytes = 0
        for (position, blocks) in blocks.enumerated() {
            for block in blocks { IobufMemory.free(block, layout.capacities[position]) }
            bytes += blocks.count * layout.capacities[position]
        }
        return bytes
    }
}
