import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// Two opens of one lock file are to the kernel what two processes are.
@Suite struct KernelLockFileTests {
    private let scratch = TemporaryDirectory()
    private let here: KernelLockFile, there: KernelLockFile
    private let region: UInt64 = 1 << 31 - 1

    init() throws {
        _ = scratch.subdirectory(".glusterfs")
        here = try LockDirectory(brick: scratch.path) { _ in }.open(7)
        there = try LockDirectory(brick: scratch.path) { _ in }.open(7)
    }

    private func holding(_ start: UInt64, _ length: UInt64, _ level: SpanHoldings.Level = .write)
        -> SpanHoldings.Holding
    {
        .init(span: KernelSpan(LockRange(start: start, length: length)), level: level)
    }
    private let whole = SpanHoldings.Holding(span: .whole, level: .write)

    @Test func `a release takes off only what nobody else here holds`() throws {
        #expect(try here.take(whole, in: region, waiting: nil, isNested: false))
        let byte = holding(1 << 63 - 3, 1)
        #expect(try here.take(byte, in: region, waiting: nil, isNested: true))
        try here.giveBack(whole, in: region)
        #expect(try !there.take(byte, in: region, waiting: nil, isNested: false))
        #expect(try there.take(holding(0, 1 << 20), in: region, waiting: nil, isNested: false))
        #expect(try !here.take(whole, in: region, waiting: nil, isNested: true))
        try here.giveBack(byte, in: region)
        #expect(try there.take(byte, in: region, waiting: nil, isNested: true))
    }

    @Test func `a write lock that shrinks to a read lock lets readers in, no writers`() throws {
        #expect(try here.take(holding(0, 8192, .read), in: region, waiting: nil, isNested: false))
        #expect(try here.take(holding(0, 4096, .write), in: region, waiting: nil, isNested: true))
        #expect(try !there.take(holding(0, 4096, .read), in: region, waiting: nil, isNested: false))
        try here.giveBack(holding(0, 4096, .write), in: region)
        #expect(try there.take(holding(0, 4096, .read), in: region, waiting: nil, isNested: false))
        #expect(try !there.take(holding(4096, 4096, .write), in: region, waiting: nil, isNested: true))
    }

    @Test func `a reader under its own write lock takes the rest, or nothing`() throws {
        #expect(try here.take(holding(1 << 20, 4096, .write), in: region, waiting: nil, isNested: false))
        #expect(try there.take(holding(2 << 20, 4096, .write), in: region, waiting: nil, isNested: false))
        let all = holding(0, 0, .read)
        #expect(try !here.take(all, in: region, waiting: nil, isNested: true))
        // What was taken before the refusal has gone again.
        #expect(try there.take(holding(0, 4096, .write), in: region, waiting: nil, isNested: true))
        try there.giveBack(holding(0, 4096, .write), in: region)
        try there.giveBack(holding(2 << 20, 4096, .write), in: region)
        #expect(try here.take(all, in: region, waiting: nil, isNested: true))
        #expect(try there.take(holding(0, 4096, .read), in: region, waiting: nil, isNested: false))
        #expect(try !there.take(holding(1 << 20, 4096, .read), in: region, waiting: nil, isNested: true))
    }

    @Test func `who comes later waits behind those that it conflicts with, and only behind them`() throws {
        #expect(try here.take(holding(0, 4096), in: region, waiting: nil, isNested: false))
        #expect(try !there.take(whole, in: region, waiting: nil, isNested: false))
        try there.wait(1, for: whole, in: region, isNested: false)
        #expect(try here.isWanted(holding(0, 4096), in: region))
        #expect(try !here.take(holding(1 << 20, 4096), in: region, waiting: nil, isNested: false))
        #expect(try here.take(holding(1 << 20, 4096), in: region, waiting: nil, isNested: true))
        try here.giveBack(holding(1 << 20, 4096), in: region)
        try here.giveBack(holding(0, 4096), in: region)
        #expect(try !here.take(holding(0, 4096), in: region, waiting: nil, isNested: false))
        #expect(try there.take(whole, in: region, waiting: 1, isNested: false))
        try there.waitNoMore(1, for: whole, in: region)
        #expect(try !here.isWanted(holding(0, 4096), in: region))
    }

    @Test func `a waiting reader does not hold up readers, nor is a reader's lock wanted by one`() throws {
        #expect(try here.take(holding(0, 4096, .write), in: region, waiting: nil, isNested: false))
        try there.wait(1, for: holding(0, 0, .read), in: region, isNested: false)
        #expect(try here.take(holding(1 << 20, 4096, .read), in: region, waiting: nil, isNested: false))
        #expect(try here.isWanted(holding(0, 4096, .write), in: region))
        #expect(try !here.isWanted(holding(1 << 20, 4096, .read), in: region))
    }

    @Test func `those that wait go in the order in which they came, across processes`() throws {
        #expect(try here.take(whole, in: region, waiting: nil, isNested: false))
        try there.wait(1, for: whole, in: region, isNested: false)
        try here.wait(2, for: whole, in: region, isNested: false)
        try there.wait(3, for: whole, in: region, isNested: false)
        try here.giveBack(whole, in: region)
        #expect(try !here.take(whole, in: region, waiting: 2, isNested: false))
        // Its own process has 1 before 3: the table knows.
        #expect(try there.take(whole, in: region, waiting: 1, isNested: false))
        try there.waitNoMore(1, for: whole, in: region)
        try there.giveBack(whole, in: region)
        #expect(try !there.take(whole, in: region, waiting: 3, isNested: false))
        #expect(try here.take(whole, in: region, waiting: 2, isNested: false))
        try here.waitNoMore(2, for: whole, in: region)
        try here.giveBack(whole, in: region)
        #expect(try there.take(whole, in: region, waiting: 3, isNested: false))
    }

    @Test func `places begin anew when nobody waits, and regions know nothing of each other`() throws {
        for id in 1...100 as ClosedRange<UInt64> {
            try here.wait(id, for: whole, in: region, isNested: false)
            try here.waitNoMore(id, for: whole, in: region)
        }
        #expect(try here.take(whole, in: region, waiting: nil, isNested: false))
        #expect(try there.take(whole, in: region - 1, waiting: nil, isNested: false))
        #expect(try there.take(whole, in: 0, waiting: nil, isNested: false))
        #expect(try !there.take(whole, in: region, waiting: nil, isNested: false))
    }
}
