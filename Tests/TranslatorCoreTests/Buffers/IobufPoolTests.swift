import CPosix
import Glibc
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@Suite struct IobufPoolTests {
    private func pool(_ change: (inout IobufPool.Configuration) -> Void = { _ in }) -> IobufPool {
        var configuration = IobufPool.Configuration()
        change(&configuration)
        return IobufPool(configuration)
    }
    private func counts(_ pool: IobufPool, _ bytes: Int) -> IobufPoolCounts.SizeClass? {
        pool.counts.classes.first { $0.bytes == bytes }
    }

    @Test(arguments: [
        (0, 131_072), (1, 4096), (4096, 4096), (4097, 8192), (131_072, 131_072), (131_073, 262_144), (1 << 20, 1 << 20),
        (1 << 20 + 1, 1 << 20 + 4096),
    ])
    func `a draft has at least what was asked for, page-aligned`(asked: Int, capacity: Int) {
        let draft = pool().draft(bytes: asked)
        #expect(draft.capacity == capacity)
        #expect(UInt(bitPattern: draft.bytes.baseAddress).isMultiple(of: 4096))
        draft.bytes[draft.capacity - 1] = 7
        let iobuf = draft.freeze(count: capacity)
        #expect(iobuf.withBytes { $0[capacity - 1] } == 7)
    }

    @Test func `memory comes back from the free list: one miss, then hits`() {
        let pool = pool()
        var addresses: Set<UInt> = []
        for _ in 0..<10 {
            addresses.insert(UInt(bitPattern: pool.draft(bytes: 4096).freeze(count: 0).bytes.baseAddress))
        }
        #expect(addresses.count == 1)
        #expect(counts(pool, 4096) == .some(.init(bytes: 4096, active: 0, passive: 1, hits: 9, misses: 1)))
    }

    @Test func `active and passive are what is held and what is free`() {
        let pool = pool()
        var held = (0..<3).map { _ in pool.draft(bytes: 1 << 20).freeze(count: 1) }
        #expect(pool.counts.active == 3 && pool.counts.passive == 0 && pool.counts.activeBytes == 3 << 20)
        let shared = held[0]
        held = []
        #expect(pool.counts.active == 1 && pool.counts.passive == 2)
        #expect(shared.count == 1)
    }

    @Test func `above 1 MiB it is a plain allocation, counted apart`() {
        let pool = pool()
        do {
            let large = pool.draft(bytes: 1 << 20 + 1).freeze(count: 1)
            #expect(pool.counts.plainActive == 1 && pool.counts.plainActiveBytes == 1 << 20 + 4096 && large.count == 1)
            #expect(pool.counts.hits == 0 && pool.counts.misses == 0)
        }
        #expect(pool.counts.plainActive == 0 && pool.counts.plainActiveBytes == 0 && pool.counts.plainTotal == 1)
        #expect(pool.counts.passive == 0)
    }

    @Test func `a mount may have a class for a whole request of its own`() {
        let pool = pool { $0.sizeClasses.append(1 << 20 + 4096) }
        #expect(pool.draft(bytes: 1 << 20 + 1).capacity == 1 << 20 + 4096)
        #expect(pool.counts.plainTotal == 0 && pool.counts.misses == 1)
    }

    @Test func `a buffer let go by another thread goes home to the thread that got it`() async {
        let pool = pool()
        let iobuf = pool.draft(bytes: 8192).freeze(count: 0)
        let address = UInt(bitPattern: iobuf.bytes.baseAddress)
        let box = Mutex<Iobuf?>(iobuf)
        _ = consume iobuf
        let done = Atomic(false)
        WorkerThread.start(name: "unref") {
            box.withLock { $0 = nil }
            done.store(true, ordering: .releasing)
        }
        #expect(await eventually { done.load(ordering: .acquiring) })
        #expect(counts(pool, 8192)?.passive == 1)
        #expect(pool.counts.threadCount == 1)
        _ = address
    }

    @Test func `what a dead thread left is taken over by the next one`() async {
        let pool = pool()
        for round in 1...4 {
            let done = Atomic(false)
            WorkerThread.start(name: "round") {
                _ = pool.draft(bytes: 4096).freeze(count: 0)
                done.store(true, ordering: .releasing)
            }
            #expect(await eventually { done.load(ordering: .acquiring) })
            // The caches change hands when the thread has really gone: its destructors run after the closure.
            #expect(await eventually { pool.counts.orphanCount == 1 }, "round \(round)")
        }
        #expect(pool.counts.threadCount == 1)
        #expect(counts(pool, 4096)?.misses == 1 && counts(pool, 4096)?.hits == 3)
    }

    @Test func `a thread keeps only so much free memory`() {
        let pool = pool { $0.cachedBytesMax = 64 * 1024 }
        _ = (0..<100).map { _ in pool.draft(bytes: 4096).freeze(count: 0) }
        #expect(counts(pool, 4096)?.passive == 16)
        _ = (0..<10).map { _ in pool.draft(bytes: 1 << 20).freeze(count: 0) }
        #expect(counts(pool, 1 << 20)?.passive == 2)
    }

    @Test func `a purge gives back what nobody needed since the last one, down to the floor`() {
        let pool = pool { $0.purgeFloor = 3 }
        _ = (0..<10).map { _ in pool.draft(bytes: 1 << 20).freeze(count: 0) }
        #expect(pool.purge() == 0)
        // Eight were kept; four at once are in use between the purges: the other four lay idle.
        _ = (0..<4).map { _ in pool.draft(bytes: 1 << 20).freeze(count: 0) }
        #expect(pool.purge() == 4 << 20)
        #expect(counts(pool, 1 << 20)?.passive == 4)
        #expect(pool.purge() == 1 << 20)
        #expect(pool.purge() == 0)
        #expect(counts(pool, 1 << 20)?.passive == 3)
    }

    @Test func `regular purges happen on the pool's own clock until cancelled`() async {
        let clock = ManualClock()
        let pool = pool { ($0.time, $0.purgeFloor) = (clock, 0) }
        _ = pool.draft(bytes: 1 << 20).freeze(count: 0)
        let purging = Task { await pool.purgeRegularly(every: .seconds(10)) }
        for _ in 0..<2 {
            #expect(await eventually { clock.sleeperCount == 1 })
            clock.advance(by: .seconds(10))
        }
        #expect(await eventually { pool.counts.passive == 0 })
        purging.cancel()
        await purging.value
    }

    @Test func `a buffer outlives its pool`() {
        var pool: IobufPool? = pool()
        let iobuf = pool!.draft(bytes: 4096)
        iobuf.bytes[0] = 9
        pool = nil
        #expect(iobuf.freeze(count: 1).withBytes { $0[0] } == 9)
    }

    @Test func `many threads that get, pass on and let go never share a block`() async {
        // Each buffer carries a mark that only its holder writes; whoever lets go of it, on whatever thread, checks it.
        let pool = pool()
        let mailboxes = (0..<4).map { _ in Mailbox() }
        let finished = Atomic(0), broken = Atomic(0)
        for thread in 0..<4 {
            WorkerThread.start(name: "pool-\(thread)") {
                var random = SeededRandom(seed: UInt64(thread))
                for turn in 0..<20_000 {
                    let size = [1, 4096, 65_536, 131_072, 1 << 20].randomElement(using: &random)!
                    let draft = pool.draft(bytes: size)
                    let mark = UInt64(thread) << 32 | UInt64(turn)
                    draft.bytes.storeBytes(of: mark, as: UInt64.self)
                    let bytes = draft.capacity
                    draft.bytes.storeBytes(of: mark, toByteOffset: bytes - 8, as: UInt64.self)
                    let previous = mailboxes[Int.random(in: 0..<4, using: &random)].swap(
                        (mark, draft.freeze(count: bytes)))
                    if let (mark, iobuf) = previous {
                        let good = iobuf.withBytes { bytes in
                            bytes.load(as: UInt64.self) == mark
                                && bytes.load(fromByteOffset: bytes.count - 8, as: UInt64.self) == mark
                        }
                        if !good { broken.wrappingAdd(1, ordering: .relaxed) }
                    }
                }
                finished.wrappingAdd(1, ordering: .releasing)
            }
        }
        #expect(await eventually(within: .seconds(60)) { finished.load(ordering: .acquiring) == 4 })
        #expect(broken.load(ordering: .relaxed) == 0)
        #expect(pool.counts.active == mailboxes.count { $0.isFull })
        mailboxes.forEach { _ = $0.swap(nil) }
        #expect(pool.counts.active == 0)
        #expect(pool.counts.hits + pool.counts.misses == 80_000)
    }

    @Test func `a copy is one piece and counted`() {
        let pool = pool()
        func iobuf(_ text: String) -> Iobuf {
            let draft = pool.draft(bytes: 16)
            draft.bytes.copyBytes(from: text.utf8)
            return draft.freeze(count: text.utf8.count)
        }
        let payload = Payload([IobufSlice(iobuf("hello"), offset: 1), IobufSlice(iobuf(", world"))])
        let copy = pool.copy(payload)
        #expect(copy.withBytes { Array($0) } == Array("ello, world".utf8))
        #expect(copy.withIovec { $0.iov_len } == 11)
        #expect(pool.counts.copies == 1 && pool.counts.copiedBytes == 11)
        #expect(pool.copy(Payload.empty).count == 0)
    }
}

private final class Mailbox: Sendable {
    private let content = Mutex<(UInt64, Iobuf)?>(nil)
    var isFull: Bool { content.withLock { $0 != nil } }
    func swap(_ new: (UInt64, Iobuf)?) -> (UInt64, Iobuf)? {
        content.withLock { content in
            defer { content = new }
            return content
        }
    }
}
