import Testing
import TranslatorCore
import TranslatorTesting

@Suite struct InodelkTests {
    @Test func `one owner's locks stack, and each needs a release of its own`() async throws {
        let stack = try LockingStack()
        try await stack.inodelk(.tryAcquire, 1)
        try await stack.inodelk(.tryAcquire, 1)
        try await stack.inodelk(.tryAcquire, 1, LockRange(start: 10, length: 5))
        #expect(await fopError { try await stack.inodelk(.tryAcquire, 2) } == .tryAgain)
        try await stack.inodelk(.release, 1)
        #expect(await fopError { try await stack.inodelk(.tryAcquire, 2) } == .tryAgain)
        try await stack.inodelk(.release, 1)
        #expect(await fopError { try await stack.inodelk(.tryAcquire, 2) } == .tryAgain)
        try await stack.inodelk(.release, 1, LockRange(start: 10, length: 5))
        try await stack.inodelk(.tryAcquire, 2)
    }

    @Test func `a release of what is not held is EINVAL`() async throws {
        let stack = try LockingStack()
        #expect(await fopError { try await stack.inodelk(.release, 1) } == .invalid)
        try await stack.inodelk(.tryAcquire, 1, LockRange(start: 0, length: 100))
        #expect(await fopError { try await stack.inodelk(.release, 1, LockRange(start: 0, length: 99)) } == .invalid)
        #expect(await fopError { try await stack.inodelk(.release, 2, LockRange(start: 0, length: 100)) } == .invalid)
        #expect(
            await fopError { try await stack.inodelk(.release, 1, LockRange(start: 0, length: 100), domain: "x") }
                == .invalid)
        try await stack.inodelk(.release, 1, LockRange(start: 0, length: 100))
        #expect(try await stack.count() == 0)
    }

    @Test func `read locks share, write locks do not, and ranges and domains keep apart`() async throws {
        let stack = try LockingStack()
        try await stack.inodelk(.tryAcquire, 1, mode: .read)
        try await stack.inodelk(.tryAcquire, 2, mode: .read)
        #expect(await fopError { try await stack.inodelk(.tryAcquire, 3, mode: .write) } == .tryAgain)
        try await stack.inodelk(.tryAcquire, 3, mode: .write, domain: "other")
        try await stack.inodelk(.release, 1)
        try await stack.inodelk(.release, 2)
        try await stack.inodelk(.tryAcquire, 1, LockRange(start: 0, length: 10))
        try await stack.inodelk(.tryAcquire, 2, LockRange(start: 10, length: 10))
        #expect(await fopError { try await stack.inodelk(.tryAcquire, 3, LockRange(start: 9, length: 1)) } == .tryAgain)
        #expect(
            await fopError { try await stack.inodelk(.tryAcquire, 3, LockRange(start: 15, length: 0)) } == .tryAgain)
    }

    @Test func `AFR's metadata range never meets whole-file locks`() async throws {
        let stack = try LockingStack()
        try await stack.inodelk(.tryAcquire, 1, .whole)
        try await stack.inodelk(.tryAcquire, 2, .metadata)
        #expect(await fopError { try await stack.inodelk(.tryAcquire, 3, .metadata) } == .tryAgain)
        #expect(stack.events.inodelkContentions.map(\.0) == ["vol-replicate-0"])
        try await stack.inodelk(.release, 2, .metadata)
        try await stack.inodelk(.tryAcquire, 3, .metadata)
    }

    @Test(arguments: [LockRange(start: 1 << 63, length: 1), LockRange(start: 0, length: 1 << 63)])
    func `a range beyond signed offsets is EINVAL`(range: LockRange) async throws {
        let stack = try LockingStack()
        #expect(await fopError { try await stack.inodelk(.acquire, 1, range) } == .invalid)
    }

    @Test func `the reserved bytes at the top exclude whole-file lockers but not each other`() async throws {
        let stack = try LockingStack()
        try await stack.inodelk(.tryAcquire, 1, LockRange(start: 1 << 63 - 3, length: 1))
        try await stack.inodelk(.tryAcquire, 2, LockRange(start: 1 << 63 - 5, length: 1))
        try await stack.inodelk(.tryAcquire, 3, LockRange(start: 0, length: 1 << 63 - 6))
        #expect(await fopError { try await stack.inodelk(.tryAcquire, 4, .whole) } == .tryAgain)
    }

    @Test func `waiters are served in the order in which they came`() async throws {
        let stack = try LockingStack()
        try await stack.inodelk(.acquire, 1)
        let order = Order()
        let waiters = await withTaskGroup(of: Void.self) { group in
            for owner in 2...6 as ClosedRange<UInt64> {
                group.addTask {
                    try? await stack.inodelk(.acquire, owner)
                    order.append(owner)
                    try? await stack.inodelk(.release, owner)
                }
                #expect(await stack.waitUntil(count: Int64(owner)))
            }
            try? await stack.inodelk(.release, 1)
            await group.waitForAll()
            return order.all
        }
        #expect(waiters == [2, 3, 4, 5, 6])
        #expect(try await stack.count() == 0)
    }

    @Test func `a whole-file waiter is not overtaken by ranges, but a holder gets what it still needs`() async throws {
        let stack = try LockingStack()
        let low = LockRange(start: 0, length: 10), high = LockRange(start: 100, length: 10)
        try await stack.inodelk(.acquire, 1, low)
        async let whole: Void = stack.inodelk(.acquire, 2)
        #expect(await stack.waitUntil(count: 2))
        #expect(await fopError { try await stack.inodelk(.tryAcquire, 3, high) } == .tryAgain)
        try await stack.inodelk(.tryAcquire, 1, high)
        try await stack.inodelk(.release, 1, high)
        try await stack.inodelk(.release, 1, low)
        try await whole
        #expect(await fopError { try await stack.inodelk(.tryAcquire, 3, high) } == .tryAgain)
        try await stack.inodelk(.release, 2)
        try await stack.inodelk(.tryAcquire, 3, high)
    }

    @Test func `a cancelled wait ends with EINTR and frees those behind it`() async throws {
        let stack = try LockingStack()
        let low = LockRange(start: 0, length: 10), high = LockRange(start: 100, length: 10)
        try await stack.inodelk(.acquire, 1, low)
        let whole = Task { await fopError { try await stack.inodelk(.acquire, 2) } }
        #expect(await stack.waitUntil(count: 2))
        let behind = Task { await fopError { try await stack.inodelk(.acquire, 3, high) } }
        #expect(await stack.waitUntil(count: 3))
        whole.cancel()
        #expect(await whole.value == .interrupted)
        #expect(await behind.value == nil)
        #expect(try await stack.count() == 2)
    }

    @Test func `a task that is cancelled beforehand does not wait`() async throws {
        let stack = try LockingStack()
        try await stack.inodelk(.acquire, 1)
        let late = Task {
            while !Task.isCancelled { await Task.yield() }
            return await fopError { try await stack.inodelk(.acquire, 2) }
        }
        late.cancel()
        #expect(await late.value == .interrupted)
        #expect(try await stack.count() == 1)
    }

    @Test func `a holder is told at once, and then every five seconds at most`() async throws {
        let stack = try LockingStack()
        try await stack.inodelk(.acquire, 1, LockRange(start: 0, length: 10))
        for _ in 0..<3 { _ = await fopError { try await stack.inodelk(.tryAcquire, 2) } }
        #expect(stack.events.inodelkContentions.map(\.1) == [LockRange(start: 0, length: 10)])
        stack.clock.advance(by: .milliseconds(4999))
        _ = await fopError { try await stack.inodelk(.tryAcquire, 2) }
        #expect(stack.events.inodelkContentions.count == 1)
        stack.clock.advance(by: .milliseconds(1))
        _ = await fopError { try await stack.inodelk(.tryAcquire, 2) }
        #expect(stack.events.inodelkContentions.count == 2)
    }

    @Test func `nobody is told of what does not conflict, nor of one's own locks`() async throws {
        let stack = try LockingStack()
        try await stack.inodelk(.acquire, 1, LockRange(start: 0, length: 10))
        try await stack.inodelk(.acquire, 1, LockRange(start: 5, length: 10))
        try await stack.inodelk(.acquire, 2, LockRange(start: 50, length: 10))
        #expect(stack.events.inodelkContentions.isEmpty)
    }

    @Test func `a lock is wanted while another owner waits for it`() async throws {
        let stack = try LockingStack()
        let locks = try #require(stack.graph.top.lockContention)
        let domain = "vol-replicate-0"
        try await stack.inodelk(.acquire, 1, LockRange(start: 1 << 63 - 3, length: 1))
        #expect(!locks.isWanted(stack.inode.gfid, domain: domain, range: LockRange(start: 1 << 63 - 3, length: 1)))
        let waiter = Task { await fopError { try await stack.inodelk(.acquire, 2) } }
        #expect(await stack.waitUntil(count: 2))
        #expect(locks.isWanted(stack.inode.gfid, domain: domain, range: LockRange(start: 1 << 63 - 3, length: 1)))
        #expect(!locks.isWanted(stack.inode.gfid, domain: domain + ":bypass", range: .whole))
        waiter.cancel()
        #expect(await waiter.value == .interrupted)
        #expect(!locks.isWanted(stack.inode.gfid, domain: domain, range: .whole))
    }

    @Test func `a stopped graph ends every wait with ENOTCONN`() async throws {
        let stack = try LockingStack()
        try await stack.inodelk(.acquire, 1)
        let waiter = Task { await fopError { try await stack.inodelk(.acquire, 2) } }
        #expect(await stack.waitUntil(count: 2))
        await stack.graph.stop()
        #expect(await waiter.value == .notConnected)
    }

    @Test func `a gfid that the brick does not have is ESTALE`() async throws {
        let graph = try Graph.fromText(
            """
            volume brick
                type testing/inert
            end-volume
            volume faulty
                type testing/faulty
                subvolumes brick
            end-volume
            volume locks
                type features/locks
                subvolumes faulty
            end-volume
            """)
        (graph["faulty"] as! FaultyTranslator).fail(.stat, with: .noEntry, times: 1)
        let inode = Inode(gfid: .random(), type: .regular)
        let request = InodelkRequest(.inode(inode), domain: "d", command: .tryAcquire, range: .whole)
        #expect(await fopError { _ = try await graph.top.inodelk(request, in: Frame(caller: .root)) } == .stale)
        #expect(await fopError { _ = try await graph.top.inodelk(request, in: Frame(caller: .root)) } == nil)
    }

    @Test func `a statedump says who holds and who waits`() async throws {
        let stack = try LockingStack()
        try await stack.inodelk(.acquire, 7, LockRange(start: 4096, length: 512))
        let waiter = Task { await fopError { try await stack.inodelk(.acquire, 8) } }
        #expect(await stack.waitUntil(count: 2))
        let dump = try #require(stack.locks.dump())
        let locks: StateDump.Value = .table([
            (
                stack.inode.gfid.description,
                .list([
                    .text("inodelk vol-replicate-0 write 4096+512 held by 7"),
                    .text("inodelk vol-replicate-0 write 0+ awaited by 8"),
                ])
            )
        ])
        #expect(dump.entries.first { $0.0 == "locks" }?.1 == locks)
        #expect(dump.entries.first { $0.0 == "waiting" }?.1 == .integer(1))
        waiter.cancel()
        _ = await waiter.value
    }
}
