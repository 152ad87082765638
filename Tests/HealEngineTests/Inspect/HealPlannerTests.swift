import HealProtocol
import RangeMapping
import ReplicaState
import Testing
import TranslatorCore

@testable import HealEngine

/// DESIGN §3.3, steps 2 and 3, over every state of a small world, against the text written down a second time.
@Suite struct HealPlannerTests {
    /// One file on two replicas; replica 0 accuses replica 1.
    struct Situation: Hashable, CustomStringConvertible {
        var healed = 5
        var missing = 0
        var pending = 0
        /// Bit i: epoch healed + 1 + i is complete.
        var complete = 0
        var refused: Set<Int> = []
        var dirty: [Int32] = [0, 0]
        var newest = EpochView.Newest.closed
        var description: String {
            "healed \(healed) missing \(missing) P \(pending) complete \(String(complete, radix: 2)) refused \(refused) dirty \(dirty) newest \(newest)"
        }
        func hash(into hasher: inout Hasher) { hasher.combine(description) }
    }
    static let unit = 65_536
    static let sizes: [UInt64] = [1000, 1000]

    static func facts(_ s: Situation) -> HealFacts {
        var matrix = PendingMatrix(replicas: 2)
        matrix.counts[0][1].data = Int32(s.pending)
        for i in 0..<2 { matrix.dirty[i].data = s.dirty[i] }
        var bypass = Array(repeating: Array(repeating: BypassCounts(), count: 2), count: 2)
        bypass[0][1] = BypassCounts(opened: Int32(s.healed + s.missing), healed: Int32(s.healed))
        return HealFacts(
            gfid: .root, matrix: matrix, bypass: bypass,
            iatts: sizes.map {
                var iatt = Iatt()
                iatt.size = $0
                return iatt
            }, markRefused: s.refused)
    }
    /// Epoch g wrote the byte g.
    static func view(_ s: Situation) -> EpochView {
        EpochView(
            run: { first, last in
                var ranges = ByteRanges()
                var length = 0
                while first + length <= last, s.complete >> (first + length - s.healed - 1) & 1 == 1 {
                    let byte = UInt64(first + length)
                    ranges.insert(ByteRange(start: byte, end: byte + 1))
                    length += 1
                }
                return (length, ranges)
            }, newest: s.refused.contains(0) ? .mayBeOpen(until: nil) : s.newest)
    }
    static func decide(
        _ s: Situation, hasAsked: Bool = true, wholeFilesFrom: MonotonicTime? = nil,
        planner: HealPlanner = HealPlanner(quorum: .none)
    ) -> HealDecision {
        planner.decide(
            facts(s), epochs: { _ in view(s) }, hasAsked: hasAsked, now: MonotonicTime(nanoseconds: 1000),
            wholeFilesFrom: wholeFilesFrom)
    }

    static let all: [Situation] = {
        var all: [Situation] = []
        for missing in 0...3 {
            for pending in [0, 1, 2] + (1...4).flatMap({ [unit * $0, unit * $0 + 1, unit * $0 - 1] }) {
                for complete in 0..<(1 << missing) {
                    for refused in [[], [0], [1], [0, 1]] as [Set<Int>] {
                        for dirty in [[0, 0], [1, 0], [0, 1], [1, 1]] as [[Int32]] {
                            for newest in [
                                EpochView.Newest.closed, .mayBeOpen(until: nil),
                                .mayBeOpen(until: MonotonicTime(nanoseconds: 2000)),
                            ] {
                                all.append(
                                    Situation(
                                        missing: missing, pending: pending, complete: complete, refused: refused,
                                        dirty: dirty, newest: newest))
                            }
                        }
                    }
                }
            }
        }
        return all
    }()

