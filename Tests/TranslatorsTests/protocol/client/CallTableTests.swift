import Testing
import TranslatorCore

@testable import Translators

@Suite struct CallTableTests {
    private let now = MonotonicTime(nanoseconds: 0)

    @Test func `numbers go round without meeting a call that still waits, or that of pings`() throws {
        var table = CallTable<String>(callsMax: 10, lastXid: .max - 2)
        #expect(try table.begin("lock") == .max - 1)
        #expect(try table.begin("a") == .max)
        #expect(try table.begin("b") == 1)
        var round = CallTable<String>(callsMax: 10, lastXid: 4)
        #expect(try round.begin("lock") == 5)
        for xid in UInt32(6)..<9 {
            #expect(try round.begin("x") == xid)
            #expect(round.end(xid)?.waiter == "x")
        }
        #expect(round.count == 1)
        #expect(round.end(6) == nil)
    }

    @Test func `one call too many is refused, and one more fits when one has ended`() throws {
        var table = CallTable<Int>(callsMax: 2)
        let first = try table.begin(1)
        _ = try table.begin(2)
        #expect(throws: FopError.noBuffers) { try table.begin(3) }
        #expect(table.end(first)?.waiter == 1)
        _ = try table.begin(3)
        #expect(table.count == 2)
    }

    @Test func `only what has a deadline is ever late`() throws {
        var table = CallTable<String>(callsMax: 10)
        _ = try table.begin("lock")
        _ = try table.begin("soon", deadline: now + .seconds(1))
        let later = try table.begin("later", payloadBytesMax: 7, deadline: now + .seconds(2))
        #expect(table.expire(at: now + .milliseconds(999)).isEmpty)
        #expect(table.expire(at: now + .seconds(1)).map(\.waiter) == ["soon"])
        #expect((table.payloadBytesMax(of: later), table.readCount) == (7, 1))
        #expect(table.expire(at: now + .seconds(1_000_000)).map(\.waiter) == ["later"])
        #expect((table.payloadBytesMax(of: later), table.readCount, table.count) == (nil, 0, 1))
    }

    @Test func `a closed table gives everybody back once, and takes nobody`() throws {
        var table = CallTable<Int>(callsMax: 10)
        for waiter in 0..<5 { _ = try table.begin(waiter, payloadBytesMax: waiter) }
        #expect(table.close().map(\.waiter).sorted() == [0, 1, 2, 3, 4])
        #expect(table.close().isEmpty)
        #expect((table.count, table.readCount) == (0, 0))
        #expect(throws: FopError.notConnected) { try table.begin(9) }
    }
}

@Suite struct LivenessTests {
    private static func at(_ seconds: Double) -> MonotonicTime { MonotonicTime(nanoseconds: Int64(seconds * 1e9)) }

    @Test func `silence is pinged once at half of the ping-timeout, and ends the connection at all of it`() {
        var liveness = Liveness(pingTimeout: .seconds(42), now: Self.at(0))
        #expect(liveness.next(at: Self.at(1)) == .wait(.seconds(20)))
        #expect(liveness.next(at: Self.at(21)) == .ping)
        #expect(liveness.next(at: Self.at(21)) == .wait(.seconds(21)))
        liveness.heard(at: Self.at(30))
        #expect(liveness.next(at: Self.at(42)) == .wait(.seconds(9)))
        #expect(liveness.next(at: Self.at(51)) == .ping)
        #expect(liveness.next(at: Self.at(71)) == .wait(.seconds(1)))
        #expect(liveness.next(at: Self.at(72)) == .giveUp)
    }

    @Test func `a ping-timeout of zero waits for ever`() {
        var liveness = Liveness(pingTimeout: .zero, now: Self.at(0))
        #expect(liveness.next(at: Self.at(1e6)) == .wait(nil))
    }
}
