import Testing
import TranslatorCore
import TranslatorTesting

@Suite struct IobufTrackingTests {
    private let clock = ManualClock()
    private let lines = LogLines()
    private func pool(_ tracking: IobufTracking, quarantine: Int = 1 << 20) -> IobufPool {
        var configuration = IobufPool.Configuration()
        configuration.tracking = tracking
        configuration.quarantineBytesMax = quarantine
        configuration.time = clock
        configuration.log = lines.log
        return IobufPool(configuration)
    }

    @Test func `who holds what for how long is known, grouped by the place that asked`() {
        let pool = pool(.full)
        let first = pool.draft(bytes: 4096, owner: "vol-bypass", fop: .writev, file: "Here/A.swift", line: 7).freeze(
            count: 0)
        clock.advance(by: .seconds(3))
        var others: [Iobuf] = []
        for _ in 0..<2 {
            others.append(pool.draft(owner: "vol-posix", fop: .readv, file: "Here/B.swift", line: 9).freeze(count: 0))
        }
        clock.advance(by: .seconds(1))
        let leaks = pool.leaks()
        #expect(leaks.map(\.owner) == ["vol-posix", "vol-bypass"])
        #expect(leaks.map(\.count) == [2, 1] && leaks.map(\.bytes) == [262_144, 4096])
        #expect(leaks.map(\.age) == [.seconds(1), .seconds(4)])
        #expect(
            leaks[1].description
                == "1 iobuf (4096 bytes) got by vol-bypass for writev at Here/A.swift:7, the oldest 4000 ms ago")
        #expect(pool.leaks(olderThan: .seconds(2)).map(\.owner) == ["vol-bypass"])
        withExtendedLifetime((first, others)) {}
        others = []
        #expect(pool.leaks().map(\.owner) == ["vol-bypass"])
    }

    @Test func `the place of the call is known without being given`() {
        let pool = pool(.full)
        let draft = pool.draft(bytes: 1)
        #expect(pool.leaks().first?.place == "TranslatorCoreTests/IobufTrackingTests.swift:\(#line - 1)")
        _ = draft.freeze(count: 0)
    }

    @Test func `a handle's refs and unrefs leave a trail`() {
        let pool = pool(.full)
        let handle = pool.get()
        handle.ref(file: "P/X.swift", line: 1)
        handle.unref(file: "P/X.swift", line: 2)
        #expect(pool.leaks().first?.trail == ["ref at P/X.swift:1", "unref at P/X.swift:2"])
        handle.unref()
        #expect(pool.leaks().isEmpty)
    }

    @Test func `a sample is every nth buffer, and off is none`() {
        let pool = pool(.sampled(every: 10))
        let held = (0..<100).map { _ in pool.draft(bytes: 1).freeze(count: 0) }
        #expect(pool.leaks().first?.count == 10)
        pool.tracking = .off
        let more = (0..<100).map { _ in pool.draft(bytes: 1).freeze(count: 0) }
        #expect(pool.leaks().first?.count == 10)
        withExtendedLifetime((held, more)) {}
    }

    @Test func `returned memory is poisoned, and a write after the last unref is told with its owner`() {
        let pool = pool(.full)
        let stale: UnsafeMutableRawBufferPointer
        do {
            let handle = pool.get2(4096, owner: "plug-in", fop: .writev, file: "P/X.swift", line: 3)
            stale = handle.bytes
            stale[17] = 1
            handle.unref()
        }
        #expect(stale[17] == 0xDB)
        #expect(pool.counts.active == 0 && pool.checkQuarantine() == 0)
        let again = pool.get2(4096, owner: "plug-in", fop: .writev, file: "P/X.swift", line: 3)
        let stolen = again.bytes
        again.unref()
        stolen[100] = 0
        #expect(pool.checkQuarantine() == 1)
        #expect(
            lines.all == [
                "error plug-in: an iobuf of 4096 bytes was written at byte 100 after its last unref; got by plug-in for writev at P/X.swift:3"
            ])
    }

    @Test func `the quarantine is bounded, and plain allocations pass it too`() {
        let pool = pool(.full, quarantine: 8192)
        for _ in 0..<10 { _ = pool.draft(bytes: 4096).freeze(count: 0) }
        _ = pool.draft(bytes: 2 << 20).freeze(count: 0)
        func quarantined() -> StateDump.Value? { pool.dump().entries.first { $0.0 == "quarantine-bytes" }?.1 }
        #expect(quarantined() == .integer(0))
        _ = pool.draft(bytes: 4096).freeze(count: 0)
        #expect(quarantined() == .integer(4096))
        pool.tracking = .off
        #expect(quarantined() == .integer(0))
        #expect(pool.counts.active == 0)
    }

    @Test func `under guard even a read after the last unref ends the process`() async {
        await #expect(processExitsWith: .signal(11)) {
            let pool = IobufPool()
            pool.tracking = .guarded
            let handle = pool.get()
            let stale = handle.bytes
            handle.unref()
            print(stale[0])
        }
    }

    @Test func `the pool says at its end what was not returned`() {
        var pool: IobufPool? = pool(.full)
        let late = pool!.draft(bytes: 4096, owner: "vol-bypass", fop: .writev, file: "Here/A.swift", line: 7).freeze(
            count: 0)
        pool = nil
        #expect(
            lines.all == [
                "warning vol-bypass: leaked: 1 iobuf (4096 bytes) got by vol-bypass for writev at Here/A.swift:7, the oldest 0 ms ago"
            ])
        withExtendedLifetime(late) {}
    }
}
