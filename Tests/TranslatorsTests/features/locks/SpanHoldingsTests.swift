import Testing
import TranslatorCore

@testable import Translators

@Suite struct SpanHoldingsTests {
    @Test(arguments: 1...300 as ClosedRange<UInt64>)
    func `the kernel, told of every change, holds just the union of the holdings`(seed: UInt64) {
        // Method: random holdings come and go; an array of levels plays the kernel and is compared byte by byte.
        var random = SeededGenerator(seed: seed)
        let bytes = 24
        var holdings = SpanHoldings()
        var kernel = [SpanHoldings.Level](repeating: .none, count: bytes)
        func tell(_ changes: [SpanHoldings.Change]) {
            for change in changes {
                for byte in change.span.first...change.span.last { kernel[Int(byte)] = change.level }
            }
        }
        for step in 1...80 {
            if Bool.random(using: &random) || holdings.isEmpty {
                let first = UInt64.random(in: 0..<UInt64(bytes), using: &random)
                let span = KernelSpan(first: first, last: UInt64.random(in: first..<UInt64(bytes), using: &random))
                let holding = SpanHoldings.Holding(span: span, level: Bool.random(using: &random) ? .read : .write)
                let changes = holdings.changes(taking: holding)
                #expect(changes.allSatisfy { $0.level == holding.level })
                tell(changes)
                holdings.add(holding)
            } else {
                let gone = holdings.holdings.randomElement(using: &random)!
                holdings.remove(gone)
                let changes = holdings.changes(releasing: gone)
                #expect(changes.allSatisfy { $0.level < gone.level })
                tell(changes)
            }
            let union = (0..<UInt64(bytes)).map { byte in
                holdings.holdings.filter { $0.span.first <= byte && byte <= $0.span.last }.map(\.level).max() ?? .none
            }
            #expect(kernel == union, "seed \(seed) step \(step)")
        }
    }

    @Test func `what nothing stronger lies under is taken in one call, whole or not at all`() {
        var holdings = SpanHoldings()
        holdings.add(.init(span: KernelSpan(first: 10, last: 19), level: .read))
        let whole = SpanHoldings.Holding(span: KernelSpan(first: 0, last: 99), level: .write)
        #expect(holdings.changes(taking: whole) == [.init(span: whole.span, level: .write)])
    }
}

@Suite struct KernelSpanTests {
    private let edges: [UInt64] = [
        0, 1, 4095, 4096, 131_072, 1 << 41 - 1, 1 << 41, 1 << 41 + 1 << 35, 1 << 62, 1 << 63 - 1 << 16 - 1,
        1 << 63 - 1 << 16,
        1 << 63 - 6, 1 << 63 - 5, 1 << 63 - 4, 1 << 63 - 3, 1 << 63 - 2, 1 << 63 - 1,
    ]

    @Test func `ranges that overlap have spans that overlap, whatever the offsets`() {
        var ranges: [LockRange] = [.whole, .metadata]
        for start in edges {
            ranges.append(LockRange(start: start, length: 0))
            for end in edges where end > start { ranges.append(LockRange(start: start, length: end - start)) }
        }
        for one in ranges {
            #expect(KernelSpan(one).first <= KernelSpan(one).last && KernelSpan(one).last <= KernelSpan.whole.last)
            for other in ranges where one.overlaps(other) { #expect(KernelSpan(one).overlaps(KernelSpan(other))) }
        }
        #expect(KernelSpan(.whole) == .whole)
    }

    @Test func `the protocol's reserved bytes and heal windows keep apart`() {
        let ranges = [
            LockRange(start: 0, length: 131_072), LockRange(start: 131_072, length: 131_072),
            LockRange(start: 1 << 40, length: 131_072), LockRange(start: 1 << 41, length: 1 << 63 - 6 - 1 << 41),
            LockRange(start: 1 << 63 - 5, length: 1), LockRange(start: 1 << 63 - 3, length: 1), .metadata,
        ]
        for (position, one) in ranges.enumerated() {
            for other in ranges[..<position] {
                #expect(!KernelSpan(one).overlaps(KernelSpan(other)), "\(one) \(other)")
            }
        }
    }

    @Test func `places are those that other processes and versions compute`() {
        // Golden: a change here lets old and new processes pass each other by.
        let gfid = Gfid("25312cdb-0000-4000-8000-000000000070")!
        let place = LockPlace(gfid, kind: 1, domain: "vol-replicate-0")
        #expect((place.file, place.region) == (172, 789_364_946))
        #expect(LockPlace(gfid, kind: 1, domain: "vol-replicate-0:bypass").file == place.file)
        #expect(LockPlace(gfid, kind: 1, domain: "vol-replicate-0:bypass").region != place.region)
        #expect(LockPlace(gfid, kind: 2, domain: "vol-replicate-0").region != place.region)
    }
}