    /// The text of DESIGN §3.3 for two replicas, as literally as code can be.
    static func expected(_ s: Situation) -> String {
        let isDirty = s.dirty != [0, 0]
        if s.pending == 0 {
            if !isDirty { return "clean" }
            // None holds data counts: whole file by AFR's rules with no epoch open, else requeue.
            return s.refused.isEmpty ? "afr" : "later elsewhere"
        }
        let bypass = !s.refused.isEmpty || s.missing != 0 || s.pending >= unit
        if !bypass { return "afr" }
        if !s.refused.isSubset(of: [0]) { return "later elsewhere" }
        let isOpen = s.refused == [0] || (s.missing != 0 && s.newest != .closed)
        var run = 0
        while run < s.missing, s.complete >> run & 1 == 1 { run += 1 }
        if s.pending == unit * s.missing, !isDirty, run > 0, run == s.missing || isOpen {
            let bytes = (1...run).map { s.healed + $0 }
            return "range \(bytes) off \(unit * run) healed +\(run)"
        }
        let k = isOpen ? min(2, s.pending / unit) : 0
        let (off, add) = (s.pending - unit * k, max(0, s.missing - k))
        if off == 0 && add == 0 && !isDirty { return "later close" }
        // Beyond the text: an epoch that nobody marks ends soon, and is waited for rather than copied twice.
        if s.refused.isEmpty, isOpen, case .mayBeOpen(until: .some) = s.newest { return "later close" }
        return "whole off \(off) healed +\(add)"
    }
    static func text(_ decision: HealDecision) -> String {
        switch decision {
        case .clean: return "clean"
        case .noSink: return "no sink"
        case .splitBrain: return "split-brain"
        case .ask: return "ask"
        case .later(.epochElsewhere): return "later elsewhere"
        case .later(.targetIsNoSource): return "later no source"
        case .later(.close): return "later close"
        case .later(.wholeFileBackOff): return "later back-off"
        case .copy(let plan):
            if plan.target == nil { return "afr" }
            let sink = plan.sinks[0]
            if case .ranges(let ranges) = sink.work {
                return
                    "range \(ranges.ranges.flatMap { Array($0.start..<$0.end) }) off \(sink.takenOff) healed +\(sink.epochs)"
            }
            return "whole off \(sink.takenOff) healed +\(sink.epochs)"
        }
    }

    @Test func `every state of two replicas is decided as the protocol says`() {
        #expect(Self.all.count > 5000)
        var kinds: Set<String> = []
        for situation in Self.all {
            let decision = Self.text(Self.decide(situation))
            #expect(decision == Self.expected(situation), "\(situation)")
            kinds.insert(String(decision.prefix(7)))
        }
        #expect(kinds == ["clean", "afr", "later e", "later c", "range [", "whole o"])
    }

