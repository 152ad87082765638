import ReplicaState
import Testing
import TranslatorCore

@testable import Translators

/// Which marks keep a replica from holding what an fsync waits for: DESIGN §3.1 step 6.
@Suite struct SyncInspectionTests {
    private let marks = EpochMarks(pendingKeys: ["trusted.afr.a", "trusted.afr.b", "trusted.afr.c"], target: 0)

    private func holds(
        _ xdata: [Xdata] = [[:], [:], [:]], pending: Int32 = 0, _ bypass: BypassCounts = BypassCounts()
    ) -> [Bool] {
        var counts = EpochCounts(
            pending: Array(repeating: .zero, count: 3), bypass: Array(repeating: BypassCounts(), count: 3),
            sinks: [1, 2])
        (counts.pending[1].data, counts.bypass[1]) = (pending, bypass)
        let answers = xdata.map { one -> EpochInspection.Answer in
            .some(.success(LookupReply(iatt: Iatt(), xdata: one)))
        }
        return SyncInspection(answers, counts, through: 3, marks).holds
    }

    @Test func `whom nobody accuses and nothing makes dirty holds all`() {
        #expect(holds() == [true, true, true])
        let one = XdataValue.bytes(PendingCounts(data: 1).xattr)
        #expect(holds([[:], [PendingCounts.dirtyKey: one], [:]]) == [true, false, true])
        #expect(holds([[:], [:], ["trusted.afr.b": one]]) == [true, false, true])
        #expect(holds([[:], [:], ["trusted.afr.a": one]]) == [false, true, true])
    }

    @Test func `epochs after the fsync's are no hindrance, what others counted is`() {
        let unit = BypassCounts.epochUnit
        #expect(holds(pending: unit, BypassCounts(opened: 4, healed: 3)) == [true, true, true])
        #expect(holds(pending: unit * 2, BypassCounts(opened: 4, healed: 2)) == [true, false, true])
        #expect(holds(pending: unit + 1, BypassCounts(opened: 4, healed: 3)) == [true, false, true])
        #expect(holds(pending: 1, BypassCounts(opened: 4, healed: 4)) == [true, false, true])
    }
}
