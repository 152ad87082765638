import RangeMapping
import ReplicaState
import Testing
import TranslatorCore

@testable import HealEngine

@Suite struct HealClearingTests {
    static let keys = (0..<3).map { "trusted.afr.c\($0)" }
    static let unit = BypassCounts.epochUnit

    static func plan(
        _ matrix: PendingMatrix, target: Int?, source: Int = 0, sinks: [HealPlan.Sink], opened: Int32 = 0
    ) -> HealPlan {
        let bypass = Array(repeating: Array(repeating: BypassCounts(opened: opened), count: 3), count: 3)
        let facts = HealFacts(
            gfid: .root, matrix: matrix, bypass: bypass, iatts: [Iatt(), Iatt(), Iatt()], markRefused: [])
        return HealPlan(facts: facts, source: source, target: target, sinks: sinks, isEpochOpen: false, reason: "")
    }
    static func range(_ replica: Int, _ epochs: Int32) -> HealPlan.Sink {
        HealPlan.Sink(
            replica: replica, work: .ranges(ByteRanges(ByteRange(start: 0, end: 1))), takenOff: unit * epochs,
            epochs: epochs, generation: epochs)
    }
    static func whole(_ replica: Int, _ takenOff: Int32, _ epochs: Int32) -> HealPlan.Sink {
        HealPlan.Sink(
            replica: replica, work: .whole(byChecksum: true), takenOff: takenOff, epochs: epochs, generation: epochs)
    }
    func data(_ clearing: HealPlan.Clearing?, _ key: String) throws -> Int32 {
        try PendingCounts(xattr: #require(clearing).deltas[key]).data
    }

    @Test func `a range heal touches only the target's keys, and names all of them`() throws {
        var matrix = PendingMatrix(replicas: 3)
        matrix.counts[0][1].data = 3 * Self.unit
        matrix.counts[0][2].data = 2 * Self.unit
        matrix.counts[0][1].metadata = 7
        let plan = Self.plan(matrix, target: 0, sinks: [Self.range(1, 2), Self.range(2, 2)])
        let clearings = plan.clearings(failed: [], keys: Self.keys)
        #expect(clearings.map(\.replica) == [0])
        let only = clearings.first
        #expect(try data(only, Self.keys[1]) == -2 * Self.unit)
        #expect(try data(only, Self.keys[2]) == -2 * Self.unit)
        #expect(try BypassCounts(xattr: only!.deltas["trusted.afr.bypass.c1"]) == BypassCounts(opened: 0, healed: 2))
        #expect(
            Set(only!.deltas.keys)
                == Set(Self.keys + ["trusted.afr.dirty", "trusted.afr.bypass.c1", "trusted.afr.bypass.c2"]))
        // What other kinds of heal have to do is left to them.
        #expect(try PendingCounts(xattr: only!.deltas[Self.keys[1]]).metadata == 0)
    }

    @Test func `a failed sink keeps its counts, and gets one only if it had none`() throws {
        var matrix = PendingMatrix(replicas: 3)
        matrix.counts[0][1].data = 5
        matrix.dirty[0].data = 1
        matrix.dirty[2].data = 1
        let plan = Self.plan(matrix, target: nil, sinks: [Self.whole(1, 0, 0), Self.whole(2, 0, 0)])
        var clearings = plan.clearings(failed: [1], keys: Self.keys)
        #expect(clearings.map(\.replica) == [0, 2])
        #expect(try data(clearings[0], Self.keys[1]) == 0)
        #expect(try data(clearings[0], Self.keys[2]) == 0)
        #expect(try data(clearings[0], PendingCounts.dirtyKey) == -1)
        #expect(try data(clearings[1], PendingCounts.dirtyKey) == -1)

        clearings = plan.clearings(failed: [2], keys: Self.keys)
        #expect(clearings.map(\.replica) == [0, 1])
        #expect(try data(clearings[0], Self.keys[1]) == -5)
        #expect(try data(clearings[0], Self.keys[2]) == 1, "it was to be healed for dirty alone: now it is accused")
    }

    @Test func `a failed sink of bypass epochs keeps exactly its count`() throws {
        var matrix = PendingMatrix(replicas: 3)
        matrix.counts[0][1].data = 2 * Self.unit
        matrix.counts[0][2].data = 2 * Self.unit + 1
        let plan = Self.plan(matrix, target: 0, sinks: [Self.range(1, 2), Self.whole(2, 2 * Self.unit + 1, 2)])
        let clearings = plan.clearings(failed: [2], keys: Self.keys)
        let target = clearings.first { $0.replica == 0 }
        #expect(try data(target, Self.keys[1]) == -2 * Self.unit)
        #expect(try data(target, Self.keys[2]) == 0)
        #expect(target!.deltas["trusted.afr.bypass.c2"] == nil)
    }

    @Test func `when every sink failed nothing is taken off`() {
        var matrix = PendingMatrix(replicas: 3)
        matrix.counts[0][1].data = 2 * Self.unit
        let plan = Self.plan(matrix, target: 0, sinks: [Self.range(1, 2)])
        #expect(plan.clearings(failed: [1], keys: Self.keys).isEmpty)
    }

    @Test func `without a failed sink a whole-file heal's xattrops are those of GlusterFS's undo`() throws {
        // Goal: where no bypass is involved, ours is the undo of gluster-disk-format.md §5.4, key by key. Method: every
        // matrix of three replicas with counts 0 and 2 against others.
        for bits in 0..<64 {
            var matrix = PendingMatrix(replicas: 3)
            var bit = 0
            for i in 0..<3 {
                for j in 0..<3 where i != j {
                    matrix.counts[i][j].data = bits >> bit & 1 == 1 ? 2 : 0
                    bit += 1
                }
                matrix.dirty[i].data = Int32(i % 2)
            }
            let plan = Self.plan(matrix, target: nil, sinks: [Self.whole(1, 0, 0), Self.whole(2, 0, 0)])
            let undo = matrix.undo(.data, keys: Self.keys)
            for clearing in plan.clearings(failed: [], keys: Self.keys) {
                #expect(clearing.deltas == undo[clearing.replica], "matrix \(bits)")
            }
        }
    }
}