    @Test func `no decision takes off more than was read, or touches an epoch that may be open`() {
        for situation in Self.all {
            guard case .copy(let plan) = Self.decide(situation), let sink = plan.sinks.first, plan.target != nil else {
                continue
            }
            let left = situation.pending - Int(sink.takenOff)
            #expect(sink.takenOff >= 0 && left >= 0, "\(situation)")
            #expect(Int(sink.epochs) <= situation.missing, "\(situation)")
            if plan.isEpochOpen, case .whole = sink.work {
                #expect(
                    left >= Self.unit * min(2, situation.pending / Self.unit),
                    "\(situation): an open epoch is taken off")
            }
            if case .ranges = sink.work {
                #expect(Int(sink.takenOff) == Self.unit * Int(sink.epochs), "\(situation)")
            }
            #expect(sink.generation == Int32(situation.healed) + sink.epochs)
        }
    }

    @Test func `journal and writers are asked once, and only where an answer could change the plan`() {
        for situation in Self.all {
            let before = Self.decide(situation, hasAsked: false)
            guard case .ask(let target, let generations) = before else {
                #expect(before == Self.decide(situation), "\(situation)")
                continue
            }
            #expect(target == 0)
            #expect(generations.upperBound == Int32(situation.healed + situation.missing))
            // Had every epoch been complete and closed, the decision would be another, or the reason to wait would go.
            var informed = situation
            (informed.complete, informed.newest) = ((1 << situation.missing) - 1, .closed)
            #expect(Self.decide(informed) != Self.decide(situation), "\(situation)")
        }
    }

    @Test func `whole-file heals under an open epoch back off, ranges and closed files do not`() {
        let later = MonotonicTime(nanoseconds: 5000)
        for situation in Self.all {
            let free = Self.decide(situation)
            let held = Self.decide(situation, wholeFilesFrom: later)
            if case .copy(let plan) = free, plan.isEpochOpen, plan.isWhole {
                #expect(held == .later(.wholeFileBackOff(until: later)), "\(situation)")
            } else {
                #expect(held == free, "\(situation)")
            }
        }
    }

    @Test func `the algorithm follows the option, and without one compares if any copy has content`() {
        var situation = Situation(missing: 1, pending: Self.unit)
        situation.newest = .closed
        func method(_ planner: HealPlanner) -> HealPlan.Work? {
            if case .copy(let plan) = Self.decide(situation, planner: planner) { plan.sinks[0].work } else { nil }
        }
        #expect(method(HealPlanner(quorum: .none)) == .whole(byChecksum: true))
        #expect(method(HealPlanner(algorithm: .full, quorum: .none)) == .whole(byChecksum: false))
        #expect(method(HealPlanner(algorithm: .diff, quorum: .none)) == .whole(byChecksum: true))
        var facts = Self.facts(situation)
        for i in 0..<2 { facts.iatts[i].size = 0 }
        let decision = HealPlanner(quorum: .none).decide(
            facts, epochs: { _ in Self.view(situation) }, hasAsked: true, now: MonotonicTime(nanoseconds: 0))
        guard case .copy(let plan) = decision else {
            Issue.record("\(decision)")
            return
        }
        #expect(plan.sinks[0].work == .whole(byChecksum: false))
    }

    @Test func `of three replicas each sink is decided by itself`() throws {
        // Replica 0 is the target. Replica 1 missed epochs 4 and 5, which are known; replica 2 also missed ordinary
        // writes.
        var matrix = PendingMatrix(replicas: 3)
        matrix.counts[0][1].data = Int32(2 * Self.unit)
        matrix.counts[0][2].data = Int32(2 * Self.unit + 3)
        var bypass = Array(repeating: Array(repeating: BypassCounts(), count: 3), count: 3)
        bypass[0][1] = BypassCounts(opened: 5, healed: 3)
        bypass[0][2] = BypassCounts(opened: 5, healed: 3)
        var iatt = Iatt()
        iatt.size = 10
        let facts = HealFacts(gfid: .root, matrix: matrix, bypass: bypass, iatts: [iatt, iatt, iatt], markRefused: [])
        let written = ByteRanges(ByteRange(start: 2, end: 4))
        let view = EpochView(run: { first, last in (last - first + 1, written) }, newest: .closed)
        let decision = HealPlanner(quorum: .auto).decide(
            facts, epochs: { _ in view }, hasAsked: true, now: MonotonicTime(nanoseconds: 0))
        guard case .copy(let plan) = decision else {
            Issue.record("\(decision)")
            return
        }
        #expect(plan.source == 0 && plan.target == 0)
        #expect(plan.sinks.map(\.work) == [.ranges(written), .whole(byChecksum: true)])
        #expect(plan.sinks.map(\.takenOff) == [Int32(2 * Self.unit), Int32(2 * Self.unit + 3)])
        #expect(plan.sinks.map(\.generation) == [5, 5])
        #expect(plan.method == .diff)
    }

    @Test func `a replica that was added later and has fewer opened epochs is no range sink`() {
        var matrix = PendingMatrix(replicas: 3)
        matrix.counts[0][1].data = Int32(Self.unit)
        matrix.counts[0][2].data = Int32(Self.unit)
        var bypass = Array(repeating: Array(repeating: BypassCounts(), count: 3), count: 3)
        bypass[0][1] = BypassCounts(opened: 9, healed: 8)
        bypass[0][2] = BypassCounts(opened: 1, healed: 0)
        var iatt = Iatt()
        iatt.size = 10
        let facts = HealFacts(gfid: .root, matrix: matrix, bypass: bypass, iatts: [iatt, iatt, iatt], markRefused: [])
        let view = EpochView(
            run: { first, last in (last - first + 1, ByteRanges(ByteRange(start: 0, end: 1))) }, newest: .closed)
        guard
            case .copy(let plan) = HealPlanner(quorum: .auto).decide(
                facts, epochs: { _ in view }, hasAsked: true, now: MonotonicTime(nanoseconds: 0))
        else {
            Issue.record("no plan")
            return
        }
        #expect(plan.sinks.map(\.work.method) == [.range, .diff])
    }

    @Test func `with several accusers, or a mark refused by another replica, bypass has no say`() {
        var matrix = PendingMatrix(replicas: 3)
        matrix.counts[0][2].data = 1
        matrix.counts[1][2].data = 2
        let bypass = Array(repeating: Array(repeating: BypassCounts(), count: 3), count: 3)
        var iatt = Iatt()
        iatt.size = 10
        var facts = HealFacts(gfid: .root, matrix: matrix, bypass: bypass, iatts: [iatt, iatt, iatt], markRefused: [])
        let planner = HealPlanner(quorum: .auto)
        let decide = { (facts: HealFacts) in
            planner.decide(
                facts, epochs: { _ in preconditionFailure("not asked") }, hasAsked: false,
                now: MonotonicTime(nanoseconds: 0))
        }
        guard case .copy(let plan) = decide(facts) else {
            Issue.record("no plan")
            return
        }
        #expect(plan.source == 0 && plan.sinks.map(\.replica) == [2] && plan.isWhole && plan.target == nil)
        facts.markRefused = [1]
        #expect(decide(facts) == .later(.epochElsewhere))
    }

    @Test func `a target with epochs is the source though another good copy is dirtier`() {
        // Goal: the file is healed at all. Method: transactions were left half-way on all replicas, oftener on one that
        // is as good as the target, which GlusterFS would then make the only source; replica 1 misses an epoch.
        var matrix = PendingMatrix(replicas: 3)
        matrix.counts[0][1].data = Int32(Self.unit)
        for (replica, dirty) in [1, 1, 3].enumerated() { matrix.dirty[replica].data = Int32(dirty) }
        var bypass = Array(repeating: Array(repeating: BypassCounts(), count: 3), count: 3)
        (bypass[0][1], bypass[0][2]) = (BypassCounts(opened: 6, healed: 5), BypassCounts(opened: 6, healed: 6))
        var small = Iatt(), large = Iatt()
        (small.size, large.size) = (10, 11)
        let view = EpochView(run: { _, _ in (0, ByteRanges()) }, newest: .closed)
        let decide = { (third: Iatt) in
            HealPlanner(quorum: .auto).decide(
                HealFacts(gfid: .root, matrix: matrix, bypass: bypass, iatts: [small, large, third], markRefused: []),
                epochs: { _ in view }, hasAsked: true, now: MonotonicTime(nanoseconds: 0))
        }
        guard case .copy(let plan) = decide(small) else {
            Issue.record("no plan: \(decide(small))")
            return
        }
        #expect(plan.source == 0 && plan.target == 0 && plan.isWhole && plan.sinks.map(\.replica) == [1, 2])
        // A larger one may have what was acknowledged last.
        #expect(decide(large) == .later(.targetIsNoSource))
    }

    @Test func `split-brain is left alone, whatever the epochs say`() {
        var matrix = PendingMatrix(replicas: 2)
        matrix.counts[0][1].data = Int32(Self.unit)
        matrix.counts[1][0].data = 1
        let bypass = Array(repeating: Array(repeating: BypassCounts(opened: 1, healed: 0), count: 2), count: 2)
        var iatt = Iatt()
        iatt.size = 10
        let facts = HealFacts(gfid: .root, matrix: matrix, bypass: bypass, iatts: [iatt, iatt], markRefused: [])
        let decision = HealPlanner(quorum: .none).decide(
            facts, epochs: { _ in preconditionFailure("not asked") }, hasAsked: false,
            now: MonotonicTime(nanoseconds: 0))
        #expect(decision == .splitBrain(accused: [0, 1], holders: [0]))
    }

    @Test(arguments: [QuorumRule.none, .auto, .fixed(1), .fixed(2)])
    func `no replica that alone has a bypass epoch becomes a sink, whoever accuses it`(quorum: QuorumRule) {
        // Goal: what was fsynced on the target is never overwritten by copies without it. Method: three replicas, every
        // matrix of no count, an ordinary one and one of an unhealed epoch; copies of one size and of several.
        let planner = HealPlanner(quorum: quorum)
        let counts: [Int32] = [0, 1, Int32(Self.unit)]
        let pairs = (0..<3).flatMap { i in (0..<3).filter { $0 != i }.map { (i, $0) } }
        for sizes in [[10, 10, 10], [10, 20, 20], [20, 10, 20]] as [[UInt64]] {
            for number in 0..<729 {
                var matrix = PendingMatrix(replicas: 3), rest = number
                var bypass = Array(repeating: Array(repeating: BypassCounts(), count: 3), count: 3)
                for (i, j) in pairs {
                    matrix.counts[i][j].data = counts[rest % 3]
                    if rest % 3 == 2 { bypass[i][j] = BypassCounts(opened: 4, healed: 3) }
                    rest /= 3
                }
                let iatts = sizes.map { size in
                    var iatt = Iatt()
                    iatt.size = size
                    return iatt
                }
                let facts = HealFacts(gfid: .root, matrix: matrix, bypass: bypass, iatts: iatts, markRefused: [])
                let view = EpochView(run: { _, _ in (0, ByteRanges()) }, newest: .closed)
                guard
                    case .copy(let plan) = planner.decide(
                        facts, epochs: { _ in view }, hasAsked: true, now: MonotonicTime(nanoseconds: 0))
                else { continue }
                let lost = plan.sinks.filter { bypass[$0.replica][plan.source].missing > 0 }
                #expect(lost.isEmpty, "\(matrix.counts.map { $0.map(\.data) }) \(sizes): \(plan)")
            }
        }
    }
}
